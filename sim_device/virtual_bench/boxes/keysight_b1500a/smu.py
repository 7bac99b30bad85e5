"""Twin of a source-measure unit in a Keysight B1500A: B1517A (HRSMU), in the circuit if it is the cabled one.

Source: B1500A Programming Guide, chapter 4 (``DV``, ``DI``, ``TI``, ``TV``, ``TTIV``) and its tables 4-3 to 4-7 for
ranges and compliance. The interlock is open until it is closed: beyond 42 V is refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

from sim_device.virtual_bench.boxes.common.meter import LINE_FREQUENCY, Measured, Meter
from sim_device.virtual_bench.circuit.surroundings import Circuit, Drive
from sim_device.virtual_bench.languages.flex import (
    COMPLIANCE,
    INTERLOCK,
    NO_COMPLIANCE,
    RANGE,
    SWITCH_OPEN,
    VALUE,
    FlexError,
    bounded,
    whole,
)

VOLTAGE: Final = {
    5: 0.5, 11: 2.0, 20: 2.0, 50: 5.0, 12: 20.0, 200: 20.0, 13: 40.0, 400: 40.0, 14: 100.0, 1000: 100.0,
}  # fmt: skip
CURRENT: Final = {code: 10.0 ** (code - 20) for code in range(9, 20)}  # 10 pA to 100 mA
MOST_CURRENT: Final = ((20.0, 0.1), (40.0, 0.05), (100.0, 0.02))  # up to [V], at most [A]
LEAST_CURRENT: Final = 1e-12  # [A] of a compliance
UNLOCKED: Final = 42.0  # [V] that need a closed interlock
SAMPLES: Final = 128  # of the high-speed converter in one power line cycle
HIGH_RESOLUTION_STEP: Final = 80e-6  # [s] of the high-resolution converter, where it is not in line cycles


class Forced(NamedTuple):
    """What an SMU does: current or voltage, range code, level, compliance, its polarity mode and range code."""

    current: bool = False
    code: int = 12
    level: float = 0.0
    limit: float = 1e-4
    polarity: int = 0
    limit_code: int = 0

    def learnt(self, number: int) -> str:
        """As ``*LRN?`` tells it."""
        head = "DI" if self.current else "DV"
        return f"{head}{number},{self.code},{self.level:+.4E},{self.limit:+.4E},{self.polarity},{self.limit_code}"


@dataclass
class Converters:
    """Settings of the two kinds of A/D converter of the box: mode and N of each, by type."""

    fast: tuple[int, float] = (0, 1.0)
    fine: tuple[int, float] = (0, 6.0)

    def put(self, kind: float, mode: float, number: float | None = None) -> None:
        """``AIT type,mode[,N]``."""
        kind_, mode_ = whole(kind, 0, 1), whole(mode, 0, 3 if kind == 0 else 2)
        if mode_ == 3:
            value = bounded(2e-6 if number is None else number, 2e-6, 20e-3)
        else:
            most = 1023 if mode_ < 2 and kind_ == 0 else 127 if mode_ < 2 else 100
            usual = {(1, 0): 6.0, (1, 1): 3.0}.get((kind_, mode_), 1.0)
            value = float(whole(usual if number is None else number, 1, most))
        if kind_ == 0:
            self.fast = (mode_, value)
        else:
            self.fine = (mode_, value)

    def average(self, number: float, mode: float = 0) -> None:
        """``AV``: samples of the fast converter, or line cycles where it is negative."""
        if number < 0:
            self.fast = (2, float(-whole(number, -100, -1)))
        else:
            self.fast = (whole(mode, 0, 1), float(whole(number, 1, 1023)))

    def cycles(self, fine: bool) -> float:
        """Integration [power line cycles]."""
        mode, number = self.fine if fine else self.fast
        if mode == 2:
            return number
        if mode == 3:
            return number * LINE_FREQUENCY
        return number * HIGH_RESOLUTION_STEP * LINE_FREQUENCY if fine else number / SAMPLES


class Smu:
    """One SMU of a box; `cabled` says whether the circuit is at its terminals."""

    interlock_closed = False

    def __init__(self, circuit: Circuit, number: int, converters: Converters, *, cabled: bool) -> None:
        self.circuit = circuit
        self.number = number
        self.cabled = cabled
        self._converters = converters
        self._meter = Meter(circuit, seed=1500 + number)
        self.reset()

    def reset(self) -> None:
        """Initial settings, switch open."""
        self.on = False
        self.forced = Forced()
        self._stored: Forced | None = None
        self.fine = False
        self.side = 0
        self.filtered = False
        self.ranges = {"RI": 0, "RV": 0}
        self._drive()

    def switch(self, *, on: bool) -> None:
        """``CN``: 0 V with 100 uA of compliance; ``CL``."""
        if on and self.on:
            return
        self.on, self.forced = on, Forced()
        self._drive()

    def zero(self) -> None:
        """``DZ``: 0 V, the settings kept for ``RZ``."""
        self.check_on()
        self._stored = self._stored or self.forced
        self.forced = Forced()
        self._drive()

    def restore(self) -> None:
        """``RZ``."""
        self.check_on()
        if self._stored is not None:
            self.forced, self._stored = self._stored, None
        self._drive()

    def force(
        self, current: bool, code: float, level: float, limit: float | None, polarity: float, limit_code: float
    ) -> None:
        """``DV``, ``DI``: refused with the code of what is wrong; nothing changes then."""
        self.check_on()
        self.go_to(self.checked(current, code, level, limit, polarity, limit_code))

    def go_to(self, forced: Forced) -> None:
        """Force what was checked."""
        self.forced = forced
        self._drive()

    def checked(
        self, current: bool, code: float, level: float, limit: float | None, polarity: float, limit_code: float
    ) -> Forced:
        """What `force` would do; `FlexError` where the box refuses it."""
        source, other = (CURRENT, VOLTAGE) if current else (VOLTAGE, CURRENT)
        if code not in (0, *source) or abs(limit_code) not in (0, *other):
            raise FlexError(RANGE)
        if limit is None and current != self.forced.current:
            raise FlexError(NO_COMPLIANCE)
        bound = self.forced.limit if limit is None else abs(limit)
        full = source[int(code)] if code else max(source.values())
        if abs(level) > full * (1 + 1e-9):
            raise FlexError(VALUE)
        volts, amps = (bound, abs(level)) if current else (abs(level), bound)
        if volts > UNLOCKED and not self.interlock_closed:
            raise FlexError(INTERLOCK)
        most = next(amount for up_to, amount in MOST_CURRENT if volts <= up_to)
        if amps > most * (1 + 1e-9) or bound < LEAST_CURRENT:
            raise FlexError(COMPLIANCE)
        if limit_code and bound > other[int(abs(limit_code))] * (1 + 1e-9):
            raise FlexError(COMPLIANCE)
        return Forced(current, int(code), level, bound, whole(polarity, 0, 1), int(limit_code))

    def check_on(self) -> None:
        """Error 200 while the output switch is open."""
        if not self.on:
            raise FlexError(SWITCH_OPEN)

    def _drive(self) -> None:
        if self.cabled:
            drive = Drive(self.forced.current, self.forced.level, self.forced.limit)
            self.circuit.smu_drives(drive if self.on else None)

    def quantity(self) -> str:
        """What ``XE`` measures: by ``CMM`` the compliance side, current, voltage, or the side that is forced."""
        sides = ("V", "I", "V", "I") if self.forced.current else ("I", "I", "V", "V")
        return sides[self.side]

    # -- measuring -------------------------------------------------------------------------------------------------

    def take(self, current_code: float = 0, voltage_code: float = 0) -> Measured:
        """One measurement of both quantities; a code below zero fixes the range."""
        self.check_on()
        if abs(current_code) not in (0, *CURRENT) or abs(voltage_code) not in (0, *VOLTAGE):
            raise FlexError(RANGE)
        cycles = self._converters.cycles(self.fine)
        if not self.cabled:  # nothing is connected
            self.circuit.clock.wait(cycles / LINE_FREQUENCY)
            volts = 0.0 if self.forced.current else self.forced.level
            return Measured(volts, 0.0, False, self.circuit.clock.now())
        voltage_range = VOLTAGE[int(-voltage_code)] if voltage_code < 0 else self._voltage_range()
        return self._meter.take(cycles, voltage_range, CURRENT[int(-current_code)] if current_code < 0 else None)

    def _voltage_range(self) -> float:
        most = self.forced.limit if self.forced.current else abs(self.forced.level)
        return next((full for full in sorted(VOLTAGE.values()) if most <= full), 100.0)
