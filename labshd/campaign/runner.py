"""Runs a campaign, or resumes one that ended early; no finished run and no pulse is repeated.

All that is remembered are the runs themselves. On a bench, a run that was cut off goes on where it was
(`labshd.campaign.resumable`). Virtual and simulated devices die with their process: they are brought back to where they
were by doing again, unrecorded, what was done to them, which gives the same readings, bit for bit.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from instruments.bench.block import BenchCrosspoints
from instruments.crosspoints import Crosspoints
from instruments.errors import InputError, InstrumentError, LabshdError, RunError
from labshd.campaign import store
from labshd.campaign.ledger import Ledger, Outcome
from labshd.campaign.resumable import Journal, ResumableCrosspoints
from labshd.campaign.run_progress import ShownInside
from labshd.campaign.schema import CheckedCampaign, read_campaign
from labshd.campaign.store import Campaign, outcome_of
from labshd.campaign.units import Unit, units_of
from labshd.common import provenance
from labshd.common.locks import FileLock
from labshd.common.progress import NoProgress, Progress
from labshd.common.signals import interrupts
from labshd.common.station_of import belongs
from labshd.recording.continuing import taken_before
from labshd.recording.ending import how_it_ended
from labshd.recording.recorder import analysed, record, run_of
from labshd.runs.run import Run, runs_folder
from labshd.runs.writer import LOCK_NAME
from labshd.station.schema import BenchFile
from labshd.station.selection import block_of
from labshd.station.station import Station, open_station
from protocols.common.protocol import Series

log = logging.getLogger(__name__)
Opener: TypeAlias = Callable[[], Station]


def run_campaign(
    path: str | Path,
    *,
    rehearse: bool = False,
    runs: str | Path | None = None,
    progress: Progress | None = None,
    opened: Callable[[Station], object] | None = None,
) -> Campaign:
    """Run a campaign file from its beginning.

    A crosspoint that fails is noted and left out of the steps that follow. `rehearse` puts virtual instruments in place
    of the real ones. `opened` is called with the station once it is open.

    Raises
    ------
    InputError
        The campaign or the station file is wrong: every problem, before anything is opened.
    RunError
        It had to stop: the bench no longer answers, the disk is full, or too many crosspoints failed one after the
        other. What was measured is kept; `resume_campaign` goes on.
    """
    checked = read_campaign(Path(path))
    opener = _opener(checked, rehearse)
    with interrupts(), opener() as station:
        units_of(checked, station.grid)
        if opened is not None:
            opened(station)
        campaign = store.create(checked, station, _kind(station), runs_folder(runs))
        return _Runner(campaign, station, opener, progress or NoProgress()).run()


def resume_campaign(
    which: str | Path = "last", *, runs: str | Path | None = None, progress: Progress | None = None
) -> Campaign:
    """Go on with a campaign that ended too early: its folder, id, file, or "last". Raises as `run_campaign` does."""
    campaign = store.open_campaign(which, runs)
    if campaign.status == "finished":
        raise InputError(f"{campaign.folder} is finished; begin it anew with: labshd campaign {campaign.info['file']}")
    if ".py" in str(campaign.info["text"]) and not _is_file_of(which, campaign):
        raise InputError(
            f"{campaign.id} has protocols in files of their own, and code that a folder names is not run; go on with "
            f"the campaign file itself, if it is yours: labshd campaign {campaign.info['file']} --resume"
        )
    checked = campaign.to_run
    opener = _opener(checked, campaign.info["kind"] == "rehearsal")
    with interrupts(), opener() as station:
        _refuse_other_station(campaign, station)
        return _Runner(campaign, station, opener, progress or NoProgress()).run()


def _is_file_of(which: str | Path, campaign: Campaign) -> bool:
    """Whether this is the campaign file, given now, and names every protocol file that the campaign would execute."""
    said = Path(which)
    if said.suffix != ".toml" or said.absolute() != Path(str(campaign.info["file"])).absolute() or not said.is_file():
        return False
    now = said.read_text(encoding="utf-8", errors="replace")
    own = (step.entry.protocol for step in campaign.checked.steps if ".py" in step.entry.protocol)
    return all(name in now for name in own)


def _opener(checked: CheckedCampaign, rehearse: bool) -> Opener:
    return lambda: open_station(checked.station, rehearse=rehearse)


def _kind(station: Station) -> str:
    if not isinstance(station.file, BenchFile):
        return "simulated"
    return "bench" if station.virtual is None else "rehearsal"


def _refuse_other_station(campaign: Campaign, station: Station) -> None:
    """Addresses and drivers may change (an instrument was replaced), what is done to the devices may not.

    What is not given is no difference: a newer version may know of more that could be.
    """
    free = {"instruments", "visa", "name"}
    before, now = (store.given(one) for one in (campaign.info["station"]["resolved"], station.record().resolved))
    other = sorted(key for key in {*before, *now} - free if before.get(key) != now.get(key))
    if other:
        raise InputError(
            f"{station.toml.path} has changed since {campaign.id} began ({', '.join(other)}); undo that "
            f"(the old text is in {campaign.folder / store.INFO}), or begin the campaign anew"
        )


class _Runner:
    """One process's part of a campaign."""

    def __init__(self, campaign: Campaign, station: Station, opener: Opener, progress: Progress) -> None:
        self.campaign, self.station, self.progress = campaign, station, progress
        self._open = opener
        self.units = units_of(campaign.to_run, station.grid)
        self.ledger = Ledger(self.units)
        self.before = campaign.runs()
        self.failures = campaign.checked.file.failures
        self.lost = str(campaign.info.get("lost") or "")
        self.real = campaign.info["kind"] == "bench"

    def run(self) -> Campaign:
        """All units, in order; how it ended is in the campaign.json on every way out."""
        try:
            lock = FileLock(self.campaign.folder / LOCK_NAME)
        except OSError:
            raise InputError(f"{self.campaign.folder} is being run by another process") from None
        try:
            return self._all()
        finally:
            self.progress.stop()
            lock.release()
            if self.station.virtual is None and self.real:
                self.station.close()  # the one that is open now, which may not be the first

    def _all(self) -> Campaign:
        self.campaign = store.keep(self.campaign, status="running", why_stopped="", ended=None)
        self.progress.start(len(self.units))
        try:
            for unit in self.units:
                self._one(unit)
        except BaseException as error:
            status, why = how_it_ended(error)
            self._end("stopped" if status == "failed" else status, why)
            raise
        failed = sum(one.what == "failed" for one in self.ledger.outcomes)
        return self._end("finished", "all steps are done" + (f", {failed} runs failed" if failed else ""))

    def _end(self, status: str, why: str) -> Campaign:
        ended = {"status": status, "why_stopped": why, "ended": provenance.now().isoformat()}
        with suppress(RunError):  # a full disk: the runs themselves tell
            self.campaign = store.keep(self.campaign, **ended, lost=self.lost or None)
        return self.campaign

    # -- one unit ----------------------------------------------------------------------------------------------------

    def _one(self, unit: Unit) -> None:
        decided = self.ledger.decide(unit)
        run = self.before.get(unit.key)
        if decided.what == "skip":
            self.ledger.note(decided)
        elif run is not None and outcome_of(unit, run).what != "run" and unit.key != self.lost:
            self._again(unit, run)
        else:
            self._now(unit, run)
        self.progress.advance(1, 0, f"{unit.step.name} on {unit.place}")

    def _again(self, unit: Unit, run: Run) -> None:
        """A run that ended before: virtual devices are brought to where it left them."""
        protocol = unit.protocol()
        if not self.real:
            block = block_of(self.station, unit.crosspoints)
            try:
                for _ in protocol.run(block):
                    pass
            except Exception as error:
                log.debug("%s fails as it did before: %s", unit.key, error)
            block.safe()
        if run.status == "finished" and run.result is None and not run.info.get("analysis_error"):
            run = analysed(run, protocol)  # it was cut off between its last reading and its numbers
        self.ledger.note(outcome_of(unit, run))

    def _now(self, unit: Unit, cut_off: Run | None) -> None:
        title = f"{unit.number + 1} of {len(self.units)}, {unit.step.name} on {unit.place}"
        try:
            run = self._record(unit, cut_off, ShownInside(self.progress, title))
        except LabshdError as error:
            run = run_of(error)
            if run is None or _of_the_disk(error):
                self.lost = unit.key
                raise
            self.ledger.note(Outcome(unit, "failed", str(error), run))
            if isinstance(error, InstrumentError):
                self._ask_bench(unit, error)
            self._refuse_more_failures()
            return
        self.lost = "" if unit.key == self.lost else self.lost
        self.ledger.note(outcome_of(unit, run))

    def _record(self, unit: Unit, cut_off: Run | None, progress: Progress) -> Run:
        block = block_of(self.station, unit.crosspoints)
        if self.real:
            block = self._resumable(unit, block, cut_off)
        elif cut_off is not None:
            (cut_off.folder / "wire.jsonl").unlink(missing_ok=True)  # the traffic comes again, all of it
        of: dict[str, Any] = {"id": self.campaign.id, "step": unit.step.name, "unit": unit.key, "number": unit.number}
        return record(
            unit.protocol(),
            block,
            runs=self.campaign.folder.parent,
            progress=progress,
            campaign={**of, "crosspoints": list(unit.crosspoints)},
            continued=cut_off,
        )

    def _resumable(self, unit: Unit, block: Crosspoints, cut_off: Run | None) -> ResumableCrosspoints:
        folder = self.campaign.folder / "pulses"
        folder.mkdir(exist_ok=True)
        path = folder / f"{unit.number}.txt"
        if cut_off is None:
            path.unlink(missing_ok=True)  # noted for a run that never came to be
            before, late = Series.of([], block.shape, block.unit), 0.0
        else:
            before = taken_before(cut_off)
            late = _late(cut_off, before.readings.time)
        made = ResumableCrosspoints(block, Journal(path), before, late)
        belongs(made, self.station)
        return made

    def _ask_bench(self, unit: Unit, error: InstrumentError) -> None:
        """After an instrument failed: open the bench anew; where that fails, the campaign stops and can be resumed."""
        if not self.real or not isinstance(self.station.all, BenchCrosspoints):
            return
        self.station.close()  # its pulses are in the runs, from which the new one counts them
        try:
            self.station = self._open()
        except LabshdError as gone:
            self.lost = unit.key
            raise RunError(f"stopped at {unit.key}: {error}; the bench does not open again: {gone}") from gone

    def _refuse_more_failures(self) -> None:
        if self.ledger.failures_in_a_row() >= self.failures:
            raise RunError(
                f"{self.failures} crosspoints failed one after the other, the last because: "
                f"{self.ledger.outcomes[-1].why}; look at the bench, then go on with --resume"
            )


def _of_the_disk(error: LabshdError) -> bool:
    return not isinstance(error, InstrumentError) and isinstance(error.__cause__, OSError)


def _late(run: Run, times: Any) -> float:
    """Time [s] on the clock of a run at which its crosspoints are opened again: after its last reading, by as much as
    has passed since that was written.
    """
    known = times[np.isfinite(times)]
    last = float(known.max()) if known.size else 0.0
    written = (run.folder / "points.csv").stat().st_mtime if (run.folder / "points.csv").exists() else None
    passed = datetime.now().timestamp() - written if written is not None else 0.0
    return last + max(0.0, passed)
