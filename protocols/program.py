"""Program: write and verify until each target conductance is reached within a tolerance."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from instruments.crosspoints import Crosspoints
from instruments.errors import InputError
from instruments.foreseen import Foreseen, pulses_of
from instruments.units import Siemens, Volts, text
from protocols.analysis.program import outcome as program_outcome
from protocols.closed_loop.approach import Approach, Fixed, Guided, Incremental, Range, StepOf, pair_at
from protocols.closed_loop.programming import REST, Way, drive, guessed_steps, model_steps
from protocols.common.protocol import Series, Steps
from protocols.common.stop_rules import amount
from protocols.common.watch import Stoppable

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from sim_device.models.device_model import DeviceModel


class Program(Stoppable):
    """Settings of `program`; without a target it programs `levels` evenly spaced ones, to learn how well that goes."""

    name: ClassVar[str] = "program"
    title: ClassVar[str] = "write and verify to target conductances; pulses needed and what is left"
    not_foreign: ClassVar[str] = "its targets are needed, and points alone do not tell where they were to lead"

    target: Siemens | None = Field(default=None, gt=0, description="conductance to reach; several levels if not given")
    levels: int = Field(default=5, ge=1, description="targets, evenly spaced over the window, where no target is given")
    repeats: int = Field(default=1, ge=1, description="times that the targets are programmed, in an order by the seed")
    tolerance: Siemens | None = Field(
        default=None, gt=0, description="reached when within ± this; tolerance_share of the window if not given"
    )
    tolerance_share: float = Field(default=0.01, gt=0, lt=0.5, description="tolerance as a share of the window")
    method: Literal["guided", "incremental", "fixed"] = Field(
        default="guided", description="guided by a model, incremental (voltage ramp), or fixed pulses"
    )
    device: str = Field(default="", description="fitted device file that guides; an estimate on the way if not given")
    vary: Literal["voltage", "count"] = Field(
        default="voltage", description="guided: choose the voltage of a pulse, or how many of the station's pulses"
    )
    lowest: Volts | None = Field(default=None, gt=0, description="smallest voltage up; half the station's if not given")
    highest: Volts | None = Field(default=None, gt=0, description="largest voltage up; the station's if not given")
    increment: Volts = Field(
        default=0.05, gt=0, description="incremental: by how much a pulse up is above the one before"
    )
    low: Siemens | None = Field(default=None, ge=0, description="lower end of the window, where it is known")
    high: Siemens | None = Field(default=None, gt=0, description="upper end of the window, where it is known")
    drive: int = Field(default=150, ge=20, description="pulses down, then up, that find a window that is not known")
    most: int = Field(default=300, ge=1, description="pulses for one target at most")
    burst: int = Field(default=20, ge=1, description="guided: pulses at most between two readings")
    verify: int = Field(default=5, ge=1, description="readings after a target was reached, for what is left")
    rest: int = Field(default=10, ge=3, description="readings before the first pulse, for the read noise")
    seed: int = Field(default=0, ge=0, description="of the order of targets")

    def planned_readings(self, shape: tuple[int, int]) -> int:
        """Every target with all of its pulses."""
        targets = 1 if self.target is not None else self.levels
        return self.rest + 2 * self.drive + targets * self.repeats * (self.most + self.verify)

    def foreseen(self, crosspoints: Crosspoints) -> Foreseen:
        """The drives that find a window that is not known, and every target with all of its pulses."""
        allowed, station = self._allowed(crosspoints), crosspoints.pulses
        known = self._window(self._model(crosspoints)) is not None
        targets = 1 if self.target is not None else self.levels
        most = (0 if known else 2 * self.drive) + targets * self.repeats * self.most
        levels = {allowed.lowest, allowed.highest} | ({1.0} if not known or self.method == "fixed" else set[float]())
        shapes = pulses_of([pair_at(level, station) for level in sorted(levels)])
        lower = "most, levels or repeats" if known else "most, levels, repeats or drive"
        return Foreseen(self.name, lower, self.stopped_at(most, max(self.burst, 1)), shapes)

    def run(self, crosspoints: Crosspoints) -> Steps:
        """Find the window where it is not known, then go from target to target."""
        if crosspoints.unit != "S" and any(v is not None for v in (self.target, self.tolerance, self.low, self.high)):
            raise InputError(
                f"target, tolerance, low and high are in siemens, but these crosspoints are in units of "
                f"'{crosspoints.unit}'; use levels and tolerance_share"
            )
        allowed, model = self._allowed(crosspoints), self._model(crosspoints)
        window = self._window(model)
        if window is not None:
            self._refuse_outside(window)
        watch = self.watch(crosspoints)
        rest = yield from watch.rest(REST, self.rest)
        noise = np.maximum(np.nan_to_num(rest.conductance.std(axis=0, ddof=1)), 1e-300)
        steps: dict[tuple[int, int], StepOf] = {}
        if window is None:
            found = yield from drive(watch, self.drive, noise)
            if found is None:
                return watch.reason("it ended before the window was known")
            window, steps = found
            self._refuse_outside(window)
        station = abs(crosspoints.pulses.up.voltage)
        ways: dict[tuple[int, int], Approach] = {}
        for cell in np.ndindex(*crosspoints.shape):
            row, column = cell
            step, known = model_steps(model) if model is not None else (steps.get((row, column)), 0.3)
            step, known = (step, known) if step is not None else (guessed_steps(window), 1.5)
            ways[row, column] = self._approach(step, known, allowed, float(noise[row, column]), station)
        tolerance = self.tolerance if self.tolerance is not None else self.tolerance_share * (window[1] - window[0])
        reached, targets = 0, self._targets(window)
        for target in targets:
            way = Way(watch, ways, noise, target, tolerance)
            reached += yield from way.go(self.most, self.verify)
        wanted = len(targets) * watch.going.size
        return watch.reason(f"{reached} of {wanted} targets reached within ± {amount(tolerance, crosspoints.unit)}")

    def _allowed(self, crosspoints: Crosspoints) -> Range:
        """Voltages as multiples of the station's pulse up."""
        station = abs(crosspoints.pulses.up.voltage)
        if self.vary == "count" and self.method == "guided":
            return Range(1.0, 1.0, self.burst)
        highest = (self.highest if self.highest is not None else max(station, self.lowest or 0.0)) / station
        lowest = self.lowest / station if self.lowest is not None else min(0.5, highest)
        if lowest > highest:
            raise InputError(
                f"lowest {text(lowest * station, 'V')} is above highest {text(highest * station, 'V')}; swap them"
            )
        return Range(lowest, highest, self.burst)

    def _model(self, crosspoints: Crosspoints) -> DeviceModel | None:
        if not self.device:
            return None
        from sim_device.models.fitted import FittedDevice

        fitted = FittedDevice.load(Path(self.device))
        if fitted.unit != crosspoints.unit:
            raise InputError(f"{self.device} is in {fitted.unit}, these crosspoints are in {crosspoints.unit}")
        return fitted.model()

    def _window(self, model: DeviceModel | None) -> tuple[float, float] | None:
        """As given, else where the steps of the fitted device are at least a fifth of their largest; None else."""
        low, high = self.low, self.high
        if model is not None:
            grid = np.linspace(model.g_min, model.g_max, 201)
            up, down = np.abs(model.step_up(grid)), np.abs(model.step_down(grid))
            inside = grid[(up > 0.1 * up.max()) & (down > 0.1 * down.max())]
            if inside.size:
                low = float(inside[0]) if low is None else low
                high = float(inside[-1]) if high is None else high
        if low is None or high is None:
            return None
        if low >= high:
            raise InputError(f"the window from {low:g} to {high:g} is empty; low must be below high")
        return low, high

    def _refuse_outside(self, window: tuple[float, float]) -> None:
        if self.target is not None and not window[0] <= self.target <= window[1]:
            low, high = (text(v, "S") for v in window)
            raise InputError(
                f"the target {text(self.target, 'S')} is outside the window from {low} to {high}; choose one within, "
                "or give low and high if the device goes further"
            )

    def _targets(self, window: tuple[float, float]) -> list[float]:
        if self.target is not None:
            return [self.target] * self.repeats
        low, high = window
        share = 0.5 / self.levels  # levels in the middle of equal parts of the window
        levels = low + (high - low) * np.linspace(share, 1 - share, self.levels)
        rng = np.random.default_rng(self.seed)
        return [float(g) for _ in range(self.repeats) for g in rng.permutation(levels)]

    def _approach(self, step: StepOf, known: float, allowed: Range, noise: float, station: float) -> Approach:
        if self.method == "fixed":
            return Fixed(allowed.highest)
        if self.method == "incremental":
            return Incremental(allowed, self.increment / station)
        return Guided(step, allowed, noise, known)

    def analyse(self, series: Series) -> dict[str, Any]:
        """Which targets were reached, with how many pulses, and what was left."""
        return program_outcome.result(series)

    def figures(self, series: Series, result: dict[str, Any]) -> list[Figure]:
        """The course, and pulses needed."""
        from protocols.analysis.program.figures import figures

        return figures(series)
