"""Records a training as a run: every reading, step and pulse as it comes; and rebuilds it from the run."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np

from instruments.crosspoints import Crosspoints
from instruments.errors import InputError
from labshd.common.progress import Progress
from labshd.common.provenance import What
from labshd.recording.recorder import RecordedStation, Recording, recording
from labshd.runs.run import Run, open_run
from labshd.training import Calibration, Pulsing, Settings, Training, result
from labshd.training.assembly import Arrays, layer_of
from labshd.training.checkpoint import resume, save
from labshd.training.loop import Block
from labshd.training.registry import settings_of, task_from
from labshd.training.start import Start, to_zero
from labshd.training.tile import Tile
from protocols.common.protocol import Points

CHECKPOINT = "checkpoint.npz"  # name of the checkpoint in the folder of a training
CHECKPOINT_EVERY = 30.0  # seconds
TWIN_STEPS = "steps-fitted.csv"  # of the same training on the fitted devices, beside those of the bench
EVALUATION = "evaluation"  # phase of readings that tell how good the weights are


@dataclass(frozen=True)
class Kept:
    """What a run keeps of its training beside the training itself.

    `start`: core weights are programmed to zero first. `settings` and `result` are added to those of the run; `files`
    puts further files into its folder, before the first step.
    """

    start: Start | None = None
    settings: Mapping[str, Any] = field(default_factory=dict[str, Any])
    result: Callable[[Training], Mapping[str, Any]] = lambda _: {}
    files: Callable[[Path], object] = lambda _: None


def record_training(
    training: Training,
    auxiliary: Calibration,
    *,
    runs: str | Path | None = None,
    station: RecordedStation | None = None,
    progress: Progress | None = None,
    resumed: Path | None = None,
    kept: Kept | None = None,
) -> Run:
    """Run a training and keep every reading, step and pulse; gives the run. Ends safe, however it ends.

    `auxiliary` is the calibration of A. `resumed` is the folder of a training, made with the same arguments, that this
    one goes on from.
    """
    kept = kept or Kept()
    if resumed is not None:
        resume(training, resumed / CHECKPOINT)
    settings = training.settings
    what = What("train", training.task.name, _described(training, auxiliary, kept, resumed), settings.seed)
    blocks = [tile.main for tile in training.tiles]
    with recording(what, blocks, runs=runs, station=station, progress=progress, total=settings.steps) as made:
        kept.files(made.folder)
        try:
            _drive(training, made, kept.start if resumed is None else None)
        finally:
            numbers, last = ending(training, auxiliary)
            made.result({**numbers, **kept.result(training)})
            _put(last, made)
    return open_run(made.folder)


def _drive(training: Training, made: Recording, start: Start | None) -> None:
    core = f"{training.layers[0].core.name}_weight"
    saved = time.monotonic()
    for block in started(training, start):
        _put(block, made)
    for block in training.run():
        _put(block, made)
        if block.steps:
            shown = block.steps.get(core, block.steps["loss"])[-1]
            made.steps(block.steps, f"{'weight' if core in block.steps else 'loss'} {shown:.3f}")
        if time.monotonic() - saved > CHECKPOINT_EVERY:
            save(training, made.folder / CHECKPOINT)
            saved = time.monotonic()
    save(training, made.folder / CHECKPOINT)
    made.why_stopped = training.why_stopped


def _put(block: Block, made: Recording) -> None:
    for array, points in block.points.items():
        for some in points:
            made.points(some, array, advance=False)


def started(training: Training, start: Start | None) -> Iterator[Block]:
    """Core weights brought to zero, where that was asked for: points without steps."""
    for layer in training.layers if start is not None else ():
        for points in to_zero(layer.core, start or Start()):
            yield Block({}, {layer.core.name: [points]})


def ending(training: Training, auxiliary: Calibration) -> tuple[dict[str, Any], Block]:
    """Numbers of a training, whole or interrupted; the readings that they took, and pulses not told of yet."""
    for tile in training.tiles if training.why_stopped else ():
        tile.phase = EVALUATION
    numbers = result(training, auxiliary)
    for tile in training.tiles:
        tile.tell()
    return numbers, Block({}, {tile.name: tile.taken() for tile in training.tiles})


def _described(training: Training, auxiliary: Calibration, kept: Kept, resumed: Path | None) -> dict[str, Any]:
    """Everything that the training was given, for its run."""
    return {
        "algorithm": training.layers[0].name,
        "formula": training.layers[0].formula,
        "task": settings_of(training.task),
        **asdict(training.settings),
        "calibration": {"core": asdict(training.calibration), "auxiliary": asdict(auxiliary)},
        "arrays": {tile.name: tile.main.name for tile in training.tiles},
        "crosspoints": {tile.name: names_of(tile) for tile in training.tiles},
        "references": {tile.name: _reference(tile) for tile in training.tiles},
        "start": None if kept.start is None else asdict(kept.start),
        "resumed": None if resumed is None else str(resumed),
        **kept.settings,
    }


def names_of(tile: Tile) -> list[list[str]] | None:
    """Names of the crosspoints of a tile where they have names of their own; None for a simulated array."""
    names = getattr(tile.main, "names", None)
    if names is not None:
        return np.asarray(names).tolist()
    return [[tile.main.name]] if tile.main.shape == (1, 1) else None


def _reference(tile: Tile) -> Any:
    if isinstance(tile.reference, Crosspoints):
        return {"crosspoints": tile.reference.name}
    return tile.reference.tolist()


def training_of(
    run: Run, block: Callable[[list[list[str]]], Crosspoints]
) -> tuple[Training, Calibration, Start | None]:
    """The training of a run as it was before its first step, on what `block` gives for names of crosspoints.

    With the calibration of A, and how core weights were started. `InputError` where the run does not keep all of it.
    """
    said: dict[str, Any] = run.info.get("settings", {})
    chosen: dict[str, Any] = {one.name: said[one.name] for one in fields(Settings) if one.name in said}
    try:
        names, references = said["crosspoints"], said["references"]
        of_core, of_a = (Calibration(**said["calibration"][key]) for key in ("core", "auxiliary"))
        chosen["pulsing"] = Pulsing(**said["pulsing"])
        settings = Settings(**chosen)
        task, start = task_from(run.name, said["task"]), said["start"]
    except (KeyError, TypeError) as error:
        raise InputError(f"{run.id} does not keep all that its training was made of ({error})") from error
    if said.get("resumed"):
        raise InputError(
            f"{run.id} goes on from {said['resumed']}: only trainings from their beginning can be replayed"
        )
    if set(names) - {"core", "auxiliary"} or None in names.values():
        raise InputError(
            f"{run.id} is a training of simulated arrays or of several layers; it has no crosspoints by name"
        )
    if any(isinstance(reference, dict) for reference in references.values()):
        raise InputError(f"{run.id} has reference crosspoints, whose readings it does not keep")
    alone = "auxiliary" not in names
    arrays = Arrays(
        block(names["core"]),
        None if alone else block(names["auxiliary"]),
        np.asarray(references["core"]),
        None if alone else np.asarray(references["auxiliary"]),
    )
    layer = layer_of(said["algorithm"], arrays, of_a, of_core, settings)
    return Training(task, [layer], settings, of_core), of_a, None if start is None else Start(**start)


def points_of(blocks: Iterator[Block]) -> Iterator[tuple[str, Points]]:
    """Array and points, one by one, in the order in which a run keeps them."""
    for block in blocks:
        for array, points in block.points.items():
            for some in points:
                yield array, some
