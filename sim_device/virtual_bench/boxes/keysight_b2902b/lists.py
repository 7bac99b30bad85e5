"""Lists of the B2902B twin: the transient action pulses, the acquire action measures, each by its own timer.

Source: Keysight B2900 Series User's Guide, chapter 6 (trigger system: two device actions with ARM and TRIGger layers of
their own), and SCPI Command Reference, chapter 4. Modelled: voltage lists of pulses from the base level, both actions
on timers, readings between pulses. Lost triggers set the questionable status; a list that is aborted ends there.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Any, Final, Protocol

import numpy as np

from instruments.crosspoints import FloatArray
from sim_device.virtual_bench.boxes.common.meter import HEADROOM, LINE_FREQUENCY, Meter, limited
from sim_device.virtual_bench.circuit.surroundings import Circuit
from sim_device.virtual_bench.devices.trains import Train
from sim_device.virtual_bench.languages.scpi_values import ScpiError

POINTS: Final = 2500  # of a list
BUFFER: Final = 100_000  # readings of a trace buffer
LOST: Final = 4096  # questionable status: acquire event lost on channel 1
LIMITED, OVERRANGED = 2, 8192  # bits of the status data
COLUMNS: Final = ("VOLT", "CURR", "TIME", "STAT", "SOUR")


class RunsLists(Protocol):
    """What lists ask of the instrument that they run in."""

    circuit: Circuit
    meter: Meter
    elements: tuple[str, ...]
    started: float

    @property
    def output_on(self) -> bool:
        """Whether the output of channel 1 is on."""
        ...

    def value(self, name: str, channel: int = 1) -> Any:
        """A setting."""
        ...


@dataclass
class Trace:
    """A trace buffer: rows of `COLUMNS`; written while `writing` (NEXT) and not full."""

    size: int = BUFFER
    writing: bool = False
    rows: list[FloatArray] = field(default_factory=list[FloatArray])

    @property
    def held(self) -> int:
        """Readings in it."""
        return sum(len(part) for part in self.rows)

    def clear(self) -> None:
        """Empty it; refused while it is written."""
        if self.writing:
            raise ScpiError(-221, "Settings conflict; trace buffer control is NEXT")
        self.rows.clear()

    def resize(self, size: float) -> None:
        """Another size; refused while it is written."""
        if self.writing:
            raise ScpiError(-221, "Settings conflict; trace buffer control is NEXT")
        if not 1 <= size <= BUFFER:
            raise ScpiError(-222, "Data out of range")
        self.size = round(size)

    def add(self, table: FloatArray) -> None:
        """Keep what there is room for; full, it goes to NEVer by itself."""
        if self.writing:
            self.rows.append(table[: self.size - self.held])
            self.writing = self.held < self.size


class ListRun:
    """The lists of both channels, their trace buffers, and the run of channel 1 that is under way."""

    def __init__(self, twin: RunsLists) -> None:
        self._twin = twin
        self._levels: dict[int, list[float]] = {}
        self._traces: dict[int, Trace] = {}
        self._train: Train | None = None
        self._began = 0.0
        self._ends = -math.inf
        self._lost = 0
        self.pins: dict[tuple[int, str], str] = {}  # of the digital I/O connector: (pin, what) -> setting
        self._on = False  # whether the output was on when it began; it ends when that changes
        self.reset()

    def reset(self) -> None:
        """Whatever runs ends; lists of one 0 V, empty buffers."""
        self.end()
        self._levels = {1: [0.0], 2: [0.0]}
        self._traces = {1: Trace(), 2: Trace()}
        self._lost = 0
        self.pins = {}

    def levels(self, channel: int) -> list[float]:
        """The list of a channel [V]."""
        return self._levels[channel]

    def put(self, channel: int, levels: list[float]) -> None:
        """Another list; refused beyond the instrument or while one runs."""
        if self._train is not None and channel == 1:
            raise ScpiError(-221, "Settings conflict; a list is running")
        if len(levels) > POINTS:
            raise ScpiError(-223, "Too much data")
        if max(map(abs, levels)) > 210:
            raise ScpiError(-222, "Data out of range")
        self._levels[channel] = levels

    def shown(self, channel: int) -> str:
        """The list as the query answers it."""
        return ",".join(f"{level:+.6E}" for level in self._levels[channel])

    def trace(self, channel: int) -> Trace:
        """The trace buffer of a channel, with what a run has brought so far."""
        if channel == 1:
            self._advance()
        return self._traces[channel]

    def held(self, channel: int) -> int:
        """Readings in a trace buffer."""
        return self.trace(channel).held

    def data(self, channel: int) -> str:
        """All of a trace buffer, the chosen elements of each reading."""
        trace = self.trace(channel)
        if not trace.held:
            raise ScpiError(-230, "Data corrupt or stale")
        if "RES" in self._twin.elements:
            raise ScpiError(-221, "Settings conflict; the twin keeps no resistance in the trace buffer")
        chosen = [at for at, name in enumerate(COLUMNS) if name in self._twin.elements]
        flat = np.concatenate(trace.rows)[:, chosen].ravel().tolist()
        return ",".join(["%+.6E"] * len(flat)) % tuple(flat)

    def questionable(self) -> int:
        """The questionable event register; reading it clears it."""
        lost, self._lost = self._lost, 0
        return lost

    # -- a run -----------------------------------------------------------------------------------------------------

    def begin(self) -> None:
        """``INITiate``: refuses what is not modelled or cannot be."""
        value, clock = self._twin.value, self._twin.circuit.clock
        if self._train is not None:
            raise ScpiError(-213, "Init ignored")
        if (value("source"), value("VOLT mode")) != ("VOLT", "LIST"):
            raise ScpiError(-221, "Settings conflict; the twin runs voltage lists alone")
        if (value("transient source"), value("acquire source")) != ("TIM", "TIM"):
            raise ScpiError(-221, "Settings conflict; the twin runs lists by its timers alone")
        levels = np.array(self._levels[1])
        if value("transient count") != len(levels):
            raise ScpiError(-221, "Settings conflict; the twin runs a list once, from its first to its last point")
        if np.abs(levels).max() > HEADROOM * value("VOLT source range") * (1 + 1e-9):
            raise ScpiError(-222, "Data out of range")
        if value("shape") == "DC" and np.any(levels != value("VOLT level")):
            raise ScpiError(-221, "Settings conflict; without pulses the twin holds one level")
        if value("shape") == "PULS" and value("pulse delay") + value("pulse width") >= value("transient timer"):
            raise ScpiError(-221, "Settings conflict; the pulse is longer than its period")
        self._began, self._on = clock.now(), self._twin.output_on
        self._train = self._planned(levels)
        self._ends = self._began + len(levels) * value("transient timer") + value("transient delay")
        if len(self._train.read_at):
            self._ends = max(self._ends, float(self._train.read_at[-1]))

    def _planned(self, levels: FloatArray) -> Train:
        value = self._twin.value
        aperture, interval = float(value("nplc")) / LINE_FREQUENCY, float(value("acquire timer"))
        if aperture > interval:
            self._lost |= LOST
        starts = self._began + value("transient delay") + value("pulse delay")
        starts = starts + value("transient timer") * np.arange(len(levels))
        first, count = self._began + float(value("acquire delay")), int(value("acquire count"))
        begun: FloatArray = first + max(interval, aperture) * np.arange(count, dtype=np.float64)
        pulsed = levels != value("VOLT level")
        at, width = starts[pulsed], value("pulse width")
        # A reading that begins before the end of the last pulse before its own end is taken within a pulse.
        before = np.searchsorted(at, begun + aperture) - 1
        if len(at) and np.any((before >= 0) & (begun < at[np.maximum(before, 0)] + width - 1e-9)):
            raise ScpiError(-221, "Settings conflict; the twin measures between pulses alone")
        train = Train(at, levels[pulsed], width, begun + aperture, float(value("CURR limit")))
        return replace(train, triggers=starts) if self._triggers() else train

    def _triggers(self) -> bool:
        """Whether each step of the transient action sends an edge before it."""
        pin = int(self._twin.value("trigger pin").removeprefix("EXT"))
        set_so = (self.pins.get((pin, "function")), self.pins.get((pin, "position"), "BEF"))
        return self._twin.value("trigger out") and set_so == ("TOUT", "BEF")

    def finish(self) -> None:
        """Wait for the end of a run."""
        remaining = self._ends - self._twin.circuit.clock.now()
        if self._train is not None and remaining > 0:
            self._twin.circuit.clock.wait(remaining)
        self._advance()

    def end(self) -> None:
        """``ABORt``, output off: what has not begun does not come."""
        self._advance()
        self._train = None

    def _advance(self) -> None:
        """Let happen what has happened since somebody asked last."""
        if self._train is None:
            return
        now = self._twin.circuit.clock.now()
        done, self._train = self._train.split(now)
        if now >= self._ends:
            self._train = None
        self._traces[1].add(self._measured(done))

    def _measured(self, train: Train) -> FloatArray:
        """Rows of `COLUMNS` of the readings of a train."""
        twin = self._twin
        value = twin.value
        found = twin.circuit.smu_runs(train) if self._on else np.zeros(len(train.read_at))
        base = float(value("VOLT level")) if self._on else 0.0
        voltage, current, held = limited(base, found, train.limit)
        span = None if value("CURR auto") else float(value("CURR range"))
        seen = twin.meter.seen(voltage, current, value("nplc"), value("VOLT source range"), span)
        status = np.where(held, LIMITED, 0) | np.where(np.abs(seen[1]) > 9e37, OVERRANGED, 0)
        zero = self._began if value("timer auto") else twin.started
        time = train.read_at - value("nplc") / LINE_FREQUENCY - zero
        return np.column_stack([*seen, time, status, np.full(len(found), base)])
