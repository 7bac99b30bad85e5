"""List sweeps of the 2450 twin: level after level, a delay and a reading at each, in the time that they take.

Source: Model 2450 Reference Manual, 2450-901-01 Rev. B, section 6 (SOURce:LIST, SOURce:SWEep:LIST) and section 3 (sweep
operation: the sweep switches the output on, and off when it has ended). Levels other than the last one of the list are
pulses; what the box needs beside delay and integration is not modelled.
"""

from __future__ import annotations

import math
from typing import Any, Final, Protocol

import numpy as np

from instruments.crosspoints import FloatArray
from sim_device.virtual_bench.boxes.common.meter import HEADROOM, LINE_FREQUENCY
from sim_device.virtual_bench.circuit.surroundings import Circuit
from sim_device.virtual_bench.devices.trains import Train
from sim_device.virtual_bench.languages.scpi_values import ScpiError

POINTS, AT_ONCE = 2500, 100  # values of a list, and of one command
LONGEST: Final = 1e4  # [s] delay


class Sweeping(Protocol):
    """What a list sweep asks of the instrument that it runs in."""

    circuit: Circuit

    def value(self, name: str, channel: int = 1) -> Any:
        """A setting."""
        ...

    def put(self, name: str, channel: int, value: Any) -> None:
        """Change a setting."""
        ...

    def effective_limit(self) -> float:
        """[A] that the source gives at most."""
        ...

    def keep_sweep(self, levels: FloatArray, conductance: FloatArray, train: Train) -> None:
        """Put what was measured at these levels into the buffer."""
        ...


class ListSweep:
    """The list, the sweep over it that is loaded, and the one that runs."""

    def __init__(self, twin: Sweeping) -> None:
        self._twin = twin
        self.levels: list[float] = []
        self._delay: float | None = None  # [s] of the sweep that is loaded
        self._train: Train | None = None
        self._run: FloatArray = np.empty(0)  # levels [V] of the sweep that runs
        self._taken = 0
        self._ends = -math.inf

    @property
    def loaded(self) -> bool:
        """Whether INITiate starts a list sweep."""
        return self._delay is not None

    def unload(self) -> None:
        """Another trigger model takes its place."""
        self._delay = None

    def reset(self) -> None:
        """Whatever runs ends; no list."""
        self.end()
        self.levels, self._delay = [], None

    def put(self, levels: list[float], *, append: bool) -> None:
        """Another list, or more of it."""
        if not levels:
            raise ScpiError(-109, "Missing parameter")
        whole = [*self.levels, *levels] if append else levels
        if len(levels) > AT_ONCE or len(whole) > POINTS:
            raise ScpiError(-223, "Too much data")
        if max(map(abs, levels)) > 210:
            raise ScpiError(-222, "Parameter data out of range")
        self.levels = whole

    def load(self, delay: float) -> None:
        """A sweep over the list, once, with so long [s] before each measurement."""
        if not self.levels:
            raise ScpiError(-221, "Settings conflict; there is no list")
        if not (delay == 0 or 50e-6 <= delay <= LONGEST):
            raise ScpiError(-222, "Parameter data out of range")
        self._delay = delay

    def begin(self) -> None:
        """``INITiate``: the output goes on, the first level is there."""
        twin, now = self._twin, self._twin.circuit.clock.now()
        if self._train is not None:
            raise ScpiError(-213, "Init ignored")
        levels = np.array(self.levels)
        if np.abs(levels).max() > HEADROOM * twin.value("VOLT source range") * (1 + 1e-9):
            raise ScpiError(-222, "Parameter data out of range")
        if (twin.value("source"), twin.value("sense")) != ("VOLT", "CURR"):
            raise ScpiError(-221, "Settings conflict; the twin sweeps a voltage and measures a current")
        integrations = 3 if twin.value("CURR autozero") else 1
        delay = (self._delay or 0.0) + float(twin.value("VOLT delay"))
        dwell = delay + integrations * float(twin.value("CURR nplc")) / LINE_FREQUENCY
        starts: FloatArray = now + dwell * np.arange(len(levels), dtype=np.float64)
        pulsed = levels != levels[-1]
        twin.put("VOLT level", 1, float(levels[-1]))
        twin.put("output", 1, True)
        self._train = Train(starts[pulsed], levels[pulsed], dwell, starts + dwell, twin.effective_limit())
        self._run, self._taken, self._ends = levels, 0, float(starts[-1]) + dwell

    def finish(self) -> None:
        """Wait for the end of a sweep."""
        remaining = self._ends - self._twin.circuit.clock.now()
        if self._train is not None and remaining > 0:
            self._twin.circuit.clock.wait(remaining)
        self.advance()

    def end(self) -> None:
        """``ABORt``, output off: what has not begun does not come."""
        self.advance()
        self._train = None

    def advance(self) -> None:
        """Let happen what has happened since somebody asked last; at its end the sweep switches the output off."""
        if self._train is None:
            return
        now = self._twin.circuit.clock.now()
        done, rest = self._train.split(now + 1e-12)
        self._train = None  # switching the output off asks again
        found = self._twin.circuit.smu_runs(done)
        levels = self._run[self._taken : self._taken + len(found)]
        self._taken += len(found)
        self._twin.keep_sweep(levels, found, done)
        if now + 1e-9 >= self._ends:
            self._twin.put("output", 1, False)
        else:
            self._train = rest
