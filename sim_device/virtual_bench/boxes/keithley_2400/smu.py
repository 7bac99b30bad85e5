"""Twin of the Keithley 2400 source-measure unit, trap included: ``:MEASure`` resets the compliance and switches on.

Source: Series 2400 SourceMeter User's Manual, 2400S-900-01, section 18 (SCPI command reference), section 9 (buffer),
and for what ``:CONFigure`` does to a compliance a public log of the instrument.
"""

from __future__ import annotations

from typing import Any, ClassVar, Final

from sim_device.virtual_bench.boxes.common.meter import HEADROOM, Measured, Meter, smallest
from sim_device.virtual_bench.circuit.surroundings import Circuit, Drive
from sim_device.virtual_bench.languages.safety_entries import add_calibration_dates, add_interlock
from sim_device.virtual_bench.languages.scpi_common import common_commands
from sim_device.virtual_bench.languages.scpi_settings import Choice, Flag, Number, Setting, SettingsTwin, add_settings
from sim_device.virtual_bench.languages.scpi_tree import CommandTree
from sim_device.virtual_bench.languages.scpi_values import ScpiError

VOLTAGE_RANGES: Final = (0.2, 2.0, 20.0, 200.0)  # [V]
CURRENT_RANGES: Final = (1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0)  # [A]
RANGES: Final = {"VOLT": VOLTAGE_RANGES, "CURR": CURRENT_RANGES}
NOT_A_NUMBER: Final = 9.91e37
OVERFLOWED, FILTERED, COMPLIANCE, VOLTS_MEASURED, AMPERES_MEASURED = 1, 2, 8, 1 << 11, 1 << 12
OHMS_MEASURED, VOLTS_SOURCED, AMPERES_SOURCED = 1 << 13, 1 << 14, 1 << 15  # bits of the status word
OUTPUT_IS_OFF: Final = ScpiError(803, "Not permitted with OUTPUT off")


def _most_current(twin: SettingsTwin, _: int) -> float:
    return 1.05 if twin.value("VOLT source range") <= 20 else 0.105


def _end(name: str, sign: float) -> Any:
    def bound(twin: SettingsTwin, _: int) -> float:
        auto, largest = twin.value(f"{name} source auto"), RANGES[name][-1]
        return sign * HEADROOM * (largest if auto else twin.value(f"{name} source range"))

    return bound


def _source(function: str, name: str, unit: str) -> tuple[Setting, ...]:
    at, full = f":SOURce#1:{function}", RANGES[name][-1] * HEADROOM
    return (
        Choice(f"{at}:MODE", f"{name} mode", ("FIXed",)),
        Number(f"{at}:RANGe", f"{name} source range", unit, -full, full, 20.0 if name == "VOLT" else 1e-4),
        Flag(f"{at}:RANGe:AUTO", f"{name} source auto", True),
        Number(f"{at}[:LEVel][:IMMediate][:AMPLitude]", f"{name} level", unit, _end(name, -1), _end(name, 1), 0),
    )


def _sense(function: str, name: str, unit: str, limit: tuple[Any, Any, Any]) -> tuple[Setting, ...]:
    at, full = f"[:SENSe#1]:{function}", RANGES[name][-1] * HEADROOM
    return (
        Number(f"{at}:PROTection[:LEVel]", f"{name} limit", unit, *limit),
        Number(f"{at}:RANGe[:UPPer]", f"{name} range", unit, -full, full, 21.0 if name == "VOLT" else 1.05e-4),
        Flag(f"{at}:RANGe:AUTO", f"{name} auto", True),
        Number(f"{at}:NPLCycles", "nplc", "", 0.01, 10, 1),
    )


