"""Twin of the Keithley 2450 source-measure unit in its native SCPI.

Source: Model 2450 Reference Manual, 2450-901-01 Rev. B, section 6 (SCPI command reference), and its data sheet for
ranges. The clamp is real: where the limit is reached, the source gives the voltage at which the limit current flows.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import ClassVar, Final, NamedTuple

from sim_device.virtual_bench.circuit import Circuit
from sim_device.virtual_bench.noise import Normals
from sim_device.virtual_bench.scpi import (
    Arguments,
    CommandTree,
    Entry,
    ScpiTwin,
    Suffixes,
    common_commands,
    no_arguments,
)
from sim_device.virtual_bench.scpi_settings import Choice, Flag, Number, Setting, SettingsTwin, add_settings
from sim_device.virtual_bench.scpi_values import ScpiError, choice, number, string

VOLTAGE_RANGES: Final = (0.02, 0.2, 2.0, 20.0, 200.0)  # [V]
CURRENT_RANGES: Final = (1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0)  # [A]
HEADROOM: Final = 1.05  # every range measures and sources 5 % beyond its name
OVERFLOW: Final = 9.9e37
LINE_FREQUENCY: Final = 50.0  # [Hz]
NOISE: Final = 5e-7  # of range, standard deviation at 1 power line cycle; data sheet, 10 Hz noise
BUFFER: Final = 100_000  # readings of defbuffer1

READBACK, LIMITED, FOUR_WIRE, OUTPUT_ON = 8, 32, 64, 128  # bits of a source status
ELEMENTS: Final = ("READing", "SOURce", "SOURSTATus", "STATus", "RELative", "UNIT", "SOURUNIT")


class Reading(NamedTuple):
    """One entry of a reading buffer."""

    source: float
    reading: float
    source_status: int
    time: float


def _smallest(ranges: tuple[float, ...], value: float) -> float:
    for one in ranges:
        if abs(value) <= one * HEADROOM:
            return one
    raise ScpiError(-222, "Parameter data out of range")


def _most_current(twin: SettingsTwin, _: int) -> float:
    """1.05 A up to 20 V, 105 mA on the 200 V range."""
    return 1.05 if twin.value("source_range") <= 20 else 0.105


def _most_voltage(twin: SettingsTwin, _: int) -> float:
    return HEADROOM * (200.0 if twin.value("source_range_auto") else twin.value("source_range"))


SETTINGS: Final[tuple[Setting, ...]] = (
    Choice(":SOURce#1:FUNCtion[:MODE]", "source", ("VOLTage", "CURRent")),
    Number(":SOURce#1:VOLTage:RANGe", "source_range", "V", -210, 210, 0.02),
    Flag(":SOURce#1:VOLTage:RANGe:AUTO", "source_range_auto", True),
    Number(
        ":SOURce#1:VOLTage[:LEVel][:IMMediate][:AMPLitude]",
        "level",
        "V",
        lambda t, c: -_most_voltage(t, c),
        _most_voltage,
        0,
    ),
    Number(":SOURce#1:VOLTage:ILIMit[:LEVel]", "limit", "A", 1e-9, _most_current, 1.05e-4),
    Flag(":SOURce#1:VOLTage:READ:BACK", "readback", True),
    Number(":SOURce#1:VOLTage:DELay", "delay", "S", 0, 1e4, 0),
    Flag(":SOURce#1:VOLTage:DELay:AUTO", "delay_auto", True),
    Choice(":SENSe#1:FUNCtion[:ON]", "sense", ("CURRent", "VOLTage", "RESistance"), quoted=True),
    Number(":SENSe#1:CURRent[:DC]:RANGe[:UPPer]", "range", "A", 1e-9, 1.05, 1e-8),
    Flag(":SENSe#1:CURRent[:DC]:RANGe:AUTO", "range_auto", True),
    Number(":SENSe#1:CURRent[:DC]:NPLCycles", "nplc", "", 0.01, 10, 1),
    Flag(":SENSe#1:CURRent[:DC]:AZERo[:STATe]", "autozero", True),
    Flag(":SENSe#1:CURRent[:DC]:RSENse", "four_wire", False),
    Number(":SENSe#1:COUNt", "count", "", 1, 300_000, 1, whole=True),
    Flag(":OUTPut#1[:STATe]", "output", False),
    Choice(":OUTPut#1:SMODe", "off_state", ("NORMal", "HIMPedance", "ZERO", "GUARd")),
    Choice(":ROUTe:TERMinals", "terminals", ("FRONt", "REAR")),
)


class Keithley2450Twin(SettingsTwin):
    """A Keithley 2450 around a circuit."""

    settings = SETTINGS
    tree: ClassVar[CommandTree]

    def __init__(self, circuit: Circuit, serial: str = "04412345", noise: Normals | None = None) -> None:
        self.circuit = circuit
        self.identity = f"KEITHLEY INSTRUMENTS,MODEL 2450,{serial},1.7.12b"
        self._normals = noise or Normals(0)
        self.buffer: list[Reading] = []
        self._started = circuit.clock.now()
        super().__init__()

    # -- state -----------------------------------------------------------------------------------------------------

    def reset(self) -> None:
        """Defaults, output off, buffers empty."""
        self.restore_defaults()
        self.buffer.clear()
        self._drive()

    @property
    def output_on(self) -> bool:
        """Whether the output relay is closed."""
        return bool(self.value("output"))

    def changed(self, name: str, channel: int) -> None:
        """Ranges follow levels as the manual says; what reaches the terminals is told to the circuit."""
        if name in ("source", "sense") and (self.value("source"), self.value("sense")) != ("VOLT", "CURR"):
            raise ScpiError(-221, "Settings conflict")  # the twin sources voltage and measures current, no more
        if name == "level" and self.value("source_range_auto"):
            self.assign("source_range", 1, _smallest(VOLTAGE_RANGES, self.value("level")))
        elif name == "source_range":
            self.assign("source_range", 1, _smallest(VOLTAGE_RANGES, self.value("source_range")))
            self.assign("source_range_auto", 1, False)
        elif name == "range":
            self.assign("range", 1, _smallest(CURRENT_RANGES, self.value("range")))
            self.assign("range_auto", 1, False)
        elif name == "limit":
            self._check_limit()
        elif name == "delay":
            self.assign("delay_auto", 1, False)
        if name in ("level", "limit", "output", "source_range", "range"):
            self._drive()

    def _check_limit(self) -> None:
        """With a fixed measure range the limit must be more than 0.1 % of it (manual, :SOURce:VOLTage:ILIMit)."""
        if not self.value("range_auto") and self.value("limit") < 1e-3 * self.value("range"):
            raise ScpiError(-222, "Parameter data out of range")

    def effective_limit(self) -> float:
        """Where the current is clamped [A]: the limit, or the end of a fixed measure range if that comes first."""
        limit: float = self.value("limit")
        return limit if self.value("range_auto") else min(limit, HEADROOM * self.value("range"))

    def _drive(self) -> None:
        self.circuit.smu_drives(self.value("level") if self.output_on else None, self.effective_limit())

    # -- measuring -------------------------------------------------------------------------------------------------

    def measure(self) -> Reading:
        """One measurement; takes the time that integration takes."""
        clock = self.circuit.clock
        cycles = self.value("nplc")
        # With autozero the zero and the reference are measured as well (manual, "Autozero background").
        clock.wait(cycles / LINE_FREQUENCY * (3 if self.value("autozero") else 1) + self.value("delay"))
        voltage, current, limited = self.circuit.smu_reads()
        if self.value("range_auto"):
            self.assign("range", 1, _smallest(CURRENT_RANGES, min(abs(current), 1.0)))
        scale = self.value("range")
        averaged = NOISE / math.sqrt(cycles)
        measured = current + averaged * scale * self._normals()
        if abs(measured) > HEADROOM * scale * (1 + 1e-3):
            measured = math.copysign(OVERFLOW, measured)
        source = self.value("level") if self.output_on else 0.0
        status = OUTPUT_ON if self.output_on else 0
        if self.value("readback"):
            status |= READBACK
            source = voltage + averaged * self.value("source_range") * self._normals()
        status |= LIMITED if limited else 0
        status |= FOUR_WIRE if self.value("four_wire") else 0
        return Reading(source, measured, status, clock.now() - self._started)

    def fill(self) -> None:
        """Make ``SENSe:COUNt`` measurements into the buffer; the oldest give way when it is full."""
        for _ in range(self.value("count")):
            self.buffer.append(self.measure())
        if len(self.buffer) > BUFFER:
            del self.buffer[: len(self.buffer) - BUFFER]


@lru_cache(maxsize=256)
def _elements(arguments: Arguments) -> tuple[str, ...]:
    return tuple(choice(text, ELEMENTS) for text in arguments) or ("READ",)


def _check_buffer(text: str) -> None:
    if string(text).lower() != "defbuffer1":
        raise ScpiError(1115, "Parameter error: no such buffer")


def _show(reading: Reading, elements: tuple[str, ...]) -> str:
    fields = {
        "READ": f"{reading.reading:.6E}",
        "SOUR": f"{reading.source:.6E}",
        "SOURSTAT": str(reading.source_status),
        "STAT": "0",
        "REL": f"{reading.time:.9f}",
        "UNIT": "Amp DC",
        "SOURUNIT": "Volt DC",
    }
    return ",".join(fields[element] for element in elements)


def _read(twin: ScpiTwin, _: Suffixes, arguments: Arguments) -> str:
    assert isinstance(twin, Keithley2450Twin)
    if arguments:
        _check_buffer(arguments[0])
    elements = _elements(arguments[1:])
    twin.fill()
    return _show(twin.buffer[-1], elements)


def _trace_trigger(twin: ScpiTwin, _: Suffixes, arguments: Arguments) -> None:
    assert isinstance(twin, Keithley2450Twin)
    if arguments:
        _check_buffer(arguments[0])
    twin.fill()


def _trace_data(twin: ScpiTwin, _: Suffixes, arguments: Arguments) -> str:
    assert isinstance(twin, Keithley2450Twin)
    if len(arguments) < 2:
        raise ScpiError(-109, "Missing parameter")
    first, last = round(number(arguments[0])), round(number(arguments[1]))
    if len(arguments) > 2:
        _check_buffer(arguments[2])
    if not 1 <= first <= last <= len(twin.buffer):
        raise ScpiError(-222, "Parameter data out of range")
    elements = _elements(arguments[3:])
    return ",".join(_show(reading, elements) for reading in twin.buffer[first - 1 : last])


def _trace_clear(twin: ScpiTwin, _: Suffixes, arguments: Arguments) -> None:
    assert isinstance(twin, Keithley2450Twin)
    if arguments:
        _check_buffer(arguments[0])
    twin.buffer.clear()


def _actual(twin: ScpiTwin, _: Suffixes, arguments: Arguments) -> str:
    assert isinstance(twin, Keithley2450Twin)
    if arguments:
        _check_buffer(arguments[0])
    return str(len(twin.buffer))


def _tripped(twin: ScpiTwin) -> str:
    assert isinstance(twin, Keithley2450Twin)
    return "1" if twin.output_on and twin.circuit.smu_reads()[2] else "0"


def _commands() -> CommandTree:
    tree = add_settings(common_commands(), SETTINGS)
    tree.add(":READ", Entry(query=_read))
    tree.add(":TRACe:TRIGger", Entry(set=_trace_trigger))
    tree.add(":TRACe:DATA", Entry(query=_trace_data))
    tree.add(":TRACe:CLEar", Entry(set=_trace_clear))
    tree.add(":TRACe:ACTual", Entry(query=_actual))
    tree.add(":SOURce#1:VOLTage:ILIMit[:LEVel]:TRIPped", Entry(query=no_arguments(_tripped)))
    tree.add(":SYSTem:LFRequency", Entry(query=no_arguments(lambda _: f"{LINE_FREQUENCY:.0f}")))
    tree.add("*LANG", Entry(query=no_arguments(lambda _: "SCPI")))
    return tree


Keithley2450Twin.tree = _commands()
