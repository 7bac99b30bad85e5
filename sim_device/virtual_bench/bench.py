"""The virtual bench: twins of instruments, cables, relays and devices as one circuit, with an observer for tests.

A pulse changes a device only if the generator's output is on and relays connect it with the device's driven electrode;
the source-measure unit reads what relays connect it with. What a bench must never do is noted in `faults`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from instruments.clock import Clock, VirtualClock
from instruments.crosspoints import FloatArray
from instruments.errors import InputError
from instruments.wiring import Column, Kind, MatrixCabling, Relay, Terminal, Wiring
from sim_device.virtual_bench.circuit import Circuit, Drive
from sim_device.virtual_bench.device import VirtualDevice
from sim_device.virtual_bench.trains import Train
from sim_device.virtual_bench.twins import Plugged, Twin, make_twin

if TYPE_CHECKING:
    from sim_device.virtual_bench.visa import Port, VirtualVisaLibrary

_AT_REST = 1e-3  # [V] below which a resting generator drives nothing


class AppliedPulse(NamedTuple):
    """`pulses` of `voltage` [V] and `width` [s] that a crosspoint has seen at `time` [s]."""

    time: float
    crosspoint: str
    voltage: float
    width: float
    pulses: int


Electrode = tuple[str, Terminal]


@dataclass(frozen=True)
class _Reach:
    """What each instrument touches with one set of closed relays."""

    generator: tuple[Electrode, ...]
    smu: tuple[Electrode, ...]
    grounded: frozenset[Electrode]
    joined: bool  # generator and source-measure unit on one electrode


class VirtualBench(Circuit):
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
        self.clock = clock or VirtualClock()
        self.wiring = wiring
        self.devices = dict(devices)
        self.faults: list[str] = []
        self.applied: list[AppliedPulse] = []
        self.largest_voltage: dict[str, float] = dict.fromkeys(self.devices, 0.0)
        self.largest_current_limit = 0.0  # [A] with which a voltage was ever sourced
        self._relays: frozenset[Relay] = frozenset()
        self._reaches: dict[frozenset[Relay], _Reach] = {}
        self._reach = self._reached(self._relays)
        self._generator_rest: float | None = None
        self._drive: Drive | None = None
        self._held_from = 0.0
        self.twins: dict[str, Twin] = {resource: make_twin(driver, self) for resource, driver in instruments.items()}
        self._library: VirtualVisaLibrary | None = None
        self._ports: dict[str, Port] = {}

    def ports(self) -> dict[str, Port]:
        """The connectors of the instruments by resource name; always the same ones."""
        if not self._ports:
            from sim_device.virtual_bench.visa import Port

            self._ports = {resource: Port(twin) for resource, twin in self.twins.items()}
        return self._ports

    def library(self) -> VirtualVisaLibrary:
        """The VISA library that reaches the instruments; always the same one."""
        if self._library is None:
            from sim_device.virtual_bench.visa import VirtualVisaLibrary

            self._library = VirtualVisaLibrary.around(self.ports(), self.clock)
        return self._library

    # -- the observer ------------------------------------------------------------------------------------------------

    def outputs_on(self) -> list[str]:
        """Resource names of the instruments whose output is on."""
        return [resource for resource, twin in self.twins.items() if getattr(twin, "output_on", False)]

    def closed_relays(self) -> frozenset[Relay]:
        """Relays that are closed now."""
        return self._relays

    def is_safe(self) -> bool:
        """Nothing is driven and no relay is closed."""
        return not self.outputs_on() and not self._relays

    def fault(self, what: str) -> None:
        """Keep what must never happen, with its time."""
        self.faults.append(f"{self.clock.now():.6f} s: {what}")

    # -- the circuit -------------------------------------------------------------------------------------------------

    def generator_rests(self, voltage: float | None) -> None:
        """Note a generator that drives while it should rest, or meets the source-measure unit."""
        self._generator_rest = voltage
        if voltage is None:
            return
        if abs(voltage) > _AT_REST:
            self.fault(f"the generator rests at {voltage:g} V")
            self._note_voltage(voltage)
        self._check_joined()

    def generator_pulses(self, voltage: float, width: float, count: int) -> None:
        """Pulse every device whose driven electrode the generator touches."""
        now = self.clock.now()
        for crosspoint, terminal in self._reach.generator:
            if terminal is Terminal.CHANNEL:
                self.fault(f"the generator pulses the channel of {crosspoint}")
            elif terminal is Terminal.GATE and (crosspoint, Terminal.CHANNEL) not in self._reach.grounded:
                self.fault(f"{crosspoint} is pulsed while its channel floats")
            else:
                self.devices[crosspoint].pulse(now, (voltage, width), count)
                self.applied.append(AppliedPulse(now, crosspoint, voltage, width, count))
        self._note_voltage(voltage)

    def smu_drives(self, drive: Drive | None) -> None:
        """Keep what is driven; note a conflict."""
        self._hold()
        self._drive = drive
        if drive is not None:
            self._check_joined()
            most = drive.limit if drive.current else abs(drive.level)
            current = abs(drive.level) if drive.current else drive.limit
            if drive.level:  # a unit that holds 0 V, as a B1500A does before it takes a compliance, drives nothing
                self.largest_current_limit = max(self.largest_current_limit, current)
            for crosspoint, _ in self._reach.smu:
                self.largest_voltage[crosspoint] = max(self.largest_voltage[crosspoint], most)

    def smu_reads(self) -> tuple[float, float, bool]:
        """``I = V sum(G)``, where neither source nor limit is exceeded."""
        self._hold()
        if self._drive is None:
            return 0.0, 0.0, False
        now = self.clock.now()
        conductance = 0.0
        for crosspoint, terminal in self._reach.smu:
            if terminal is not Terminal.GATE:
                conductance += self.devices[crosspoint].read(now)
        current_source, level, limit = self._drive
        if current_source and level == 0:
            return 0.0, 0.0, False
        if current_source:
            held = conductance > 0 and abs(level) <= limit * conductance
            voltage = level / conductance if held else math.copysign(limit, level)
            return voltage, voltage * conductance, not held
        current = level * conductance
        if abs(current) <= limit:
            return level, current, False
        clamped = math.copysign(limit, current)
        return clamped / conductance, clamped, True

    def _hold(self) -> None:
        """Two-terminal devices have been held by the source-measure unit up to now; they move if they do at that."""
        since, self._held_from = self._held_from, self.clock.now()
        drives_current, level, limit = self._drive or Drive(current=False, level=0.0, limit=0.0)
        voltage, current = (math.copysign(limit, level), abs(level)) if drives_current else (level, limit)
        for crosspoint, terminal in self._reach.smu:
            if terminal is Terminal.TOP:
                self.devices[crosspoint].hold(since, self._held_from, voltage, current)

    def smu_runs(self, train: Train) -> FloatArray:
        """Pulses and readings of every device on the electrode of the source-measure unit; their currents add."""
        found = np.zeros(len(train.read_at))
        most = float(np.abs(train.levels).max(initial=0.0))
        for crosspoint, terminal in self._reach.smu:
            if terminal is Terminal.GATE:
                continue
            found += self.devices[crosspoint].train(train)
            self.applied += [
                AppliedPulse(at, crosspoint, level, train.width, 1)
                for at, level in zip(train.pulsed_at.tolist(), train.levels.tolist(), strict=True)
            ]
            self.largest_voltage[crosspoint] = max(self.largest_voltage[crosspoint], most)
        self.largest_current_limit = max(self.largest_current_limit, train.limit)
        return found

    def matrix_closes(self, relays: frozenset[Relay]) -> None:
        """Move the relays; note when they move under voltage."""
        if self._drive is not None or self._generator_rest is not None:
            self.fault("relays move while an output is on")
        self._hold()
        self._relays = relays
        self._reach = self._reached(relays)
        self._check_joined()

    # -- who touches what --------------------------------------------------------------------------------------------

    def _check_joined(self) -> None:
        if self._reach.joined and self._generator_rest is not None and self._drive is not None:
            self.fault("generator and source-measure unit drive one electrode")

    def _note_voltage(self, voltage: float) -> None:
        for crosspoint, _ in self._reach.generator:
            self.largest_voltage[crosspoint] = max(self.largest_voltage[crosspoint], abs(voltage))

    def _reached(self, relays: frozenset[Relay]) -> _Reach:
        reach = self._reaches.get(relays)
        if reach is None:
            matrix = self.wiring.matrix
            reach = self._fixed() if matrix is None else self._switched(matrix, relays)
            self._reaches[relays] = reach
        return reach

    def _fixed(self) -> _Reach:
        """Without a matrix: generator on the gate, source-measure unit on the channel; or both on one electrode."""
        (name,) = self.devices
        if self.wiring.kind is Kind.TWO_TERMINAL:
            top = ((name, Terminal.TOP),)
            return _Reach(top, top, frozenset(), joined=True)
        channel = (name, Terminal.CHANNEL)
        return _Reach(((name, Terminal.GATE),), (channel,), frozenset({channel}), joined=False)

    def _switched(self, matrix: MatrixCabling, relays: frozenset[Relay]) -> _Reach:
        """Follow closed relays from row to column and on to other rows, until nothing new is found."""
        closed = [(relay.row, Column(relay.slot, relay.column)) for relay in relays]

        def joined_with(row: str) -> tuple[set[str], set[Column]]:
            rows, columns = {row}, set[Column]()
            while True:
                new_columns = {c for r, c in closed if r in rows}
                new_rows = rows | {r for r, c in closed if c in new_columns}
                if new_columns == columns and new_rows == rows:
                    return rows, columns
                rows, columns = new_rows, new_columns

        def electrodes(columns: set[Column]) -> tuple[Electrode, ...]:
            return tuple(electrode for electrode in matrix.columns if matrix.column(*electrode) in columns)

        rows, pulsed = joined_with(matrix.generator)
        grounded = (
            frozenset(electrode for electrode in matrix.columns if electrode[1] is Terminal.CHANNEL)
            if matrix.ground is None
            else frozenset(electrodes(joined_with(matrix.ground)[1]))
        )
        return _Reach(electrodes(pulsed), electrodes(joined_with(matrix.smu)[1]), grounded, joined=matrix.smu in rows)
