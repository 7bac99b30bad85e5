"""Pulses of a bench, run by run: those before it, those noted before they are fired, and what became of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from instruments.bench.bench import Bench
from instruments.bench.shared_lines import half_selected
from labshd.common.station_of import PulsesOfRun
from labshd.runs.pulse_notes import PulseNotes
from labshd.station.pulse_budget import earlier_pulses
from labshd.station.schema import StationFile


class RunPulses:
    """Counts towards the budgets of a bench; nothing where there is none.

    Rehearsed devices have no past: nothing of earlier runs counts for them, and all of a run that is resumed is done
    again.
    """

    def __init__(self, bench: Bench | None, file: StationFile, *, rehearsed: bool) -> None:
        self._bench, self._file, self._rehearsed = bench, file, rehearsed
        self._notes: PulseNotes | None = None
        self._doubtful: dict[str, int] = {}  # pulses in doubt when the present run began
        self._counted: set[Path] = set()  # folders whose runs count towards the budgets

    def count_earlier(self, runs: Path) -> None:
        """Count what the runs in the folder `runs` gave the devices, once a folder."""
        if self._bench is None or self._rehearsed or (folder := runs.resolve()) in self._counted:
            return
        self._bench.count.add_earlier(earlier_pulses(self._file, folder))
        self._counted.add(folder)

    def begin(self, path: Path, before: Mapping[str, int]) -> None:
        """From now on note pulses at `path`, going on from the totals `before`."""
        if self._bench is not None:
            self._doubtful = dict(self._bench.count.doubtful)
            self._notes = PulseNotes(path, {} if self._rehearsed else before)

    def note(self, name: str, count: int) -> None:
        """Pulses that will be fired now."""
        if self._notes is not None:
            self._notes(name, count)

    def end(self) -> PulsesOfRun | None:
        """The pulses of the run; None where none were noted."""
        notes, self._notes = self._notes, None
        if notes is None or self._bench is None:
            return None
        notes.close()
        doubtful = {name: n - self._doubtful.get(name, 0) for name, n in self._bench.count.doubtful.items()}
        uncertain = {name: n for name, n in doubtful.items() if n > 0}
        return PulsesOfRun(notes.totals, uncertain, half_selected(self._bench.wiring, notes.totals))
