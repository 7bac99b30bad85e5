"""Twin of a Keysight B1500A: a mainframe with source-measure units and a pulse generator, in one or two roles.

Source: Keysight B1500A/B1505A/B1506A/B1507A Programming Guide, B1500-90010, chapters 1 (formats) and 4 (commands).
Spot measurements and pulses are modelled; sweeps, sampling, searches, capacitance, arbitrary waves, program memory,
triggers and selectors are refused as undefined commands (100). The guide's own codes for SPGU errors are not modelled:
120, 121 and 200 stand for them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Final

from sim_device.virtual_bench import keysight_b1500a_data as data
from sim_device.virtual_bench.circuit import Circuit
from sim_device.virtual_bench.flex import (
    CHANNEL,
    CHANNELS,
    RANGE,
    VALUE,
    Command,
    FlexError,
    FlexTwin,
    bounded,
    whole,
)
from sim_device.virtual_bench.keysight_b1500a_smu import CURRENT, VOLTAGE, Converters, Smu
from sim_device.virtual_bench.keysight_b1500a_spgu import Spgu
from sim_device.virtual_bench.meter import Measured

if TYPE_CHECKING:
    from sim_device.virtual_bench.twins import Cabled

SLOTS: Final = 10
PULSE_GENERATOR, UNIT, EMPTY = "B1525A", "B1517A", "0"
MOST_CHANNELS: Final = 15


class KeysightB1500ATwin(FlexTwin):
    """A B1500A around a circuit: SPGU in slot 1 and SMUs in slots 2 to 4, unless the cabled channels are elsewhere.

    Parameters
    ----------
    generator
        The SPGU channel that is cabled; None where none is.
    smus
        The circuit as each cabled SMU sees it, by slot; those in other slots are left open.
    """

    def __init__(
        self, circuit: Circuit, generator: int | None, smus: Mapping[int, Circuit], serial: str = "MY51140345"
    ) -> None:
        self.circuit = circuit
        self.identity = f"Keysight Technologies,B1500A,{serial},A.06.02.2023.0401"
        self.modules = _installed(None if generator is None else generator // 100, smus)
        self.converters = Converters()
        spgu = [slot for slot, model in self.modules.items() if model == PULSE_GENERATOR]
        channels = tuple(100 * slot + sub for slot in spgu for sub in (1, 2))
        self.spgu = Spgu(circuit, channels, generator)
        self.smus = {
            slot: Smu(smus.get(slot, circuit), slot, self.converters, cabled=slot in smus)
            for slot, model in self.modules.items()
            if model == UNIT
        }
        super().__init__()
        self._start()

    def _start(self) -> None:
        self._format, self._mode = 1, 0
        self._flags = {"AZ": 0, "CM": 0, "TSC": 0}
        self._spot: tuple[int, ...] = ()
        self._zero = self.circuit.clock.now()

    def reset(self) -> None:
        """Initial settings: every output switch open."""
        self.spgu.reset()
        for smu in self.smus.values():
            smu.reset()
        self.converters.fast, self.converters.fine = Converters().fast, Converters().fine
        self._start()

    @property
    def output_on(self) -> bool:
        """Whether any output switch is closed."""
        return bool(self._closed())

    def _closed(self) -> list[int]:
        smus = [number for number, smu in self.smus.items() if smu.on]
        return smus + [number for number, channel in self.spgu.channels.items() if channel.on]

    # -- commands --------------------------------------------------------------------------------------------------

    def _own_commands(self) -> Mapping[str, Command]:
        return {**self._mainframe(), **self._measuring(), **self._pulsing()}

    def _mainframe(self) -> dict[str, Command]:
        return {
            "UNT?": Command(self._units, 0, 1),
            "*LRN?": Command(self._learn, 1, 1),
            "CN": Command(partial(self._switch, True), 0, MOST_CHANNELS + 1),
            "CL": Command(partial(self._switch, False), 0, MOST_CHANNELS + 1),
            "DZ": Command(partial(self._each, Smu.zero), 0, MOST_CHANNELS + 1),
            "RZ": Command(partial(self._each, Smu.restore), 0, MOST_CHANNELS + 1),
            "AB": Command(self.spgu.stop),
            "PA": Command(self._pause, 1, 1),
            "FMT": Command(self._set_format, 1, 2),
            "TSC": Command(partial(self._set_flag, "TSC"), 1, 1),
            "TSR": Command(self._reset_time, 0, 1),
            "TSQ": Command(lambda: self._put([data.time(self._format, self.circuit.clock.now() - self._zero)])),
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
            "RI": Command(partial(self._set_range, CURRENT), 2, 2),
            "RV": Command(partial(self._set_range, VOLTAGE), 2, 2),
            "MM": Command(self._set_mode, 1, MOST_CHANNELS),
            "XE": Command(self._execute),
        }

    def _pulsing(self) -> dict[str, Command]:
        spgu = self.spgu
        return {
            "SIM": Command(spgu.set_operation, 1, 1),
            "SIM?": Command(lambda: "0"),
            "SPRM": Command(spgu.set_run, 1, 2),
            "SPRM?": Command(lambda: f"{spgu.run_mode}" + (f",{spgu.condition:g}" if spgu.run_mode else "")),
            "SPPER": Command(spgu.set_period, 1, 1),
            "SPPER?": Command(lambda: f"{spgu.period:.6E}"),
            "SPM": Command(spgu.set_mode, 2, 2),
            "SPM?": Command(spgu.shown_mode, 1, 1),
            "SPT": Command(spgu.set_timing, 5, 6),
            "SPT?": Command(spgu.shown_timing, 2, 2),
            "SPV": Command(spgu.set_levels, 3, 4),
            "SPV?": Command(spgu.shown_levels, 2, 2),
            "SER": Command(spgu.set_load, 2, 2),
            "SER?": Command(spgu.shown_load, 1, 1),
            "ODSW": Command(spgu.set_switch, 2, 5),
            "ODSW?": Command(spgu.shown_switch, 1, 1),
            "SPUPD": Command(spgu.update, 0, SLOTS),
            "SRP": Command(spgu.start),
            "SPP": Command(spgu.stop),
            "SPST?": Command(lambda: "1" if spgu.running() else "0"),
        }

    # -- mainframe -------------------------------------------------------------------------------------------------

    def _units(self, mode: float = 0) -> str:
        whole(mode, 0, 0)
        return ";".join(f"{self.modules[slot]},0" for slot in range(1, SLOTS + 1))

    def _switch(self, on: bool, *numbers: float) -> None:
        if len(numbers) > MOST_CHANNELS:
            raise FlexError(CHANNELS)
        chosen = [self._numbered(number) for number in numbers] or [*self.smus, *self.spgu.channels]
        for number in chosen:
            if number in self.smus:
                self.smus[number].switch(on=on)
            else:
                self.spgu.switch(number, on=on)

    def _numbered(self, number: float) -> int:
        """The channel that a number means: 2 or 201 is the SMU in slot 2, 1 or 101 an SPGU channel in slot 1."""
        given = int(number) if number == int(number) else 0
        slot, sub = (given, 1) if given <= SLOTS else divmod(given, 100)
        if slot in self.smus and sub == 1:
            return slot
        if 100 * slot + sub in self.spgu.channels:
            return 100 * slot + sub
        raise FlexError(CHANNEL)

    def _smu(self, number: float) -> Smu:
        found = self._numbered(number)
        if found not in self.smus:
            raise FlexError(CHANNEL)
        return self.smus[found]

    def _each(self, act: Callable[[Smu], None], *numbers: float) -> None:
        chosen = [self._smu(number) for number in numbers] or [smu for smu in self.smus.values() if smu.on]
        for smu in chosen:
            act(smu)

    def _learn(self, kind: float) -> str:
        number = whole(kind, 0, 60)
        if number == 0:
            closed = self._closed()
            return "CN" + ",".join(str(one) for one in closed) if closed else "CL"
        if number in self.smus:
            smu = self.smus[number]
            return smu.forced.learnt(number) if smu.on else f"CL{number}"
        (fast, samples), (fine, figures) = self.converters.fast, self.converters.fine
        learnt = {
            31: f"TM1;AV{samples:g},{fast % 2};CM{self._flags['CM']};FMT{self._format},{self._mode}"
            + (f";MM1,{','.join(str(one) for one in self._spot)}" if self._spot else ""),
            55: ";".join(f"AAD{slot},{int(smu.fine)}" for slot, smu in self.smus.items()),
            56: f"AIT0,{fast},{samples:g};AIT1,{fine},{figures:g};AZ{self._flags['AZ']}",
            60: f"TSC{self._flags['TSC']}",
        }
        if number not in learnt:
            raise FlexError(VALUE)
        return learnt[number]

    def _pause(self, seconds: float) -> None:
        self.circuit.clock.wait(bounded(seconds, 0, 99.9999))

    def _set_format(self, kind: float, mode: float = 0) -> None:
        if kind not in data.FORMATS:
            raise FlexError(VALUE)
        self._format, self._mode = int(kind), whole(mode, 0, 10)
        self.data.clear()

    def _reset_time(self, number: float | None = None) -> None:
        if number is not None:
            self._smu(number)
        self._zero = self.circuit.clock.now()

    def _set_converter(self, number: float, kind: float) -> None:
        self._smu(number).fine = whole(kind, 0, 1) == 1

    def _set_flag(self, name: str, on: float) -> None:
        self._flags[name] = whole(on, 0, 1)

    # -- measuring -------------------------------------------------------------------------------------------------

    def _force(self, current: bool, number: float, code: float, level: float, *rest: float) -> None:
        limit, polarity, limit_code = (*rest, *(None, 0.0, 0.0)[len(rest) :])
        self._smu(number).force(current, code, level, limit, polarity or 0.0, limit_code or 0.0)

    def _set_range(self, ranges: Mapping[int, float], number: float, code: float) -> None:
        """Of measurements by ``XE``; high-speed spot measurements bring theirs along."""
        self._smu(number)
        if abs(code) not in (0, *ranges):
            raise FlexError(RANGE)

    def _high_speed(self, what: str, number: float, *codes: float) -> None:
        """``TTIV`` and its kin: the data are put out at once."""
        smu = self._smu(number)
        both = what.endswith("IV")
        if both and len(codes) == 1:
            raise FlexError(RANGE)
        current, voltage = (*codes, 0.0, 0.0)[:2] if both or what.endswith("I") else (0.0, *codes, 0.0)[:2]
        started = self.circuit.clock.now()
        found = smu.take(current, voltage)
        self._put(self._datum(smu, kind, found, started) for kind in what)

    def _set_mode(self, mode: float, *numbers: float) -> None:
        whole(mode, 1, 1)
        self._spot = tuple(self._smu(number).number for number in numbers)

    def _execute(self) -> None:
        """``XE``: one spot measurement of each channel, of what the source does not force."""
        if not self._spot:
            raise FlexError(VALUE)
        block: list[str] = []
        for number in self._spot:
            smu, started = self.smus[number], self.circuit.clock.now()
            found = smu.take()
            kinds = "T" * self._flags["TSC"] + ("V" if smu.forced.current else "I")
            block += [self._datum(smu, kind, found, started) for kind in kinds]
        self._put(block)

    def _put(self, block: Iterable[str]) -> None:
        self.data.append(",".join(block))

    def _datum(self, smu: Smu, kind: str, found: Measured, started: float) -> str:
        if kind == "T":
            return data.time(self._format, started - self._zero)
        return data.datum(self._format, smu.number, kind, found)

    def finish(self) -> None:
        """Wait for the pulses."""
        remaining = self.spgu.remaining()
        if remaining:
            self.circuit.clock.wait(remaining)


def _installed(pulses: int | None, units: Iterable[int]) -> dict[int, str]:
    """Modules by slot: as in the cabling, the rest as usual."""
    modules = dict.fromkeys(range(1, SLOTS + 1), EMPTY)
    if pulses is not None:
        modules[pulses] = PULSE_GENERATOR
    for slot in (*units, 2, 3, 4):
        if modules[slot] == EMPTY:
            modules[slot] = UNIT
    return modules


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
