"""Twin of the Keysight B2902B source-measure unit; channel 1 is the one that is cabled, channel 2 is left open.

Source: Keysight B2900 Series SCPI Command Reference, chapter 1 (status data, table 1-2) and chapter 4 (subsystems).
After a reset a measurement switches the output on by itself (``OUTPut:ON:AUTO``), as the real one does.
"""

from __future__ import annotations

from typing import ClassVar, Final

from sim_device.virtual_bench.boxes.common.meter import HEADROOM, LINE_FREQUENCY, Measured, Meter, smallest
from sim_device.virtual_bench.boxes.keysight_b2902b.lists import ListRun
from sim_device.virtual_bench.circuit.surroundings import Circuit, Drive
from sim_device.virtual_bench.languages.scpi_common import common_commands
from sim_device.virtual_bench.languages.scpi_settings import Choice, Flag, Number, Setting, SettingsTwin, add_settings
from sim_device.virtual_bench.languages.scpi_tree import CommandTree
from sim_device.virtual_bench.languages.scpi_values import ScpiError

VOLTAGE_RANGES: Final = (0.2, 2.0, 20.0, 200.0)  # [V]
CURRENT_RANGES: Final = (1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0, 1.5, 3.0)  # [A]
RANGES: Final = {"VOLT": VOLTAGE_RANGES, "CURR": CURRENT_RANGES}
ELEMENTS: Final = ("VOLTage", "CURRent", "RESistance", "TIME", "STATus", "SOURce")
NOT_A_NUMBER: Final = 9.91e37
CURRENT_SOURCED, LIMITED, OVERRANGED = 1, 2, 8192  # bits of the status data
MOST: Final = 100_000  # readings of one trigger
TRIGGERS: Final = ("AINT", "BUS", "TIMer", "INT1", "INT2", "LAN", "EXT1", "EXT2")
PINS: Final = tuple(f"EXT{pin}" for pin in range(1, 15))  # of the digital I/O connector
TRANSIENT, ACQUIRE = "transient", "acquire"  # the two device actions, each with triggers of its own


def _most_current(twin: SettingsTwin, channel: int) -> float:
    return 3.03 if twin.value("VOLT source range", channel) <= 6 else 1.515


def _source(function: str, name: str, unit: str) -> tuple[Setting, ...]:
    at, full = f"[:SOURce#2]:{function}", RANGES[name][-1] * HEADROOM
    return (
        Choice(f"{at}:MODE", f"{name} mode", ("FIXed", "LIST") if name == "VOLT" else ("FIXed",)),
        Number(f"{at}:RANGe", f"{name} source range", unit, -full, full, RANGES[name][1]),
        Flag(f"{at}:RANGe:AUTO", f"{name} source auto", True),
        Number(f"{at}[:LEVel][:IMMediate][:AMPLitude]", f"{name} level", unit, -full, full, 0),
    )


def _sense(function: str, name: str, unit: str, limit: float) -> tuple[Setting, ...]:
    at, full = f":SENSe#2:{function}", RANGES[name][-1] * HEADROOM
    most = _most_current if name == "CURR" else full
    return (
        Number(f"{at}:PROTection[:LEVel][:BOTH]", f"{name} limit", unit, 1e-9, most, limit),
        Number(f"{at}:RANGe[:UPPer]", f"{name} range", unit, -full, full, RANGES[name][1]),
        Flag(f"{at}:RANGe:AUTO", f"{name} auto", True),
        Number(f"{at}:NPLCycles", "nplc", "", 4e-4, 100, 0.02),
    )


def _action(keyword: str, name: str) -> tuple[Setting, ...]:
    at = f":TRIGger#2:{keyword}"
    return (
        Choice(f"{at}:SOURce[:SIGNal]", f"{name} source", TRIGGERS),
        Number(f"{at}:TIMer", f"{name} timer", "S", 2e-5, 1e5, 2e-5),
        Number(f"{at}:COUNt", f"{name} count", "", 1, MOST, 1, whole=True),
        Number(f"{at}:DELay", f"{name} delay", "S", 0, 1e5, 0),
    )


SETTINGS: Final[tuple[Setting, ...]] = (
    Choice("[:SOURce#2]:FUNCtion:MODE", "source", ("VOLTage", "CURRent")),
    Choice("[:SOURce#2]:FUNCtion[:SHAPe]", "shape", ("DC", "PULSe")),
    Number("[:SOURce#2]:PULSe:DELay", "pulse delay", "S", 0, 99999.9, 0),
    Number("[:SOURce#2]:PULSe:WIDTh", "pulse width", "S", 5e-5, 1e5, 5e-5),
    *_source("VOLTage", "VOLT", "V"),
    *_source("CURRent", "CURR", "A"),
    *_sense("VOLTage[:DC]", "VOLT", "V", 2.0),
    *_sense("CURRent[:DC]", "CURR", "A", 1e-4),
    Flag(":SENSe#2:REMote", "four wire", False),
    Flag(":OUTPut#2[:STATe]", "output", False),
    Flag(":OUTPut#2:ON:AUTO", "auto on", True),
    Flag(":OUTPut#2:OFF:AUTO", "auto off", False),
    Choice(":OUTPut#2:OFF:MODE", "off mode", ("NORMal", "HIZ", "ZERO")),
    Flag(":OUTPut#2:PROTection[:STATe]", "protection", False),
    *_action("TRANsient", TRANSIENT),
    *_action("ACQuire", ACQUIRE),
    Flag(":SYSTem:TIME:TIMer:COUNt:RESet:AUTO", "timer auto", True),
    Flag("[:SOURce#2]:TOUTput[:STATe]", "trigger out", False),
    Choice("[:SOURce#2]:TOUTput:SIGNal", "trigger pin", PINS),
    Choice(":FORMat[:DATA]", "format", ("ASCii",)),
)
_AT_THE_TERMINALS: Final = frozenset(
    {"source", "output", "VOLT level", "CURR level", "VOLT limit", "CURR limit", "VOLT range", "CURR range"}
)


