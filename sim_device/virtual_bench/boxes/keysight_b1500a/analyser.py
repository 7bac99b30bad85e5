"""Twin of a Keysight B1500A: source-measure units and a pulse generator in one mainframe, in one role or in several.

Source: Keysight B1500A/B1505A/B1506A/B1507A Programming Guide, B1500-90010, chapters 1 (formats) and 4 (commands).
Spot measurements, staircase sweeps and pulses are modelled; other sweeps, sampling, searches, capacitance, arbitrary
waves, program memory, triggers and selectors are refused as undefined commands (100). The guide's own codes for SPGU
errors are not modelled: 120, 121 and 200 stand for them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING

from sim_device.virtual_bench.boxes.common.meter import OVERFLOW, Measured
from sim_device.virtual_bench.boxes.keysight_b1500a import data
from sim_device.virtual_bench.boxes.keysight_b1500a.learn import learn
from sim_device.virtual_bench.boxes.keysight_b1500a.mainframe import MOST_CHANNELS, KeysightB1500AMainframe
from sim_device.virtual_bench.boxes.keysight_b1500a.smu import CURRENT, VOLTAGE, Smu
from sim_device.virtual_bench.boxes.keysight_b1500a.sweep import ON_COMPLIANCE
from sim_device.virtual_bench.circuit.surroundings import Circuit
from sim_device.virtual_bench.languages.flex import RANGE, VALUE, Command, FlexError, whole

if TYPE_CHECKING:
    from sim_device.virtual_bench.boxes.twins import Cabled

SPOT, SWEEP = 1, 2  # measurement modes


class KeysightB1500ATwin(KeysightB1500AMainframe):
    """The mainframe with its measurements: at once (``TI``, ``TTIV``), or by ``XE`` in mode 1 (spot) or 2 (sweep)."""

    def _own_commands(self) -> Mapping[str, Command]:
        return {**super()._own_commands(), **self._settings(), **self._measuring()}

    def _settings(self) -> dict[str, Command]:
        return {
            "*LRN?": Command(partial(learn, self), 1, 1),
            "FMT": Command(self._set_format, 1, 2),
            "TSC": Command(partial(self._set_flag, "TSC"), 1, 1),
            "TSR": Command(self._reset_time, 0, 1),
            "TSQ": Command(self._tell_time),
            "AIT": Command(self.converters.put, 2, 3),
            "AV": Command(self.converters.average, 1, 2),
            "AAD": Command(self._set_converter, 2, 2),
            "AZ": Command(partial(self._set_flag, "AZ"), 1, 1),
            "CM": Command(partial(self._set_flag, "CM"), 1, 1),
        }

    def _measuring(self) -> dict[str, Command]:
        return {
            "DV": Command(partial(self._force, False), 3, 6),
            "DI": Command(partial(self._force, True), 3, 6),
            "TI": Command(partial(self._high_speed, "I"), 1, 2),
            "TV": Command(partial(self._high_speed, "V"), 1, 2),
            "TIV": Command(partial(self._high_speed, "IV"), 1, 3),
            "TTI": Command(partial(self._high_speed, "TI"), 1, 2),
            "TTV": Command(partial(self._high_speed, "TV"), 1, 2),
            "TTIV": Command(partial(self._high_speed, "TIV"), 1, 3),
            "RI": Command(partial(self._set_range, "RI", CURRENT), 2, 2),
            "RV": Command(partial(self._set_range, "RV", VOLTAGE), 2, 2),
            "CMM": Command(self._set_side, 2, 2),
            "FL": Command(self._set_filter, 1, MOST_CHANNELS + 1),
            "SSR": Command(self._set_resistor, 2, 2),
            "MM": Command(self._set_mode, 1, MOST_CHANNELS),
            "XE": Command(self._execute),
            "WV": Command(partial(self._set_staircase, False), 6, 7),
            "WI": Command(partial(self._set_staircase, True), 6, 7),
            "WT": Command(self.staircase.time, 2, 5),
            "WM": Command(self.staircase.end, 1, 2),
        }

    def _set_format(self, kind: float, mode: float = 0) -> None:
        if kind not in data.FORMATS:
            raise FlexError(VALUE)
        self.style, self.with_source = int(kind), whole(mode, 0, 1) == 1
        self.data.clear()

    def _reset_time(self, number: float | None = None) -> None:
        if number is not None:
            self.smu(number)
        self.zero = self.circuit.clock.now()

    def _set_converter(self, number: float, kind: float) -> None:
        self.smu(number).fine = whole(kind, 0, 1) == 1

    def _set_flag(self, name: str, on: float) -> None:
        self.flags[name] = whole(on, 0, 1)

    # -- measuring -------------------------------------------------------------------------------------------------

    def _force(self, current: bool, number: float, code: float, level: float, *rest: float) -> None:
        limit, polarity, limit_code = (*rest, *(None, 0.0, 0.0)[len(rest) :])
        self.smu(number).force(current, code, level, limit, polarity or 0.0, limit_code or 0.0)

    def _set_range(self, name: str, ranges: Mapping[int, float], number: float, code: float) -> None:
        """Of measurements by ``XE``; high-speed spot measurements bring theirs along."""
        smu = self.smu(number)
        if abs(code) not in (0, *ranges):
            raise FlexError(RANGE)
        smu.ranges[name] = int(code)

    def _set_side(self, number: float, mode: float) -> None:
        """``CMM``: which quantity ``XE`` measures."""
        self.smu(number).side = whole(mode, 0, 3)

    def _set_filter(self, on: float, *numbers: float) -> None:
        for smu in [self.smu(number) for number in numbers] or list(self.smus.values()):
            smu.filtered = whole(on, 0, 1) == 1

    def _set_resistor(self, number: float, on: float) -> None:
        """``SSR``: the 1 Mohm stays unused; connecting it is refused."""
        self.smu(number)
        whole(on, 0, 0)

    def _high_speed(self, what: str, number: float, *codes: float) -> None:
        """``TTIV`` and its kin: the data are put out at once."""
        smu = self.smu(number)
        both = what.endswith("IV")
        if both and len(codes) == 1:
            raise FlexError(RANGE)
        current, voltage = (*codes, 0.0, 0.0)[:2] if both or what.endswith("I") else (0.0, *codes, 0.0)[:2]
        started = self.circuit.clock.now()
        found = smu.take(current, voltage)
        self._put(self._datum(smu, kind, found, started) for kind in what)

    def _set_staircase(
        self, current: bool, number: float, mode: float, code: float, start: float, stop: float, *rest: float
    ) -> None:
        self.staircase.put(self.smu(number), current, mode, code, (start, stop), *rest)

    def _set_mode(self, mode: float, *numbers: float) -> None:
        self.mode = whole(mode, SPOT, SWEEP)
        self.spot = tuple(self.smu(number).number for number in numbers)

    def _execute(self) -> None:
        """``XE``: measure each channel, once or at every level of the sweep source."""
        if not self.spot or (self.mode == SWEEP and self.staircase.source is None):
            raise FlexError(VALUE)
        self._put(self._block()[0] if self.mode == SPOT else self._sweep())

    def _sweep(self) -> list[str]:
        """Data of all steps; after an automatic abort they have no meaning."""
        stairs, source = self.staircase, self.staircase.source
        assert source is not None
        source.check_on()
        levels, told, stopped = stairs.levels(), list[str](), False
        for at, level in enumerate(levels):
            if not stopped:
                source.go_to(stairs.forced._replace(level=level))
                self.circuit.clock.wait(stairs.delay + (0.0 if at else stairs.hold))
            block, limited = self._block(meaningless=stopped)
            told += block
            if self.with_source:
                kind = "I" if stairs.forced.current else "V"
                told.append(data.source(self.style, source.number, kind, level, last=at == len(levels) - 1))
            stopped = stopped or (limited and stairs.abort == ON_COMPLIANCE)
        source.go_to(stairs.forced._replace(level=stairs.ends[stairs.after - 1]))
        return told

    def _block(self, *, meaningless: bool = False) -> tuple[list[str], bool]:
        """One measurement of each channel, by default of what it does not force; whether one was limited."""
        block, limited = list[str](), False
        for number in self.spot:
            smu, started = self.smus[number], self.circuit.clock.now()
            none = Measured(OVERFLOW, OVERFLOW, limited=False, time=started)
            found = none if meaningless else smu.take(smu.ranges["RI"], smu.ranges["RV"])
            limited = limited or found.limited
            kinds = "T" * self.flags["TSC"] + smu.quantity()
            block += [self._datum(smu, kind, found, started) for kind in kinds]
        return block, limited

    def _tell_time(self) -> None:
        self._put([data.time(self.style, data.NO_CHANNEL, self.circuit.clock.now() - self.zero)])

    def _put(self, block: Iterable[str]) -> None:
        self.data.append(",".join(block))

    def _datum(self, smu: Smu, kind: str, found: Measured, started: float) -> str:
        if kind == "T":
            return data.time(self.style, data.letter(smu.number), started - self.zero)
        return data.datum(self.style, smu.number, kind, found)


def in_roles(circuit: Circuit, roles: Iterable[tuple[Cabled, Circuit]]) -> KeysightB1500ATwin:
    """The twin with an SPGU channel, SMUs, or both in the circuit; each where the station says it is."""
    generator: int | None = None
    smus: dict[int, Circuit] = {}
    for role, seen in roles:
        if role.driver.endswith("spgu"):
            generator = role.channel or 101
        else:
            smus[role.channel or 2] = seen
    return KeysightB1500ATwin(circuit, generator, smus)