SETTINGS: Final[tuple[Setting, ...]] = (
    Choice(":SOURce#1:FUNCtion[:MODE]", "source", ("VOLTage", "CURRent")),
    *_source("VOLTage", "VOLT", "V"),
    *_source("CURRent", "CURR", "A"),
    *_sense("VOLTage[:DC]", "VOLT", "V", (0.2e-3, 210, 21)),
    *_sense("CURRent[:DC]", "CURR", "A", (1e-9, _most_current, 1.05e-4)),
    Choice("[:SENSe#1]:RESistance:MODE", "ohms mode", ("MANual", "AUTO")),
    Number("[:SENSe#1]:RESistance:RANGe[:UPPer]", "RES range", "OHM", 0, 2.1e8, 2.1e5),
    Flag("[:SENSe#1]:RESistance:RANGe:AUTO", "RES auto", True),
    Number("[:SENSe#1]:RESistance:NPLCycles", "nplc", "", 0.01, 10, 1),
    Flag("[:SENSe#1]:FUNCtion:CONCurrent", "concurrent", True),
    Flag("[:SENSe#1]:AVERage[:STATe]", "filter", False),
    Number("[:SENSe#1]:AVERage:COUNt", "filter count", "", 1, 100, 10, whole=True),
    Choice("[:SENSe#1]:AVERage:TCONtrol", "filter kind", ("REPeat", "MOVing")),
    Number(":SOURce#1:DELay", "delay", "S", 0, 999.9999, 0),
    Flag(":SOURce#1:DELay:AUTO", "delay auto", True),
    Flag(":SOURce#1:CLEar:AUTO", "auto clear", False),
    Number(":TRIGger:COUNt", "count", "", 1, 2500, 1, whole=True),
    Number(":TRIGger:DELay", "trigger delay", "S", 0, 999.9999, 0),
    Number(":ARM:COUNt", "arm count", "", 1, 2500, 1, whole=True),
    Flag(":OUTPut#1[:STATe]", "output", False),
    Flag(":OUTPut#1:INTerlock:STATe", "interlock", False),
    Choice(":OUTPut#1:SMODe", "off state", ("NORMal", "HIMPedance", "ZERO", "GUARd")),
    Flag(":SYSTem:RSENse", "four wire", False),
    Flag(":SYSTem:BEEPer:STATe", "beeper", True),
    Choice(":ROUTe:TERMinals", "terminals", ("FRONt", "REAR")),
    Choice(":FORMat[:DATA]", "format", ("ASCii",)),
    Flag(":DISPlay:ENABle", "display", True),
    Number(":TRACe:POINts", "buffer size", "", 1, 2500, 100, whole=True),
    Choice(":TRACe:FEED", "feed", ("SENSe", "CALCulate1", "CALCulate2")),
    Choice(":TRACe:FEED:CONTrol", "feed control", ("NEVer", "NEXT")),
    Number(":STATus:MEASurement:ENABle", "measurement enable", "", 0, 65535, 0, whole=True),
)
_AT_THE_TERMINALS: Final = frozenset(
    {"source", "output", "VOLT level", "CURR level", "VOLT limit", "CURR limit", "VOLT range", "CURR range"}
)


