"""Twin of the Keithley 2450 source-measure unit in its native SCPI.

Source: Model 2450 Reference Manual, 2450-901-01 Rev. B, section 6 (SCPI command reference), and its data sheet for
ranges. The clamp is real: where the limit is reached, the source gives the voltage at which the limit current flows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Final, NamedTuple

import numpy as np

from instruments.crosspoints import FloatArray
from sim_device.virtual_bench.boxes.common.meter import HEADROOM, OVERFLOW, Meter, smallest
from sim_device.virtual_bench.boxes.keithley_2450.lists import ListSweep
from sim_device.virtual_bench.circuit.surroundings import Circuit, Drive
from sim_device.virtual_bench.devices.trains import Train
from sim_device.virtual_bench.languages.safety_entries import add_interlock
from sim_device.virtual_bench.languages.scpi_common import common_commands
from sim_device.virtual_bench.languages.scpi_settings import Choice, Flag, Number, Setting, SettingsTwin, add_settings
from sim_device.virtual_bench.languages.scpi_tree import CommandTree
from sim_device.virtual_bench.languages.scpi_values import ScpiError

VOLTAGE_RANGES: Final = (0.02, 0.2, 2.0, 20.0, 200.0)  # [V]
CURRENT_RANGES: Final = (1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0)  # [A]
RESISTANCE_RANGES: Final = tuple(2.0 * 10.0**decade for decade in range(1, 9))  # [ohm]
RANGES: Final = {"VOLT": VOLTAGE_RANGES, "CURR": CURRENT_RANGES, "RES": RESISTANCE_RANGES}
READBACK, LIMITED, FOUR_WIRE, OUTPUT_ON = 8, 32, 64, 128  # bits of a source status
BUFFER: Final = 100_000  # readings of a default buffer


class Reading(NamedTuple):
    """One entry of a reading buffer; `unit` of the reading, `source_unit` of the source."""

    source: float
    reading: float
    source_status: int
    time: float
    unit: str
    source_unit: str


class Plan(NamedTuple):
    """A trigger model: levels of the source (None leaves it alone), time before each measurement [s], buffer."""

    levels: tuple[float | None, ...]
    delay: float
    buffer: str


def _most_current(twin: SettingsTwin, _: int) -> float:
    """1.05 A up to 20 V, 105 mA on the 200 V range."""
    return 1.05 if twin.value("VOLT source range") <= 20 else 0.105


def _end(name: str, sign: float) -> Any:
    """End of a source range, or of the largest one while the range follows the level."""

    def bound(twin: SettingsTwin, _: int) -> float:
        auto, largest = twin.value(f"{name} source auto"), RANGES[name][-1]
        return sign * HEADROOM * (largest if auto else twin.value(f"{name} source range"))

    return bound


def _source_settings(function: str, name: str, unit: str, limit: Setting) -> tuple[Setting, ...]:
    at, full = f":SOURce#1:{function}", RANGES[name][-1] * HEADROOM
    return (
        Number(f"{at}:RANGe", f"{name} source range", unit, -full, full, RANGES[name][0]),
        Flag(f"{at}:RANGe:AUTO", f"{name} source auto", True),
        Number(f"{at}[:LEVel][:IMMediate][:AMPLitude]", f"{name} level", unit, _end(name, -1), _end(name, 1), 0),
        Flag(f"{at}:READ:BACK", f"{name} readback", True),
        Number(f"{at}:DELay", f"{name} delay", "S", 0, 1e4, 0),
        Flag(f"{at}:DELay:AUTO", f"{name} delay auto", True),
        limit,
    )


def _sense_settings(function: str, name: str, unit: str) -> tuple[Setting, ...]:
    at, ranges = f":SENSe#1:{function}", RANGES[name]
    return (
        Number(f"{at}:RANGe[:UPPer]", f"{name} range", unit, 0, ranges[-1] * HEADROOM, ranges[0]),
        Flag(f"{at}:RANGe:AUTO", f"{name} auto", True),
        Number(f"{at}:NPLCycles", f"{name} nplc", "", 0.01, 10, 1),
        Flag(f"{at}:AZERo[:STATe]", f"{name} autozero", True),
        Flag(f"{at}:RSENse", f"{name} four wire", False),
        Flag(f"{at}:AVERage[:STATe]", f"{name} filter", False),
        Number(f"{at}:AVERage:COUNt", f"{name} filter count", "", 1, 100, 10, whole=True),
        Choice(f"{at}:AVERage:TCONtrol", f"{name} filter kind", ("REPeat", "MOVing")),
    )


@dataclass(frozen=True)
class SenseFunction(Choice):
    """What is measured, kept as VOLT, CURR or RES and answered as ``"CURR:DC"``."""

    def parse(self, twin: SettingsTwin, channel: int, text: str) -> str:
        """Either form, with or without ``:DC``."""
        return super().parse(twin, channel, text).split(":")[0]

    def show(self, value: str) -> str:
        """As the instrument answers."""
        return '"RES"' if value == "RES" else f'"{value}:DC"'


SENSED: Final = ("CURRent", "CURRent:DC", "VOLTage", "VOLTage:DC", "RESistance")
SETTINGS: Final[tuple[Setting, ...]] = (
    Choice("[:SOURce#1]:FUNCtion[:MODE]", "source", ("VOLTage", "CURRent")),
    *_source_settings(
        "VOLTage",
        "VOLT",
        "V",
        Number(":SOURce#1:VOLTage:ILIMit[:LEVel]", "VOLT limit", "A", 1e-9, _most_current, 1.05e-4),
    ),
    *_source_settings(
        "CURRent", "CURR", "A", Number(":SOURce#1:CURRent:VLIMit[:LEVel]", "CURR limit", "V", 0.02, 210, 0.21)
    ),
    SenseFunction(":SENSe#1:FUNCtion[:ON]", "sense", SENSED, quoted=True),
    *_sense_settings("VOLTage[:DC]", "VOLT", "V"),
    *_sense_settings("CURRent[:DC]", "CURR", "A"),
    *_sense_settings("RESistance", "RES", "OHM"),
    Number(":SENSe#1:COUNt", "count", "", 1, 300_000, 1, whole=True),
    Flag(":OUTPut#1[:STATe]", "output", False),
    Choice(":OUTPut#1[:VOLTage]:SMODe", "VOLT off state", ("NORMal", "HIMPedance", "ZERO", "GUARd")),
    Choice(":OUTPut#1:CURRent:SMODe", "CURR off state", ("NORMal", "HIMPedance", "ZERO", "GUARd")),
    Choice(":ROUTe:TERMinals", "terminals", ("FRONt", "REAR")),
    Choice(":FORMat[:DATA]", "format", ("ASCii", "REAL", "SREal")),
    Number(":FORMat:ASCii:PRECision", "precision", "", 0, 16, 0, whole=True),
)
_AT_THE_TERMINALS: Final = frozenset(
    {
        "source",
        "output",
        "VOLT level",
        "VOLT limit",
        "CURR level",
        "CURR limit",
        "CURR range",
        "CURR auto",
        "VOLT range",
    }
)


class Keithley2450Twin(SettingsTwin):
    """A Keithley 2450 around a circuit."""

    settings = SETTINGS
    colon_before_common = True
    tree: ClassVar[CommandTree] = add_interlock(add_settings(common_commands(), SETTINGS))
    interlock_closed = True

    def __init__(self, circuit: Circuit, serial: str = "04412345") -> None:
        self.circuit = circuit
        self.identity = f"KEITHLEY INSTRUMENTS,MODEL 2450,{serial},1.7.12b"
        self.meter = Meter(circuit, seed=int(serial))
        self.buffers: dict[str, list[Reading]] = {"defbuffer1": [], "defbuffer2": []}
        self.plan: Plan | None = None  # the trigger model that is loaded
        self._started = circuit.clock.now()
        self.lists = ListSweep(self)
        super().__init__()

    def reset(self) -> None:
        """Defaults, output off, buffers empty."""
        self.lists.reset()
        self.restore_defaults()
        self.buffers = {"defbuffer1": [], "defbuffer2": []}
        self.plan = None
        self._drive()

    @property
    def output_on(self) -> bool:
        """Whether the output is on."""
        return bool(self.value("output"))

    # -- settings that follow others -------------------------------------------------------------------------------

    def changed(self, name: str, channel: int) -> None:
        """Ranges follow levels as the manual says; what reaches the terminals is told to the circuit."""
        if name == "output":
            if not self.output_on:
                self.lists.end()
            self._drive()
            return
        function, _, part = name.partition(" ")
        if part == "level" and self.value(f"{function} source auto"):
            self._fit(f"{function} source range", function, self.value(name))
        elif part == "source range":
            self._fit(name, function, self.value(name))
            self.assign(f"{function} source auto", 1, False)
            self._check_power()
        elif part == "range":
            self._fit(name, function, self.value(name))
            self.assign(f"{function} auto", 1, False)
        elif part == "limit":
            self._check_limit(function)
        elif part == "delay":
            self.assign(f"{function} delay auto", 1, False)
        if name in _AT_THE_TERMINALS:
            self._drive()

    def _fit(self, name: str, function: str, value: float) -> None:
        found = smallest(RANGES[function], value)
        if found is None:
            raise ScpiError(-222, "Parameter data out of range")
        self.assign(name, 1, found)

    def _check_power(self) -> None:
        if self.value("VOLT source range") > 20 and self.value("VOLT limit") > 0.105:
            raise ScpiError(-221, "Settings conflict")

    def _check_limit(self, function: str) -> None:
        """With a fixed measure range the limit must be more than 0.1 % of it (manual, <x>LIMit)."""
        other = "CURR" if function == "VOLT" else "VOLT"
        if not self.value(f"{other} auto") and self.value(f"{function} limit") < 1e-3 * self.value(f"{other} range"):
            raise ScpiError(-222, "Parameter data out of range")

    def effective_limit(self) -> float:
        """Where the source is clamped [A or V]: its limit, or the end of a fixed measure range if that comes first."""
        source = self.value("source")
        other = "CURR" if source == "VOLT" else "VOLT"
        limit: float = self.value(f"{source} limit")
        if self.value(f"{other} auto") or self.value("sense") != other:
            return limit
        return min(limit, HEADROOM * self.value(f"{other} range"))

    def _drive(self) -> None:
        if not self.output_on:
            self.circuit.smu_drives(None)
            return
        source = self.value("source")
        self.circuit.smu_drives(Drive(source == "CURR", self.value(f"{source} level"), self.effective_limit()))

    # -- measuring -------------------------------------------------------------------------------------------------

    def measure(self) -> Reading:
        """One measurement; takes the time that integration takes."""
        source, sense = self.value("source"), self.value("sense")
        four_wire = self.value(f"{sense} four wire")
        averaged = self.value(f"{sense} filter count") if self.value(f"{sense} filter") else 1
        # With autozero the zero and the reference are measured as well (manual, "Autozero background").
        found = self.meter.take(
            self.value(f"{sense} nplc"),
            self.value("VOLT source range") if source == "VOLT" else 200.0,
            self._current_range(),
            integrations=(3 if self.value(f"{sense} autozero") else 1) * averaged,
            delay=self.value(f"{source} delay"),
        )
        reading = {"VOLT": found.voltage, "CURR": found.current}.get(sense)
        if reading is None:
            reading = found.voltage / found.current if found.current else OVERFLOW
        level = self.value(f"{source} level") if self.output_on else 0.0
        back = self.value(f"{source} readback")
        status = (OUTPUT_ON if self.output_on else 0) | (READBACK if back else 0) | (FOUR_WIRE if four_wire else 0)
        return Reading(
            source=({"VOLT": found.voltage, "CURR": found.current}[source]) if back else level,
            reading=reading,
            source_status=status | (LIMITED if found.limited else 0),
            time=found.time - self._started,
            unit={"VOLT": "Volt DC", "CURR": "Amp DC", "RES": "Ohm"}[sense],
            source_unit={"VOLT": "Volt DC", "CURR": "Amp DC"}[source],
        )

    def _current_range(self) -> float | None:
        if self.value("source") == "CURR":
            return float(self.value("CURR source range"))
        return None if self.value("CURR auto") else float(self.value("CURR range"))

    def fill(self, name: str = "defbuffer1") -> Reading:
        """Make ``SENSe:COUNt`` measurements into a buffer, the oldest give way when it is full; gives the last."""
        buffer = self.buffers[name]
        buffer.extend(self.measure() for _ in range(self.value("count")))
        if len(buffer) > BUFFER:
            del buffer[: len(buffer) - BUFFER]
        return buffer[-1]

    def keep_sweep(self, levels: FloatArray, conductance: FloatArray, train: Train) -> None:
        """Readings at levels [V] across what was found [S], into the first buffer."""
        current = levels * conductance
        held = np.abs(current) > train.limit
        clamped = np.copysign(train.limit, current)
        volts = np.divide(clamped, conductance, out=levels.copy(), where=held)
        seen = self.meter.seen(
            volts,
            np.where(held, clamped, current),
            self.value("CURR nplc"),
            self.value("VOLT source range"),
            None if self.value("CURR auto") else float(self.value("CURR range")),
        )
        status = OUTPUT_ON | READBACK
        self.buffers["defbuffer1"] += [
            Reading(source, reading, status | (LIMITED if limited else 0), at - self._started, "Amp DC", "Volt DC")
            for source, reading, limited, at in zip(
                *(column.tolist() for column in (*seen, held, train.read_at)), strict=True
            )
        ]

    def finish(self) -> None:
        """Wait for a sweep that runs."""
        self.lists.finish()

    def run_plan(self) -> None:
        """Run the loaded trigger model: measurements so far apart, each at its level where it is a sweep."""
        if self.lists.loaded:
            self.lists.begin()
            return
        if self.plan is None:
            raise ScpiError(-211, "Trigger ignored; no trigger model is loaded")
        sweep = any(level is not None for level in self.plan.levels)
        if sweep:
            self.put("output", 1, True)
        for level in self.plan.levels:
            if level is not None:
                self.put(f"{self.value('source')} level", 1, level)
            self.circuit.clock.wait(self.plan.delay)
            self.buffers[self.plan.buffer].append(self.measure())
        if sweep:
            self.put("output", 1, False)

    def trigger(self) -> None:
        """``*TRG`` runs the trigger model."""
        self.run_plan()
