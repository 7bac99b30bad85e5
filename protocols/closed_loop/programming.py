"""Programming a block: finds the window by driving it, then brings all crosspoints to a target."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass

import numpy as np

from instruments.crosspoints import FloatArray, IntArray
from instruments.errors import InputError
from protocols.analysis.program.outcome import REST, VERIFY, phase_of, stalled
from protocols.closed_loop.approach import Approach, Move, StepOf, pair_at
from protocols.common.protocol import Points
from protocols.common.watch import Watch
from sim_device.models.device_model import DeviceModel

__all__ = ["REST", "Way", "drive", "guessed_steps", "model_steps"]

_EDGE = 0.1  # of a window seen by driving: left out at either end, where pulses hardly move it
_CHUNK = 10  # readings averaged for a step of a drive
_DONE, _GIVEN_UP = 1, 2

Window = tuple[float, float]


def drive(
    watch: Watch, pulses: int, noise: FloatArray
) -> Generator[Points, None, tuple[Window, dict[tuple[int, int], StepOf]] | None]:
    """Down, then up: the window that the crosspoints share, less a tenth at either end, and the steps of each.

    A crosspoint that does not move ends as stuck. None where nothing goes on. Raises `InputError` where the windows
    have nothing in common.
    """
    down = yield from watch.apply("window, down", np.full(pulses, -1))
    up = yield from watch.apply("window, up", np.full(pulses, 1))
    if len(down) < pulses or len(up) < pulses:
        return None
    low, high = down.conductance[-5:].mean(axis=0), up.conductance[-5:].mean(axis=0)
    for row, column in np.argwhere(~(high - low > 5 * noise)).tolist():
        watch.end(row, column, f"stuck: {pulses} pulses down and {pulses} up moved it by no more than its noise")
    if not watch.active:
        return None
    ends = float(low[watch.going].max()), float(high[watch.going].min())
    edge = _EDGE * (ends[1] - ends[0])
    if edge <= 0:
        raise InputError("the windows of these crosspoints have nothing in common; program them one by one")
    steps: dict[tuple[int, int], StepOf] = {
        (row, column): _driven_steps(up.conductance[:, row, column], down.conductance[:, row, column])
        for row, column in np.argwhere(watch.going).tolist()
    }
    return (ends[0] + edge, ends[1] - edge), steps


def _driven_steps(up: FloatArray, down: FloatArray) -> StepOf:
    """Steps as straight lines in G through the drives, chunk by chunk; a tenth of the mean step at least."""
    lines: dict[int, tuple[float, float, float]] = {}
    for direction, g in ((1, up), (-1, down)):
        means = g[: len(g) // _CHUNK * _CHUNK].reshape(-1, _CHUNK).mean(axis=1)
        step: FloatArray = direction * np.diff(means) / _CHUNK
        middle: FloatArray = (means[1:] + means[:-1]) / 2
        slope = float(np.polyfit(middle, step, 1)[0]) if step.size > 2 and np.ptp(middle) > 0 else 0.0
        mean = max(float(step.mean()), 1e-300)
        lines[direction] = (mean - slope * float(middle.mean()), slope, 0.1 * mean)

    def step_of(g: float, direction: int) -> float:
        at_zero, slope, least = lines[direction]
        return max(at_zero + slope * g, least)

    return step_of


def model_steps(model: DeviceModel) -> tuple[StepOf, float]:
    """Steps of a fitted device, and how well their logarithm is known."""

    def step_of(g: float, direction: int) -> float:
        return abs(float(model.step_up(g) if direction > 0 else model.step_down(g)))

    return step_of, 0.3


def guessed_steps(window: Window) -> StepOf:
    """Steps where nothing is known but a window: a hundredth of it, falling towards the bound that they go to."""
    low, high = window
    reach = 1.2 * (high - low)

    def step_of(g: float, direction: int) -> float:
        left = (high - g if direction > 0 else g - low) / reach + 0.1
        return 0.02 * (high - low) * min(max(left, 0.05), 1.0)

    return step_of


@dataclass
class Way:
    """All crosspoints of a block on their way to one target [unit]; each stops by itself."""

    watch: Watch
    ways: dict[tuple[int, int], Approach]
    noise: FloatArray
    target: float
    tolerance: float

    def go(self, most: int, verify: int) -> Generator[Points, None, int]:
        """Pulse and read until all are there, given up, or have had `most` pulses; then verify. How many are there."""
        shape = self.watch.crosspoints.shape
        phase = phase_of(self.target, self.tolerance, self.watch.crosspoints.unit)
        start = yield from self.watch.rest(phase, 1)
        now, spent, state = start.conductance[-1], np.zeros(shape, dtype=np.int64), np.zeros(shape, dtype=np.int64)
        course, counts = [now], [spent.copy()]
        while True:
            self._arrive(state, now)
            self._give_up(state, np.array(course), np.array(counts))
            moving = self.watch.going & (state == 0) & (spent < most)
            if not moving.any():
                break
            cells: list[tuple[int, int]] = [(row, column) for row, column in np.argwhere(moving).tolist()]
            moves = {cell: self._limited(cell, now, most - int(spent[cell])) for cell in cells}
            for level in sorted({move.level for move in moves.values()}):
                count = np.zeros((1, *shape), dtype=np.int64)
                for cell, move in moves.items():
                    count[0][cell] = move.count if move.level == level else 0
                pulses = pair_at(level, self.watch.crosspoints.pulses)
                readings = yield from self.watch.apply(phase, count, pulses)
                if not len(readings):
                    break
                before, now = now, readings.conductance[-1]
                self._learn(moves, level, before, now)
                spent += np.abs(count[0]) * self.watch.going
                course.append(now)
                counts.append(count[0])
        yield from self.watch.rest(VERIFY, verify)
        return int(np.sum(state == _DONE))

    def _limited(self, cell: tuple[int, int], now: FloatArray, left: int) -> Move:
        move = self.ways[cell].move(float(now[cell]), self.target, self.tolerance)
        return Move(int(np.sign(move.count)) * min(abs(move.count), left), move.level)

    def _learn(self, moves: dict[tuple[int, int], Move], level: float, before: FloatArray, now: FloatArray) -> None:
        for cell, move in moves.items():
            if move.level == level and np.isfinite(before[cell]) and np.isfinite(now[cell]):
                self.ways[cell].saw(float(before[cell]), float(now[cell]), move)

    def _arrive(self, state: IntArray, now: FloatArray) -> None:
        for row, column in np.argwhere(state == 0).tolist():
            g = float(now[row, column])
            if np.isfinite(g) and self.ways[row, column].arrived(g, self.target, self.tolerance):
                state[row, column] = _DONE

    def _give_up(self, state: IntArray, course: FloatArray, counts: IntArray) -> None:
        """Crosspoints that many pulses one way did not move: this target is left, the others are tried."""
        for row, column in np.argwhere((state == 0) & self.watch.going).tolist():
            g, pulsed, noise = course[:, row, column], counts[:, row, column], float(self.noise[row, column])
            if stalled(g, pulsed, noise, self.tolerance):
                state[row, column] = _GIVEN_UP