class Keithley2400Twin(SettingsTwin):
    """A Keithley 2400 around a circuit. Its tree is completed in `keithley_2400_measuring`."""

    settings = SETTINGS
    colon_before_common = True
    tree: ClassVar[CommandTree] = add_interlock(add_calibration_dates(add_settings(common_commands(), SETTINGS)))
    interlock_closed = True

    def __init__(self, circuit: Circuit, serial: str = "1234567") -> None:
        self.circuit = circuit
        self.identity = f"KEITHLEY INSTRUMENTS INC.,MODEL 2400,{serial},C33   Mar 31 2015 09:32:39/A02  /L/H"
        self.meter = Meter(circuit, seed=int(serial))
        self.functions: list[str] = ["CURR"]
        self.elements: tuple[str, ...] = ("VOLT", "CURR", "RES", "TIME", "STAT")
        self.autozero = True
        self.last: str | None = None
        self.buffer: list[str] = []
        self._started = circuit.clock.now()
        super().__init__()

    def reset(self) -> None:
        """Defaults, output off."""
        self.restore_defaults()
        self.functions, self.elements, self.autozero = ["CURR"], ("VOLT", "CURR", "RES", "TIME", "STAT"), True
        self.last = None
        self._drive()

    @property
    def output_on(self) -> bool:
        """Whether the output is on."""
        return bool(self.value("output"))

    def changed(self, name: str, channel: int) -> None:
        """Ranges follow levels; a measure range may not exceed that of the compliance."""
        function, _, part = name.partition(" ")
        if part == "level" and self.value(f"{function} source auto"):
            self._fit(f"{function} source range", function)
        elif part == "source range":
            self._fit(name, function, self.value(name))
            self.assign(f"{function} source auto", 1, False)
        elif function in RANGES and part == "range":
            self._fit(name, function, self.value(name))
            self.assign(f"{function} auto", 1, False)
            if function != self.value("source"):
                self._check_range(function)
        elif part == "limit" and not self.value(f"{function} auto"):
            self._check_limit(function)
        elif name == "delay":
            self.assign("delay auto", 1, False)
        if name in _AT_THE_TERMINALS:
            self._drive()

    def _fit(self, name: str, function: str, value: float | None = None) -> None:
        found = smallest(RANGES[function], self.value(f"{function} level") if value is None else value)
        if found is None:
            raise ScpiError(-222, "Parameter data out of range")
        self.assign(name, 1, found)

    def _check_range(self, function: str) -> None:
        limit_range = smallest(RANGES[function], self.value(f"{function} limit"))
        if limit_range is not None and self.value(f"{function} range") > limit_range:
            raise ScpiError(824, "Cannot exceed compliance range")

    def _check_limit(self, function: str) -> None:
        if self.value(f"{function} limit") < 1e-3 * self.value(f"{function} range"):
            raise ScpiError(-222, "Parameter data out of range")

    def effective_limit(self) -> float:
        """Real compliance, or range compliance where a fixed measure range ends first [A or V]."""
        other = "CURR" if self.value("source") == "VOLT" else "VOLT"
        limit: float = self.value(f"{other} limit")
        if self.value(f"{other} auto") or other not in self.functions:
            return limit
        return min(limit, HEADROOM * self.value(f"{other} range"))

    def _drive(self) -> None:
        source = self.value("source")
        drive = Drive(source == "CURR", self.value(f"{source} level"), self.effective_limit())
        self.circuit.smu_drives(drive if self.output_on else None)

    # -- measuring -------------------------------------------------------------------------------------------------

    def configure(self, function: str) -> None:
        """``:CONFigure``: one function alone, its range, integration and compliance as after a reset; source on."""
        self.functions = [function]
        for name in (f"{function} auto", f"{function} range", f"{function} limit", "nplc", "count", "arm count"):
            if self.has(name):
                self.assign(name, 1, self._by_name[name].default(self, 1))
        self.put("output", 1, True)

    def read(self) -> str:
        """``:READ?``: so many readings as the trigger count says, with the elements that were chosen."""
        automatic = self.value("auto clear")
        if not self.output_on and not automatic:
            raise OUTPUT_IS_OFF
        if automatic:
            self.put("output", 1, True)
        readings = [self._reading() for _ in range(self.value("count") * self.value("arm count"))]
        if automatic:
            self.put("output", 1, False)
        self.last = ",".join(readings)
        if self.value("feed control") == "NEXT":
            self.buffer.extend(readings[: self.value("buffer size") - len(self.buffer)])
            if len(self.buffer) >= self.value("buffer size"):
                self.assign("feed control", 1, "NEV")
        return self.last

    def _reading(self) -> str:
        source = self.value("source")
        found = self.meter.take(
            self.value("nplc"),
            self.value("VOLT source range") if source == "VOLT" else 200.0,
            self.value("CURR source range") if source == "CURR" else self._current_range(),
            integrations=(3 if self.autozero else 1) * (self.value("filter count") if self.value("filter") else 1),
            delay=self.value("delay") + self.value("trigger delay"),
        )
        return ",".join([f"{value:+.6E}" for value in self._chosen(found)])

    def _current_range(self) -> float | None:
        return None if self.value("CURR auto") else float(self.value("CURR range"))

    def _chosen(self, found: Measured) -> list[float]:
        """Values of the chosen elements: what is not measured is the source's level, or not a number."""
        source = self.value("source")

        def of(name: str, measured: float) -> float:
            if name in self.functions:
                return measured
            return float(self.value(f"{name} level")) if name == source else NOT_A_NUMBER

        ohms = found.voltage / found.current if found.current and "RES" in self.functions else NOT_A_NUMBER
        values = {
            "VOLT": of("VOLT", found.voltage),
            "CURR": of("CURR", found.current),
            "RES": ohms,
            "TIME": found.time - self._started,
            "STAT": float(self._status(found)),
        }
        return [values[element] for element in ("VOLT", "CURR", "RES", "TIME", "STAT") if element in self.elements]

    def _status(self, found: Measured) -> int:
        status = VOLTS_SOURCED if self.value("source") == "VOLT" else AMPERES_SOURCED
        for name, bit in (("VOLT", VOLTS_MEASURED), ("CURR", AMPERES_MEASURED), ("RES", OHMS_MEASURED)):
            status |= bit if name in self.functions else 0
        status |= COMPLIANCE if found.limited else 0
        status |= FILTERED if self.value("filter") else 0
        return status | (OVERFLOWED if max(abs(found.voltage), abs(found.current)) > 9e37 else 0)
