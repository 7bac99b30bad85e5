"""How devices sit between the electrodes of a bench, for each kind: what a pulse does, what a reading finds."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import numpy as np

from instruments.bench.wiring import Kind, Source, Terminal, Wiring
from sim_device.virtual_bench.circuit.crossbar import Lines
from sim_device.virtual_bench.circuit.nets import Reach
from sim_device.virtual_bench.circuit.surroundings import Drive
from sim_device.virtual_bench.circuit.transistor import Transistor
from sim_device.virtual_bench.devices.device import VirtualDevice

AT_REST: Final = 1e-3  # [V] below which nothing is driven
_GRID: Final = 1e-4  # [V] to which voltages behind a transistor are rounded: a device remembers the steps of each


class AppliedPulse(NamedTuple):
    """`pulses` of `voltage` [V] and `width` [s] that a crosspoint has seen at `time` [s]."""

    time: float
    crosspoint: str
    voltage: float
    width: float
    pulses: int


@dataclass
class Situation:
    """What is on: electrodes that each source touches, and the voltage [V] of every source that drives."""

    reach: Reach
    volts: Mapping[Source, float]

    def at(self, electrode: tuple[str, Terminal]) -> float | None:
        """Voltage [V] of an electrode; None where it floats."""
        for source, volts in self.volts.items():
            if electrode in self.reach.at[source]:
                return volts
        return 0.0 if electrode in self.reach.grounded else None


@dataclass
class Pulsed:
    """What a burst did, and what of it must never happen."""

    applied: list[AppliedPulse] = field(default_factory=list[AppliedPulse])
    faults: list[str] = field(default_factory=list[str])


class Cells(ABC):
    """Devices of one kind of wiring."""

    def __init__(self, devices: Mapping[str, VirtualDevice]) -> None:
        self.devices = devices

    @abstractmethod
    def pulse(self, now: float, situation: Situation, width: float, count: int) -> Pulsed:
        """`count` pulses of `width` [s]; `situation` has the voltages during them."""

    @abstractmethod
    def found(self, now: float, situation: Situation, level: float) -> tuple[float, float]:
        """Current [A] into the source-measure unit's line at 0 V, and conductance [S] of it near `level` [V]."""

    @abstractmethod
    def hold(self, since: float, now: float, situation: Situation, limit: float) -> None:
        """From `since` to `now` [s] sources held what they touch, the source-measure unit with at most `limit` [A]."""


class Direct(Cells):
    """Two and three terminals: the generator's pulse is the pulse at the device."""

    def pulse(self, now: float, situation: Situation, width: float, count: int) -> Pulsed:
        """At gates over a grounded channel, at top electrodes; never at a channel."""
        pulsed, voltage = Pulsed(), situation.volts[Source.GENERATOR]
        for crosspoint, terminal in situation.reach.at[Source.GENERATOR]:
            if terminal is Terminal.CHANNEL:
                pulsed.faults.append(f"the generator pulses the channel of {crosspoint}")
            elif terminal is Terminal.GATE and (crosspoint, Terminal.CHANNEL) not in situation.reach.grounded:
                pulsed.faults.append(f"{crosspoint} is pulsed while its channel floats")
            else:
                self.devices[crosspoint].pulse(now, (voltage, width), count)
                pulsed.applied.append(AppliedPulse(now, crosspoint, voltage, width, count))
        return pulsed

    def found(self, now: float, situation: Situation, level: float) -> tuple[float, float]:
        """``I = V sum(G)`` of what the source-measure unit touches."""
        touched = situation.reach.at[Source.SMU]
        return 0.0, sum(self.devices[name].read(now) for name, terminal in touched if terminal is not Terminal.GATE)

    def hold(self, since: float, now: float, situation: Situation, limit: float) -> None:
        """Two-terminal devices move while a voltage is held, if they do at that."""
        level = situation.volts.get(Source.SMU, 0.0)
        for crosspoint, terminal in situation.reach.at[Source.SMU]:
            if terminal is Terminal.TOP:
                self.devices[crosspoint].hold(since, now, level, limit)


