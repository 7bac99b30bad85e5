"""Crosspoints on a bench: pulse source, source-measure unit and switch matrix behind one interface.

Relays move cold: outputs are off before a relay moves (`instruments.bench.switching`). Who drives, grounds or holds
what in each phase is data (`instruments.bench.phases`). Limits and the pulse budget are checked for everything that is
asked before the first byte of it is sent.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from instruments.bench.phases import Phase, Setup, disconnected
from instruments.bench.pulse_count import PulseCount
from instruments.bench.reading import across, held
from instruments.bench.relay_check import RelayCheck
from instruments.bench.switching import Switching
from instruments.bench.wiring import Kind, Wiring
from instruments.clock import Clock
from instruments.crosspoints import (
    IntArray,
    Origin,
    Pulse,
    PulsePair,
    Status,
)
from instruments.errors import InputError
from instruments.foreseen import Foreseen
from instruments.limits import Limits
from instruments.roles import Measurement, PulseSource, SourceMeasureUnit, SwitchMatrix


@dataclass(frozen=True)
class ReadSetting:
    """How a conductance is read: bias `voltage` [V], `compliance` [A], `integration` [power line cycles]."""

    voltage: float
    compliance: float
    integration: float


class Bench:
    """The instruments of one station and what they are doing; every block of its crosspoints shares it.

    Parameters
    ----------
    settle
        [s] between the last pulse on a crosspoint and a reading of it: ECRAM relaxes after a pulse.
    asks
        Whether sources are asked if they are off before relays move; not where a run from before that is replayed.
    bias
        The further source that a wiring may need: for a word line, a gate that is held, the row of a crossbar.
    """

    def __init__(
        self,
        generator: PulseSource,
        smu: SourceMeasureUnit,
        matrix: SwitchMatrix | None,
        *,
        wiring: Wiring,
        limits: Limits,
        pulses: PulsePair,
        reading: ReadSetting,
        settle: float,
        clock: Clock,
        origin: Origin,
        bias: SourceMeasureUnit | None = None,
        asks: bool = True,
    ) -> None:
        self.generator = generator
        self.smu = smu
        self.matrix = matrix
        self.wiring = wiring
        self.limits = limits
        self.pulses = pulses
        self.reading = reading
        self.settle = settle
        self.clock = clock
        self.origin = origin
        self.count = PulseCount()
        self.switching = Switching(generator, smu, matrix, bias, wiring=wiring, clock=clock, asks=asks)
        self.relay_check = RelayCheck(reading.compliance)
        self._last_pulse: dict[str, float] = {}
        self._forget()

    @property
    def pulses_applied(self) -> dict[str, int]:
        """Pulses by name of crosspoint that count against the budget."""
        return self.count.applied

    def _forget(self) -> None:
        """After outputs went off by `safe`: nothing is known to be configured."""
        self._pulse_set: Pulse | None = None
        self._read_set: float | None = None  # [V] that the source-measure unit is configured for

    # -- pulsing -------------------------------------------------------------------------------------------------

    def check(self, names: NDArray[np.str_], counts: IntArray, pulses: PulsePair) -> None:
        """Raise `LimitError` unless all of `counts` may be applied; sends nothing."""
        if np.any(counts > 0):
            self.generator.check(pulses.up)
        if np.any(counts < 0):
            self.generator.check(pulses.down)
        self.check_budget(names, np.abs(counts))

    def check_budget(self, names: NDArray[np.str_], more_each: IntArray) -> None:
        """Raise `LimitError` if so many more pulses would pass the budget of a crosspoint."""
        for name, more in zip(names.flat, more_each.flat, strict=True):
            if more:
                self.count.check(str(name), int(more), self.limits)

    def check_all(self, names: NDArray[np.str_], steps: IntArray, pulses: PulsePair) -> None:
        """`check` of all `steps`, shape (steps, rows, columns), together."""
        up, down = np.maximum(steps, 0).sum(axis=0), np.maximum(-steps, 0).sum(axis=0)
        self.check(names, up, pulses)
        self.check(names, -down, pulses)
        self.check_budget(names, up + down)

    def foresee(self, names: NDArray[np.str_], foreseen: Foreseen, counted: Mapping[str, int]) -> None:
        """Raise unless limits and budgets have room for what may be asked at most; sends nothing."""
        for pulse in foreseen.shapes:
            self.generator.check(pulse)
        if foreseen.levels:
            self.refuse_unswept()
        foreseen.check_levels(self.limits)
        most = foreseen.at_most(self.limits, (names.shape[0], names.shape[1]))
        for name, more in zip(names.flat, most.flat, strict=True):
            spent, earlier = self.count.applied.get(str(name), 0), self.count.earlier.get(str(name), 0)
            foreseen.check_budget(self.limits, str(name), int(more), spent, earlier, counted.get(str(name), 0))

    def pulse(self, name: str, pulse: Pulse, count: int) -> None:
        """Apply `count` of `pulse` to one crosspoint that `check` has let pass."""
        switching = self.switching
        setup = switching.setup(name, Phase.UP if self._is_up(pulse) else Phase.DOWN)
        if switching.enter(setup):
            self._pulse_set = self._read_set = None
            self.generator.take_over()
        at_generator = pulse if setup.sign > 0 else Pulse(-pulse.voltage, pulse.width)
        if self._pulse_set != at_generator:
            self._pulse_set = None
            self.generator.configure(at_generator)
            self._pulse_set = at_generator
        switching.generator_goes_on()
        # Counted before they are fired: a pulse whose delivery is unknown has been spent.
        self.count.firing(name, count)
        try:
            self.generator.fire(count)
        finally:
            self._last_pulse[name] = self.clock.now()
        self.count.confirmed(name, count)

    def _is_up(self, pulse: Pulse) -> bool:
        return (pulse.voltage > 0) == (self.pulses.up.voltage > 0)

    # -- reading -------------------------------------------------------------------------------------------------

    def measure(self, name: str, repeats: int) -> list[tuple[float, Measurement]]:
        """`repeats` measurements of one crosspoint, each with its time [s], after the settling time."""
        setup = self.switching.setup(name, Phase.READ)
        voltage = self._ready_to_read(setup)
        remaining = self._last_pulse.get(name, -math.inf) + self.settle - self.clock.now()
        if remaining > 0:
            self.clock.wait(remaining)
        self.switching.smu_goes_on()
        begun = self.clock.now()
        measured = held(self.smu.measure(repeats), voltage)
        if setup.bias is not None and setup.sensed:
            measured = across(measured, setup.bias)
        if self.matrix is not None:
            measured = self.relay_check.seen(name, measured)
        if self.count.doubtful and self.count.is_doubtful(name):
            measured[0] = replace(measured[0], status=measured[0].status | Status.UNCERTAIN)
        # Measurements of one call follow each other evenly: each has the time at which it ended.
        each = (self.clock.now() - begun) / len(measured)
        return [(begun + (k + 1) * each, one) for k, one in enumerate(measured)]

    def _ready_to_read(self, setup: Setup) -> float:
        """Enter a setup and configure the source-measure unit; the voltage [V] that it will hold there."""
        if self.switching.enter(setup):
            self._pulse_set = self._read_set = None
            self.smu.take_over()
        voltage = 0.0 if setup.sensed else self.reading.voltage
        if self._read_set != voltage:
            self.smu.configure(voltage, self.reading.compliance, self.reading.integration)
            self._read_set = voltage
        return voltage

    def verify_relays(self) -> None:
        """Before readings are handed out: that the relays of the source-measure unit open, where that is not known."""
        due = self.relay_check.due() if self.matrix is not None else ()
        for setup in disconnected(self.wiring, due) if due else ():
            self._ready_to_read(setup)
            self.switching.smu_goes_on()
            (measured,) = self.smu.measure(1)
            self.relay_check.found(measured)
        if due:
            self.relay_check.passed()

    # -- sweeping ------------------------------------------------------------------------------------------------

    def refuse_unswept(self) -> None:
        """Raise `InputError` where nothing can be swept."""
        if self.wiring.kind is Kind.CROSSBAR:
            raise InputError("a crosspoint of a crossbar is read between two sources, neither of which may be swept")

    def begin_sweep(self, name: str) -> SourceMeasureUnit:
        """Connect one crosspoint as for reading, outputs off; its bias is configured anew by the next reading."""
        self.refuse_unswept()
        if self.switching.enter(self.switching.setup(name, Phase.READ)):
            self._pulse_set = None
            self.smu.take_over()
        self.switching.smu_off()
        self._read_set = None
        return self.smu

    def count_stress(self, name: str, voltage: float) -> None:
        """Count a level of a sweep above the read voltage as a pulse, before it is driven."""
        if abs(voltage) > self.limits.read_voltage:
            self.count.spent(name, 1)

    def end_block(self) -> None:
        """Ask every instrument at the end of a trace what it did not take, and whether it has restarted."""
        for instrument in (self.generator, self.smu, self.switching.bias, self.matrix):
            if instrument is not None:
                instrument.end_block()

    # -- sequences -----------------------------------------------------------------------------------------------

    def begin_sequence(self, name: str) -> None:
        """Connect one crosspoint as for reading, outputs off; nothing is known of settings from now on."""
        self.switching.enter(self.switching.setup(name, Phase.READ))
        self.end_sequence()

    def pulsed(self, name: str) -> None:
        """A sequence has pulsed a crosspoint up to now."""
        self._last_pulse[name] = self.clock.now()

    def end_sequence(self) -> None:
        """Outputs off; what is configured is configured anew by whoever comes next."""
        self.switching.smu_off()
        self.switching.generator_off()
        self._pulse_set = self._read_set = None

    def rest(self) -> None:
        """Outputs off, then relays open; nothing is known to be configured."""
        self.switching.rest()
        self._forget()

    def safe(self) -> None:
        """Every output off, relays open: write-only, whatever the others do; never raises."""
        self.switching.safe()
        self.relay_check.forget()
        self._forget()
