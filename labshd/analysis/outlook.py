"""What SHD would do with a fitted device as its auxiliary array A, beside plain SGD, from simulated trainings."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from pydantic import BaseModel, ValidationError

from instruments.errors import InputError
from instruments.value_text import count_text, percent_text
from labshd.analysis.fit import FIT
from labshd.common.progress import NoProgress, Progress
from labshd.runs.json_files import read_json
from labshd.runs.run import Run
from labshd.training import Calibration, OneParameter, Settings, Training, one_weight, result
from labshd.training.damping import Oscillator, measured_oscillator
from sim_device.arrays.crosspoints import SimCrosspoints
from sim_device.models.fitted import FittedDevice

SEEDS = range(16)  # of samples, pulse trains and devices: errors are then known to a fifth
ROOM = 1.5  # a target has to lie this much nearer to zero than the end of what the device covers
TITLE = "outlook for SHD"


@dataclass(frozen=True)
class OverSeeds:
    """Mean over trainings of different seeds, its standard error, and the standard deviation of a single one."""

    value: float
    std: float
    scatter: float


@dataclass(frozen=True)
class Ending:
    """How trainings by one algorithm end. All in shares of the range of the device, 2 in weights.

    Attributes
    ----------
    error
        Mean of C over the last half of the steps, minus the target: below zero where C falls short of one above zero.
    swing
        Standard deviation of C, as read, over the last tenth of the steps.
    predicted
        `error` by theory.
    diverged
        How many of the trainings diverged.
    """

    error: OverSeeds
    swing: OverSeeds
    predicted: float
    diverged: int


@dataclass(frozen=True)
class Outlook:
    """One weight trained on simulations of a fitted device, by SHD with it as A and C, and by plain SGD.

    Attributes
    ----------
    seeds, steps, target
        How many trainings by each algorithm, of how many steps, to which weight (1 is half the range).
    shd, sgd
        How they end.
    oscillator
        Damping of A [per step] and period [steps], measured in the trainings by SHD.
    damping, period
        The same by theory, for the settings and the asymmetry at the symmetry point; period without damping.
    shift
        What C moves by, in shares of the range, where the symmetry point is taken one standard error too high;
        None where it has no standard error.
    accepted
        Whether the model of the device was accepted.
    """

    seeds: int
    steps: int
    target: float
    shd: Ending
    sgd: Ending
    oscillator: Oscillator
    damping: float
    period: float
    shift: float | None
    accepted: bool

    @property
    def sentence(self) -> str:
        """All this in one sentence."""
        damping = percent_text(self.oscillator.damping, self.oscillator.damping_std)
        lost = self.shd.diverged + self.sgd.diverged
        return (
            f"As A of SHD this device would be damped by {damping} per step; after {count_text(self.steps)} steps C "
            f"would end {_distance(self.shd, ' of its range')} its target (plain SGD: {_distance(self.sgd)}), swinging "
            f"by {_percent(self.shd.swing)} (SGD: {_percent(self.sgd.swing)}); "
            + self._shifted()
            + (f"; {lost} of {2 * self.seeds} trainings diverged" if lost else "")
            + ("" if self.accepted else "; its model was not accepted, so that this is a guess")
            + "."
        )

    def _shifted(self) -> str:
        if self.shift is None:
            return "how far an error of the symmetry point would shift it is not known, since that has no error"
        where = "lower" if self.shift <= 0 else "higher"
        by = percent_text(abs(self.shift), None)
        return f"a symmetry point taken one standard error too high would put it {by} of the range {where}"

    def json(self) -> dict[str, Any]:
        """As one JSON object, the sentence with it; None where there is no number."""
        return _finite({"usable": True, "sentence": self.sentence, **asdict(self)})


def outlook_of(
    fitted: FittedDevice,
    *,
    seeds: Sequence[int] = SEEDS,
    progress: Progress | None = None,
    settings: Settings | None = None,
) -> Outlook | str:
    """Train one weight on simulations of a fitted device, once for each of the `seeds` by SHD and by SGD.

    Task and settings are those of ``labshd train one-parameter`` unless `settings` says otherwise (its seed does not
    count); the target is −0.5 where the device holds no 0.5. Devices begin at the symmetry point, as a bench is
    programmed to before a training. Nothing is recorded. A sentence is given instead where SHD cannot be trained on
    this device. `InputError` for fewer than two seeds, which have no error.
    """
    if len(set(seeds)) < 2:
        raise InputError("an outlook takes two or more different seeds: its errors are those over seeds")
    point = fitted.symmetry_point
    if why := fitted.verdict.unfit_for_auxiliary:
        return _unusable(why)
    if point is None:
        return _unusable("it has no symmetry point in the measured range")
    try:
        calibration = Calibration.from_fitted(fitted)
        task = _task_within(calibration.reach)
        task.check_reach(calibration.reach)
    except InputError as error:
        return _unusable(str(error))
    return _Trainings(fitted, calibration, task, settings or Settings()).outlook(seeds, progress or NoProgress())


def told_of(fitted: Callable[[], FittedDevice], progress: Progress | None = None) -> dict[str, Any]:
    """What `labshd fit` keeps of an outlook: "sentence", "usable", and numbers where it is usable.

    `fitted` gives the device; where it raises `InputError`, that is the reason.
    """
    try:
        found = outlook_of(fitted(), progress=progress)
    except InputError as error:
        found = _unusable(str(error))
    return {"usable": False, "sentence": found} if isinstance(found, str) else found.json()


def kept_sentence(run: Run) -> str:
    """The sentence kept beside the fit of a run, "" where none is; `InputError` where it is damaged."""
    path = run.folder / FIT
    try:
        kept = _Kept.model_validate(read_json(path)) if path.exists() else _Kept()
    except ValidationError as error:
        raise InputError(f"{path}: the outlook kept there is damaged: {error}") from None
    return kept.outlook.sentence if kept.outlook else ""


class _KeptSentence(BaseModel):
    sentence: str


class _Kept(BaseModel):
    outlook: _KeptSentence | None = None


@dataclass(frozen=True)
class _Trainings:
    """Trainings of one weight on one fitted device."""

    fitted: FittedDevice
    calibration: Calibration
    task: OneParameter
    settings: Settings

    def outlook(self, seeds: Sequence[int], progress: Progress) -> Outlook:
        """Train with every seed and put the numbers together."""
        progress.start(2 * len(seeds) * self.settings.steps)
        try:
            shd, sgd = ([self._trained(name, seed, progress) for seed in seeds] for name in ("shd", "sgd"))
        finally:
            progress.stop()
        by_shd, by_sgd = ([result(one) for one in each] for each in (shd, sgd))
        theory: dict[str, float] = by_shd[0]["prediction"]
        std, scale = self.calibration.reference_std, self.calibration.scale
        return Outlook(
            len(seeds),
            self.settings.steps,
            self.task.target,
            self._ending(shd, by_shd),
            self._ending(sgd, by_sgd),
            measured_oscillator([one.history for one in shd], self.task, self.settings.every),
            theory.get("damping", math.nan),
            theory.get("period", math.nan),
            theory["bias_per_reference_error"] * std / scale / 2 if theory and std > 0 else None,
            self.fitted.verdict.accepted,
        )

    def _trained(self, algorithm: str, seed: int, progress: Progress) -> Training:
        """Devices are drawn as for `labshd train --device`; both stand at zero."""
        auxiliary, core = (
            SimCrosspoints.from_fitted(
                self.fitted, seed=2 * seed + which, name=name, initial=self.calibration.reference
            )
            for which, name in enumerate(("auxiliary", "core"))
        )
        training = one_weight(
            self.task, algorithm, core, self.calibration,
            auxiliary=None if algorithm == "sgd" else auxiliary, settings=replace(self.settings, seed=seed),
        )  # fmt: skip
        before = 0
        for block in training.run():
            progress.advance(len(block.steps.get("step", ())), training.pulses - before, f"{algorithm}, seed {seed}")
            before = training.pulses
        return training

    def _ending(self, trainings: Sequence[Training], results: Sequence[dict[str, Any]]) -> Ending:
        swings = [_swing(one.history["core_weight"]) for one in trainings]
        final: float = results[0]["prediction"].get("final", math.nan)
        return Ending(
            _over_seeds([one["error_relative_to_range"] for one in results]),
            _over_seeds(swings),
            (final - self.task.target) / 2,
            sum(one.diverged for one in trainings),
        )


def _task_within(reach: tuple[float, float]) -> OneParameter:
    """The task of `labshd train`, to the other side of zero where a device with an end near its zero asks for it."""
    task = OneParameter()
    return task if reach[1] >= ROOM * task.target else OneParameter(target=-task.target)


def _swing(weight: np.ndarray[Any, np.dtype[np.float64]]) -> float:
    return float(np.std(weight[-max(1, len(weight) // 10) :])) / 2


def _over_seeds(values: Sequence[float | None]) -> OverSeeds:
    numbers = np.array([math.nan if value is None else value for value in values])
    scatter = float(numbers.std(ddof=1))
    return OverSeeds(float(numbers.mean()), scatter / math.sqrt(len(numbers)), scatter)


def _distance(ending: Ending, of: str = "") -> str:
    side = "below" if ending.error.value < 0 else "above"
    return f"{percent_text(abs(ending.error.value), ending.error.std)}{of} {side}"


def _percent(share: OverSeeds) -> str:
    return percent_text(share.value, share.std)


def _unusable(why: str) -> str:
    return f"SHD cannot use this device as its A: {why.rstrip('.')}."


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(one) for key, one in value.items()}  # pyright: ignore[reportUnknownVariableType]
    return None if isinstance(value, float) and not math.isfinite(value) else value
