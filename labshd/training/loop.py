"""The training loop: an algorithm on a task, block by block; hands out every reading and pulse to be recorded."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np

from instruments.crosspoints import FloatArray
from instruments.errors import InputError
from labshd.training.algorithms import SGD, SHD, Algorithm
from labshd.training.calibration import Calibration
from labshd.training.fast import advance, loops_of
from labshd.training.pulse_train import Pulsing
from labshd.training.statistics import mean_of_series
from labshd.training.tasks import LinearTask, Task
from labshd.training.tile import Tile
from protocols.common.protocol import Points
from sim_device.arrays.device_array import Loop


@dataclass(frozen=True)
class Settings:
    """How to train: steps, rates, pulses, seed.

    `rate` is η (η_A of SHD), `transfer_rate` η_C, `every` τ, in weights (1 is half the range of the device); `decay` n
    divides the rates by 1 + step/n. `block` steps are handed out at a time (unless given: 1 on a bench, 50 where all is
    simulated, 500 by the compiled loop). `common_reference` refers core weights to the reference of the auxiliary array
    (the 3-array form), else to their own. Training stops before `steps` are done when it has diverged, or, where
    `tolerance` is given (in weights), when the mean of the last half of the weight is known that well and has stopped
    moving.
    """

    steps: int = 6000
    rate: float = 0.01
    transfer_rate: float = 0.01
    every: int = 5
    seed: int = 0
    block: int | None = None
    tolerance: float | None = None
    decay: int | None = None
    common_reference: bool = True
    pulsing: Pulsing = field(default_factory=Pulsing)

    def __post_init__(self) -> None:
        """Refuse what is no number of steps."""
        if self.steps < 1 or min(self.block or 1, self.decay or 1) < 1:
            raise InputError(f"steps = {self.steps}, block = {self.block}, decay = {self.decay}: give 1 or more")


@dataclass(frozen=True)
class Block:
    """Some steps of a training, done.

    Attributes
    ----------
    steps
        Columns of a table, one row a step: "step", "loss", the weight(s) and the pulses so far of each array.
    points
        By array, the readings taken with the pulses before each; of small arrays only.
    """

    steps: dict[str, FloatArray]
    points: dict[str, list[Points]]


class Training:
    """One task, one algorithm, the crosspoints it runs on: iterate `run`, then ask `result` and `figures`.

    Attributes
    ----------
    task, layers, settings
        What is trained, on what, and how.
    history
        Columns of all steps so far, as in `Block.steps`.
    why_stopped
        In one sentence; empty while it runs or when it was interrupted.
    """

    def __init__(self, task: Task, layers: Sequence[Algorithm], settings: Settings, calibration: Calibration) -> None:
        self.task, self.layers, self.settings, self.calibration = task, list(layers), settings, calibration
        self.why_stopped = ""
        self.diverged = False
        self.fast = True  # simulated crosspoints are trained by the compiled loop where that knows the algorithm
        self._rng = np.random.Generator(np.random.Philox([settings.seed, 1]))
        self._blocks: list[dict[str, FloatArray]] = []
        self._steps = 0

    @property
    def history(self) -> dict[str, FloatArray]:
        """Columns of all steps so far."""
        names = self._blocks[0] if self._blocks else {}
        return {name: np.concatenate([block[name] for block in self._blocks]) for name in names}

    @property
    def tiles(self) -> list[Tile]:
        """Every tile of every layer."""
        return [tile for layer in self.layers for tile in layer.tiles]

    @property
    def interrupted(self) -> bool:
        """Whether it has not come to an end of its own (yet)."""
        return not self.why_stopped

    @property
    def pulses(self) -> int:
        """Pulses so far, of either sign, on all crosspoints."""
        return sum(tile.pulses for tile in self.tiles)

    def run(self) -> Generator[Block, None, str]:
        """Train: yields blocks as they are done, returns why it stopped. What was done is yielded even on failure."""
        loops = loops_of(self.task, self.layers) if self.fast else None
        size = self.settings.block or self._usual_block(loops)
        while not self.why_stopped:
            some = min(size, self.settings.steps - self._steps)
            if loops is not None:
                yield self._compiled(some, loops)
            else:
                yield from self._stepped(some)
            self.why_stopped = self._reason()
        return self.why_stopped

    def _usual_block(self, loops: list[Loop] | None) -> int:
        """On a bench every step is handed out at once: it is on disk before the next pulse."""
        if loops is not None:
            return 500
        return 50 if all(tile.main.origin.kind == "simulated" for tile in self.tiles) else 1

    def position(self) -> dict[str, Any]:
        """Where the loop itself is: steps done and the state of its random numbers; JSON-able."""
        state: Any = self._rng.bit_generator.state
        return {"steps": self._steps, "random": _listed(state)}

    def go_on_from(self, position: dict[str, Any], history: dict[str, FloatArray]) -> None:
        """Take up a `position` with the columns of all steps before it."""
        self._steps = int(position["steps"])
        bits: Any = self._rng.bit_generator
        bits.state = position["random"]
        self._blocks = [history] if history else []
        self.why_stopped, self.diverged = "", False

    def _compiled(self, number: int, loops: list[Loop]) -> Block:
        task, layer = cast("LinearTask", self.task), cast("SGD | SHD", self.layers[0])
        columns = advance(task, layer, loops, self._rng, self._factors(number))
        columns = {"step": np.arange(self._steps + 1.0, self._steps + number + 1.0)} | columns
        self._steps += number
        return self._block(columns)

    def _stepped(self, number: int) -> Generator[Block]:
        rows: list[dict[str, float]] = []
        try:
            rows.extend(self._step() for _ in range(number))
        finally:
            yield self._block({name: np.array([row[name] for row in rows]) for name in rows[0]} if rows else {})

    def finish(self) -> Training:
        """Run to the end without recording; gives itself."""
        for _ in self.run():
            pass
        return self

    def _factors(self, number: int) -> FloatArray:
        """``1/(1 + step/decay)`` of the next steps."""
        done = self._steps + np.arange(number)
        return np.ones(number) if self.settings.decay is None else 1.0 / (1.0 + done / self.settings.decay)

    def _step(self) -> dict[str, float]:
        for layer in self.layers:
            layer.factor = float(self._factors(1)[0])
        loss = self.task.step(self.layers, self._rng)
        self._steps += 1
        row = {"step": float(self._steps), "loss": loss}
        for tile in self.tiles:
            row |= tile.columns()
        return row

    def _block(self, columns: dict[str, FloatArray]) -> Block:
        if columns:
            self._blocks.append(columns)
        return Block(columns, {tile.name: tile.taken() for tile in self.tiles})

    def _reason(self) -> str:
        if self._diverged():
            self.diverged = True
            return f"diverged after {self._steps} steps: the loss is beyond any that the weights can reach"
        if self._steps >= self.settings.steps:
            return f"all {self.settings.steps} steps done"
        if self.settings.tolerance is not None and self._settled(self.settings.tolerance):
            return f"settled after {self._steps} steps: weight known to {self.settings.tolerance:g}"
        return ""

    def _diverged(self) -> bool:
        recent = self._recent("loss", 200)
        return len(recent) >= 200 and not np.mean(recent) <= self.task.hopeless_loss(self.calibration.reach)

    def _settled(self, tolerance: float) -> bool:
        """Whether the last half stands still: known to `tolerance`, its two halves alike, and long enough to tell."""
        name = f"{self.layers[0].core.name}_weight"  # a column of trainings of one weight only
        if self._steps < 300 or name not in self._blocks[0]:
            return False
        tail = self._recent(name, self._steps // 2)
        whole, first, second = (mean_of_series(part) for part in (tail, *np.array_split(tail, 2)))
        apart = abs(first.mean - second.mean) / np.hypot(first.std, second.std)
        return whole.std < tolerance and apart < 2 and whole.effective_samples >= 10

    def _recent(self, name: str, steps: int) -> FloatArray:
        parts: list[FloatArray] = []
        left = steps
        for block in reversed(self._blocks):
            parts.append(block[name])
            left -= len(block[name])
            if left <= 0:
                break
        return np.concatenate(parts[::-1])[-steps:]


def _listed(state: Any) -> Any:
    """The state of a bit generator with lists for arrays, which it takes back."""
    if isinstance(state, dict):
        return {key: _listed(value) for key, value in cast("dict[str, Any]", state).items()}
    return state.tolist() if isinstance(state, np.ndarray) else state