class KeysightB2902BTwin(SettingsTwin):
    """A Keysight B2902B around a circuit."""

    settings = SETTINGS
    channels = 2
    signed_zero = True
    tree: ClassVar[CommandTree] = add_settings(common_commands(), SETTINGS)

    def __init__(self, circuit: Circuit, serial: str = "MY51140123") -> None:
        self.circuit = circuit
        self.identity = f"Keysight Technologies,B2902B,{serial},5.1.2130.6321"
        self.meter = Meter(circuit, seed=2902)
        self.functions: list[list[str]] = [["CURR"], ["CURR"]]
        self.elements: tuple[str, ...] = ("VOLT", "CURR", "RES", "TIME", "STAT", "SOUR")
        self.taken: list[str] = []
        self.started = circuit.clock.now()
        self.lists = ListRun(self)
        super().__init__()

    def reset(self) -> None:
        """Defaults, outputs off."""
        self.lists.reset()
        self.restore_defaults()
        self.functions = [["CURR"], ["CURR"]]
        self.elements = ("VOLT", "CURR", "RES", "TIME", "STAT", "SOUR")
        self.taken.clear()
        self._drive()

    @property
    def output_on(self) -> bool:
        """Whether the output of channel 1 is on."""
        return bool(self.value("output"))

    def changed(self, name: str, channel: int) -> None:
        """Ranges follow levels; a fixed range that does not hold the level refuses it."""
        function, _, part = name.partition(" ")
        if channel == 1 and name in _AT_THE_TERMINALS:
            self.lists.end()
        if part == "level":
            self._check_level(function, channel)
        elif part in ("source range", "range"):
            found = smallest(RANGES[function], self.value(name, channel))
            if found is None:
                raise ScpiError(-222, "Data out of range")
            self.assign(name, channel, found)
            self.assign(f"{function} {'source auto' if part == 'source range' else 'auto'}", channel, False)
        if channel == 1 and name in _AT_THE_TERMINALS:
            self._drive()

    def _check_level(self, function: str, channel: int) -> None:
        level, name = self.value(f"{function} level", channel), f"{function} source range"
        if self.value(f"{function} source auto", channel):
            self.assign(name, channel, smallest(RANGES[function], level))
        elif abs(level) > HEADROOM * self.value(name, channel) * (1 + 1e-9):
            raise ScpiError(-222, "Data out of range")

    def _drive(self) -> None:
        source = self.value("source")
        other = "CURR" if source == "VOLT" else "VOLT"
        drive = Drive(source == "CURR", self.value(f"{source} level"), self.value(f"{other} limit"))
        self.circuit.smu_drives(drive if self.output_on else None)

    def finish(self) -> None:
        """Wait for a list that runs."""
        self.lists.finish()

    # -- measuring -------------------------------------------------------------------------------------------------

    def acquire(self, channel: int) -> None:
        """``INITiate``: so many readings as the trigger count says; the output comes on by itself if it is let to."""
        if self.value("auto on", channel) and not self.value("output", channel):
            self.put("output", channel, True)
        self.taken = [self._reading(channel) for _ in range(self.value("acquire count", channel))]
        if self.value("auto off", channel):
            self.put("output", channel, False)

    def _reading(self, channel: int) -> str:
        if channel == 1:
            auto = self.value("CURR auto")
            found = self.meter.take(
                self.value("nplc"),
                self.value("VOLT source range") if self.value("source") == "VOLT" else 200.0,
                None if auto else float(self.value("CURR range")),
            )
        else:  # nothing is connected
            self.circuit.clock.wait(self.value("nplc", 2) / LINE_FREQUENCY)
            on = self.value("output", 2) and self.value("source", 2) == "VOLT"
            found = Measured(self.value("VOLT level", 2) if on else 0.0, 0.0, False, self.circuit.clock.now())
        return ",".join([f"{value:+.6E}" for value in self._chosen(found, channel)])

    def _chosen(self, found: Measured, channel: int) -> list[float]:
        source, functions = self.value("source", channel), self.functions[channel - 1]
        status = (CURRENT_SOURCED if source == "CURR" else 0) | (LIMITED if found.limited else 0)
        status |= OVERRANGED if max(abs(found.voltage), abs(found.current)) > 9e37 else 0
        level = float(self.value(f"{source} level", channel))
        values = {
            "VOLT": found.voltage if "VOLT" in functions else (level if source == "VOLT" else NOT_A_NUMBER),
            "CURR": found.current if "CURR" in functions else (level if source == "CURR" else NOT_A_NUMBER),
            "RES": found.voltage / found.current if found.current and "RES" in functions else NOT_A_NUMBER,
            "TIME": found.time - self.started,
            "STAT": float(status),
            "SOUR": level,
        }
        return [values[element] for element in values if element in self.elements]