class BehindTransistors(Cells):
    """1T1R: a transistor between the device and the source line, with the word line at its gate."""

    transistor: Final = Transistor()

    def pulse(self, now: float, situation: Situation, width: float, count: int) -> Pulsed:
        """Pulse by pulse: as conductance rises, the transistor takes more of the voltage."""
        pulsed = Pulsed()
        for crosspoint, terminal in situation.reach.at[Source.GENERATOR]:
            if terminal is Terminal.GATE:
                pulsed.faults.append(f"the generator pulses the word line of {crosspoint}")
                continue
            ends = [situation.at((crosspoint, one)) for one in (Terminal.TOP, Terminal.SOURCE)]
            if None in ends:
                pulsed.faults.append(f"{crosspoint} is pulsed while its other end floats")
                continue
            top, source = (float(end or 0.0) for end in ends)
            gate, device = self._gate(crosspoint, situation), self.devices[crosspoint]
            for _ in range(count):
                across = self.transistor.across(top, source, gate, device.conductance(now))
                if abs(across) > AT_REST:
                    device.pulse(now, (round(across / _GRID) * _GRID, width), 1)
            pulsed.applied.append(AppliedPulse(now, crosspoint, top - source, width, count))
        return pulsed

    def found(self, now: float, situation: Situation, level: float) -> tuple[float, float]:
        """Device and transistor in series, at `level`; nothing where the source line floats."""
        conductance = 0.0
        for crosspoint, terminal in situation.reach.at[Source.SMU]:
            if terminal is not Terminal.TOP or not level:
                continue
            source = situation.at((crosspoint, Terminal.SOURCE))
            device = self.devices[crosspoint].read(now)
            if source is not None:
                across = self.transistor.across(level, source, self._gate(crosspoint, situation), device)
                conductance += device * across / level
        return 0.0, conductance

    def hold(self, since: float, now: float, situation: Situation, limit: float) -> None:
        """The transistor limits the current, too."""
        level = situation.volts.get(Source.SMU, 0.0)
        for crosspoint, terminal in situation.reach.at[Source.SMU]:
            most = self.transistor.saturation(self._gate(crosspoint, situation))
            if terminal is Terminal.TOP and most > 0:
                self.devices[crosspoint].hold(since, now, level, min(limit, most))

    def _gate(self, crosspoint: str, situation: Situation) -> float:
        """A word line that floats or is at ground keeps the transistor off."""
        return situation.at((crosspoint, Terminal.GATE)) or 0.0


class BetweenLines(Cells):
    """A crossbar: every device sees the difference of its two lines, whichever was meant."""

    def __init__(self, devices: Mapping[str, VirtualDevice], lines: Lines) -> None:
        super().__init__(devices)
        self.lines = lines

    def pulse(self, now: float, situation: Situation, width: float, count: int) -> Pulsed:
        """The potentials of floating lines are those before the first of the pulses."""
        pulsed = Pulsed()
        across = self.lines.across(self._fixed(situation), self._conductances(now))
        for name, voltage in zip(self.lines.names, across.tolist(), strict=True):
            if abs(voltage) > AT_REST:
                self.devices[name].pulse(now, (voltage, width), count)
                pulsed.applied.append(AppliedPulse(now, name, voltage, width, count))
        return pulsed

    def found(self, now: float, situation: Situation, level: float) -> tuple[float, float]:
        """The current is linear in the level: two of them tell all."""
        del level
        own = self.lines.numbers(situation.reach.at[Source.SMU])
        fixed = self._fixed(situation)
        g = self._conductances(now, {name for name, _ in situation.reach.at[Source.SMU]})
        at = [self.lines.current_into(own, fixed | dict.fromkeys(own, volts), g) for volts in (0.0, 1.0)]
        return at[0], at[1] - at[0]

    def hold(self, since: float, now: float, situation: Situation, limit: float) -> None:
        """Every device is held at what is across it."""
        if any(situation.volts.values()):
            across = self.lines.across(self._fixed(situation), self._conductances(now))
            for name, voltage in zip(self.lines.names, across.tolist(), strict=True):
                self.devices[name].hold(since, now, voltage, limit)

    def bias_current(self, now: float, situation: Situation) -> float:
        """Current [A] from the bias source."""
        own = self.lines.numbers(situation.reach.at[Source.BIAS])
        return self.lines.current_into(own, self._fixed(situation), self._conductances(now))

    def _conductances(self, now: float, read: set[str] | None = None) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        """[S] of all devices; those in `read` as a reading finds them."""
        each = (
            self.devices[name].read(now) if read and name in read else self.devices[name].conductance(now)
            for name in self.lines.names
        )
        return np.fromiter(each, dtype=np.float64, count=len(self.lines.names))

    def _fixed(self, situation: Situation) -> dict[int, float]:
        fixed = dict.fromkeys(self.lines.numbers(situation.reach.at[Source.GROUND]), 0.0)
        for source, volts in situation.volts.items():
            fixed |= dict.fromkeys(self.lines.numbers(situation.reach.at[source]), volts)
        return fixed


def cells_of(wiring: Wiring, devices: Mapping[str, VirtualDevice]) -> Cells:
    """The devices as the wiring has them."""
    if wiring.kind is Kind.CROSSBAR and wiring.matrix is not None:
        return BetweenLines(devices, Lines(wiring.matrix, devices))
    return BehindTransistors(devices) if wiring.kind is Kind.ONE_TRANSISTOR else Direct(devices)


def at_terminals(drive: Drive, offset: float, conductance: float) -> tuple[float, float, bool]:
    """Voltage [V] and current [A] of a source on ``I = offset + G V``, and whether its limit holds it back."""
    current_source, level, limit = drive
    if current_source and level == 0:
        return 0.0, 0.0, False
    if current_source:
        held = conductance > 0 and abs(level) <= limit * conductance
        voltage = level / conductance if held else math.copysign(limit, level)
        return voltage, voltage * conductance, not held
    current = offset + level * conductance
    if abs(current) <= limit:
        return level, current, False
    clamped = math.copysign(limit, current)
    return (clamped - offset) / conductance, clamped, True
