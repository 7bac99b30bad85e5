"""The virtual bench: twins, cables, relays and devices as one circuit, with an observer for tests.

A pulse changes a device only if the generator's output is on and relays connect it with the device's driven electrode;
the source-measure unit reads what relays connect it with. What a bench must never do is noted in `faults`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from instruments.bench.wiring import Kind, Relay, Source, Terminal, Wiring
from instruments.clock import Clock, VirtualClock
from instruments.crosspoints import FloatArray
from instruments.errors import InputError
from sim_device.virtual_bench.bench_clock import BenchClock
from sim_device.virtual_bench.boxes.common.generator import GeneratorTwin
from sim_device.virtual_bench.boxes.twins import Plugged, Twin, make_twin
from sim_device.virtual_bench.circuit import nets
from sim_device.virtual_bench.circuit.cells import (
    AT_REST,
    AppliedPulse,
    BetweenLines,
    Situation,
    at_terminals,
    cells_of,
)
from sim_device.virtual_bench.circuit.nets import NAMES, Reach, Relays
from sim_device.virtual_bench.circuit.surroundings import Circuit, Drive
from sim_device.virtual_bench.circuit.terminals import MoreTerminals
from sim_device.virtual_bench.connectors import Connectors
from sim_device.virtual_bench.devices.device import VirtualDevice
from sim_device.virtual_bench.devices.trains import Train

_SHARED = 0.5  # of a current into a source at 0 V that is left where a ground of like resistance takes the rest


class VirtualBench(Circuit, MoreTerminals, Connectors):
    """Instruments of a station, by resource name and driver name, around devices.

    Parameters
    ----------
    wiring
        As of the station.
    devices
        One virtual device a crosspoint.
    instruments
        VISA resource name -> driver name, such as ``{"TCPIP0::smu::inst0::INSTR": "keithley-2450"}``, or the roles of
        a box that plays several.
    clock
        Advanced by everything that takes time; a `VirtualClock` unless given.

    Raises `InputError` for an instrument that has no twin.
    """

    def __init__(
        self,
        wiring: Wiring,
        devices: Mapping[str, VirtualDevice],
        instruments: Mapping[str, Plugged],
        clock: Clock | None = None,
    ) -> None:
        if wiring.matrix is None and len(devices) != 1:
            raise InputError(f"without a matrix one device is wired to the instruments, not {len(devices)}")
        self.clock = BenchClock(clock or VirtualClock())
        self.wiring = wiring
        self.devices = dict(devices)
        self.faults: list[str] = []
        self.relays_moved = 0  # times that a matrix was told to move relays
        self.applied: list[AppliedPulse] = []
        self.largest_voltage: dict[str, float] = dict.fromkeys(self.devices, 0.0)
        self.largest_gate_voltage = 0.0  # [V] that the bias source ever held
        self.largest_current_limit = 0.0  # [A] with which a voltage was ever sourced
        self._cells = cells_of(wiring, self.devices)
        self._relays = Relays()
        self._reaches: dict[frozenset[Relay], Reach] = {}
        self._reach = self._reached()
        self._volts: dict[Source, float] = {}  # [V] of every source that drives a voltage; ground is not among them
        self._generator_rest: float | None = None
        self._drive: Drive | None = None
        self._bias: Drive | None = None
        self._held_from = 0.0
        self.twins: dict[str, Twin] = {resource: make_twin(driver, self) for resource, driver in instruments.items()}

    # -- the observer ------------------------------------------------------------------------------------------------

    def outputs_on(self) -> list[str]:
        """Resource names of the instruments whose output is on."""
        return [resource for resource, twin in self.twins.items() if getattr(twin, "output_on", False)]

    def closed_relays(self) -> frozenset[Relay]:
        """Relays that are closed now."""
        return self._relays.closed

    def stick(self, relay: Relay, *, closed: bool, at_once: bool = False) -> None:
        """From now on this relay does not close, or once closed does not open again; the matrix does not know.

        `at_once` closes it, too.
        """
        self._relays.stick(relay, closed=closed, at_once=at_once)
        self._moved()

    def is_safe(self) -> bool:
        """Nothing is driven and no relay is told to be closed."""
        return not self.outputs_on() and not self._relays.told

    def fault(self, what: str) -> None:
        """Keep what must never happen, with its time."""
        self.faults.append(f"{self.clock.now():.6f} s: {what}")

    # -- the circuit -------------------------------------------------------------------------------------------------

    def generator_rests(self, voltage: float | None) -> None:
        """Note a generator that drives while it should rest, or meets another source."""
        self._generator_rest = voltage
        self._rests(Source.GENERATOR, voltage)

    def second_rests(self, voltage: float | None) -> None:
        """As the first output."""
        self._rests(Source.INVERSE, voltage)

    def _rests(self, output: Source, voltage: float | None) -> None:
        if voltage is None:
            self._volts.pop(output, None)
            return
        self._volts[output] = voltage
        if abs(voltage) > AT_REST:
            self.fault(f"the generator rests at {voltage:g} V")
            self._note_voltage(voltage)
        self._check_conflicts()

    def generator_pulses(self, voltage: float, width: float, count: int) -> None:
        """Pulse every device whose driven electrode the generator touches."""
        self._pulsed({Source.GENERATOR: voltage}, width, count)
        self._note_voltage(voltage)

    def both_pulse(self, first: float, second: float, width: float, count: int) -> None:
        """Pulse every device between the lines of both outputs and ground."""
        self._pulsed({Source.GENERATOR: first, Source.INVERSE: second}, width, count)

    def _pulsed(self, levels: dict[Source, float], width: float, count: int) -> None:
        done = self._cells.pulse(self.clock.now(), Situation(self._reach, self._volts | levels), width, count)
        for fault in done.faults:
            self.fault(fault)
        self.applied += done.applied
        for one in done.applied:
            self._saw(one.crosspoint, one.voltage)

    def smu_drives(self, drive: Drive | None) -> None:
        """Keep what is driven; note a conflict."""
        self._hold()
        self._drive = drive
        self._driven(Source.SMU, drive)
        if drive is not None:
            most = drive.limit if drive.current else abs(drive.level)
            current = abs(drive.level) if drive.current else drive.limit
            if drive.level:  # a unit that holds 0 V, as a B1500A does before it takes a compliance, drives nothing
                self.largest_current_limit = max(self.largest_current_limit, current)
            for crosspoint, _ in self._reach.at[Source.SMU]:
                self._saw(crosspoint, most)

    def smu_reads(self) -> tuple[float, float, bool]:
        """``I = I0 + G V``, where neither source nor limit is exceeded; at the limit where another source is met."""
        self._hold()
        if self._drive is None:
            return 0.0, 0.0, False
        current_source, level, limit = self._drive
        met = any(Source.SMU in pair for pair in self._conflicts())
        if met and (current_source or level):
            return (0.0, level, False) if current_source else (0.0, math.copysign(limit, level), True)
        offset, conductance = self._cells.found(self.clock.now(), Situation(self._reach, self._volts), level)
        return at_terminals(self._drive, offset * _SHARED if met else offset, conductance)

    def bias_drives(self, drive: Drive | None) -> None:
        """Keep what is held; note a gate that comes or goes while a device is driven."""
        driven = self._drive is not None or self._generator_rest is not None
        if (drive is None) != (self._bias is None) and driven:
            self.fault("the bias source goes on or off while another output is on")
        self._bias = drive
        if drive is not None:
            if drive.current:
                self.fault("the bias source drives a current")
            elif self.wiring.kind is Kind.CROSSBAR:
                for crosspoint, _ in self._reach.at[Source.BIAS]:
                    self._saw(crosspoint, drive.level)
            else:
                self.largest_gate_voltage = max(self.largest_gate_voltage, abs(drive.level))
            self.largest_current_limit = max(self.largest_current_limit, drive.limit)
        self._driven(Source.BIAS, drive)

    def bias_reads(self) -> tuple[float, float, bool]:
        """A gate draws no current; a line of a crossbar does."""
        if self._bias is None:
            return 0.0, 0.0, False
        level, limit, current = self._bias.level, self._bias.limit, 0.0
        if any(Source.BIAS in pair for pair in self._conflicts()):
            return 0.0, math.copysign(limit, level), level != 0
        if isinstance(self._cells, BetweenLines):
            current = self._cells.bias_current(self.clock.now(), Situation(self._reach, self._volts))
        return (level, current, False) if abs(current) <= limit else (0.0, math.copysign(limit, level), True)

    def _driven(self, source: Source, drive: Drive | None) -> None:
        """A source of voltage sets the potential of what it touches; one of current does not."""
        self._volts.pop(source, None)
        if drive is not None:
            if not drive.current:
                self._volts[source] = drive.level
            self._check_conflicts()

    def _hold(self) -> None:
        """Devices have been held by the source-measure unit up to now; they move if they do at that."""
        since, self._held_from = self._held_from, self.clock.now()
        if not any(device.parameters.switching for device in self.devices.values()):
            return  # only pulses move them
        drives_current, level, limit = self._drive or Drive(current=False, level=0.0, limit=0.0)
        voltage, current = (math.copysign(limit, level), abs(level)) if drives_current else (level, limit)
        situation = Situation(self._reach, self._volts | {Source.SMU: voltage})
        self._cells.hold(since, self._held_from, situation, current)

    def smu_runs(self, train: Train) -> FloatArray:
        """Pulses and readings of every device on the electrode of the source-measure unit; their currents add."""
        if len(train.triggers) and self.wiring.trigger:
            train = self._triggered(train)
        found = np.zeros(len(train.read_at))
        most = float(np.abs(train.levels).max(initial=0.0))
        for crosspoint, terminal in self._reach.at[Source.SMU]:
            if terminal is Terminal.GATE:
                continue
            if not (train.held and self.devices[crosspoint].parameters.switching):
                found += self.devices[crosspoint].train(train)
            self.applied += [
                AppliedPulse(at, crosspoint, level, train.width, 1)
                for at, level in zip(train.pulsed_at.tolist(), train.levels.tolist(), strict=True)
            ]
            self._saw(crosspoint, most)
        if math.isfinite(train.limit):
            self.largest_current_limit = max(self.largest_current_limit, train.limit)
        return found

    def _triggered(self, train: Train) -> Train:
        """The pulses that the generator gives for the edges that reach it over the cable."""
        generators = [twin for twin in self.twins.values() if isinstance(twin, GeneratorTwin)]
        burst = generators[0].by_cable() if generators else None
        if burst is None:
            return train
        if len(train.triggers) > 1 and np.diff(train.triggers).min() < burst.pulses * burst.period:
            self.fault("a trigger reaches the generator while a burst runs")
        starts = (train.triggers[:, np.newaxis] + burst.period * np.arange(burst.pulses)).ravel()
        self._note_voltage(burst.voltage)
        levels = np.full(len(starts), burst.voltage)
        return replace(train, pulsed_at=starts, levels=levels, width=burst.width, limit=math.inf)

    def matrix_closes(self, relays: frozenset[Relay]) -> None:
        """Move the relays; note when they move under voltage."""
        self.relays_moved += 1
        if self._drive is not None or self._generator_rest is not None or self._bias is not None:
            self.fault("relays move while an output is on")
        self._hold()
        self._relays.tell(relays)
        self._moved()

    def _moved(self) -> None:
        self._reach = self._reached()
        self._check_conflicts()

    # -- who touches what --------------------------------------------------------------------------------------------

    def _conflicts(self) -> list[tuple[Source, Source]]:
        """Sources that are on, or ground, on one line."""
        if not self._reach.meeting:
            return []
        on = {source for source, drive in ((Source.SMU, self._drive), (Source.BIAS, self._bias)) if drive is not None}
        on |= {Source.GROUND, *(one for one in (Source.GENERATOR, Source.INVERSE) if one in self._volts)}
        return [pair for pair in self._reach.meeting if on.issuperset(pair)]

    def _check_conflicts(self) -> None:
        for one, other in self._conflicts():
            self.fault(f"{NAMES[one]} and {NAMES[other]} drive one electrode")

    def _note_voltage(self, voltage: float) -> None:
        if self.wiring.kind is not Kind.CROSSBAR:
            for crosspoint, _ in self._reach.at[Source.GENERATOR]:
                self._saw(crosspoint, voltage)

    def _saw(self, crosspoint: str, voltage: float) -> None:
        self.largest_voltage[crosspoint] = max(self.largest_voltage[crosspoint], abs(voltage))

    def _reached(self) -> Reach:
        closed = self._relays.closed
        reach = self._reaches.get(closed)
        if reach is None:
            matrix = self.wiring.matrix
            reach = nets.switched(self.wiring, matrix, closed) if matrix else nets.fixed(self.wiring, *self.devices)
            self._reaches[closed] = reach
        return reach
