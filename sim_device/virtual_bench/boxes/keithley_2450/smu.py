"""Twin of the Keithley 2450 source-measure unit in its native SCPI.

Source: Model 2450 Reference Manual, 2450-901-01 Rev. B, section 6 (SCPI command reference), and its data sheet for
ranges. The clamp is real: where the limit is reached, the source gives the voltage at which the limit current flows.
"""

from __future__ import annotations

from typing import ClassVar, Final, NamedTuple

import numpy as np

from instruments.crosspoints import FloatArray
from sim_device.virtual_bench.boxes.common.meter import HEADROOM, OVERFLOW, Meter, smallest
from sim_device.virtual_bench.boxes.keithley_2450.lists import ListSweep
from sim_device.virtual_bench.boxes.keithley_2450.settings import (
    RANGES,
    SETTINGS,
)
from sim_device.virtual_bench.circuit.surroundings import Circuit, Drive
from sim_device.virtual_bench.devices.trains import Train
from sim_device.virtual_bench.languages.safety_entries import add_interlock
from sim_device.virtual_bench.languages.scpi_common import common_commands
from sim_device.virtual_bench.languages.scpi_settings import SettingsTwin, add_settings
from sim_device.virtual_bench.languages.scpi_tree import CommandTree
from sim_device.virtual_bench.languages.scpi_values import ScpiError

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
