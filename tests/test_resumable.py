"""A protocol cut off before, within or after every single thing it does goes on without repeating a pulse."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import pytest
from test_recorder import Ramp

from instruments.crosspoints import Readings, Status
from instruments.errors import RunError
from labshd.campaign.resumable import Journal, ResumableCrosspoints
from labshd.continuing import taken_before
from labshd.recorder import record, run_of
from labshd.runs import Run, open_run
from protocols.protocol import Points, Protocol, Series
from protocols.stepping import apply, at_rest


class Cut(BaseException):
    """The process dies."""


class Device(Ramp):
    """Conductance is the net number of pulses; dies at the operation it is told to, before or after it is done."""

    def __init__(self) -> None:
        super().__init__()
        self.applied = 0
        self.operations = 0
        self.die_at, self.after = -1, False

    def _operate(self, do: Any) -> Any:
        self.operations += 1
        if self.operations == self.die_at and not self.after:
            raise Cut
        done = do()
        if self.operations == self.die_at:
            raise Cut
        return done

    def pulse(self, counts: Any, pulses: Any = None) -> None:
        def do() -> None:
            super(Device, self).pulse(counts)
            self.applied += int(np.abs(counts).sum())

        self._operate(do)

    def read(self, repeats: int = 1) -> Readings:
        return self._operate(lambda: super(Device, self).read(repeats))

    def wait(self, seconds: float) -> None:
        self._operate(lambda: None)


class Mixed(Protocol):
    """Readings, steps, pauses, and pulses without a reading whose count stands in rows without a number."""

    name: ClassVar[str] = "mixed"
    title: ClassVar[str] = "all that a protocol may do"

    def run(self, crosspoints: Any) -> Any:
        yield from at_rest(crosspoints, "rest", 2)
        yield from apply(crosspoints, "up", [1, 2, 0, 1])
        crosspoints.wait(1.0)
        for _ in range(3):
            crosspoints.pulse(2)
            crosspoints.pulse(-1)
        nothing = np.full((1, 1, 1), np.nan)
        unread = Readings(nothing, nothing, nothing, nothing, np.full((1, 1, 1), int(Status.INVALID), np.uint8))
        yield Points("unread", np.array([[[9]]]), unread, crosspoints.pulses)
        yield from apply(crosspoints, "down", [-1, -1])
        return "done"

    def analyse(self, series: Series) -> dict[str, Any]:
        return {"readings": len(series)}


PULSES = 4 + 9 + 2
OPERATIONS = 1 + 2 * 4 + 1 + 6 + 2 * 2


def attempt(device: Device, folder: Any, run: Run | None) -> Run:
    """One process: it begins the run, or goes on with it."""
    journal = Journal(folder / "pulses.txt")
    before = Series.of([], (1, 1)) if run is None else taken_before(run)
    return record(Mixed(), ResumableCrosspoints(device, journal, before, 100.0), runs=folder, continued=run)


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("first", range(1, OPERATIONS + 1))
def test_cut_off_anywhere_and_again_a_little_later(tmp_path: Any, first: int, after: bool) -> None:
    device, run, cuts = Device(), None, 0
    device.after = after
    while True:
        device.die_at = device.operations + (first if not cuts else 3) if cuts < 3 else -1
        try:
            run = attempt(device, tmp_path, run)
            break
        except Cut as error:
            stopped = run_of(error)
            assert stopped is not None
            run, cuts = open_run(stopped.folder), cuts + 1
    series = run.series()
    # what is recorded is the whole plan, and what is in doubt was applied once or not at all
    assert series.phases.tolist() == ["rest"] * 2 + ["up"] * 4 + ["unread"] + ["down"] * 2
    assert run.pulses == PULSES
    assert PULSES - 2 * cuts <= device.applied <= PULSES
    doubtful = (series.readings.status & int(Status.UNCERTAIN)).ravel() != 0
    assert doubtful.sum() <= cuts
    # where every pulse that was noted was also applied, the readings are those of a run that was not disturbed
    if after:
        assert device.applied == PULSES
        read = np.isfinite(series.readings.time).ravel()
        assert series.readings.conductance.ravel()[read].tolist() == [0, 0, 1, 3, 3, 4, 6, 5]
    assert len(run.info.get("continued", [])) == cuts


def test_a_protocol_that_does_something_else_does_not_go_on(tmp_path: Any) -> None:
    device = Device()
    device.die_at = 6
    with pytest.raises(Cut) as caught:
        attempt(device, tmp_path, None)
    stopped = run_of(caught.value)
    assert stopped is not None
    table = (stopped.folder / "points.csv").read_text(encoding="utf-8")
    (stopped.folder / "points.csv").write_text(table.replace(",up,", ",op,"), encoding="utf-8")
    with pytest.raises(RunError, match="does not go on as it began"):
        attempt(device, tmp_path, open_run(stopped.folder))


def test_a_block_is_not_taken_apart(tmp_path: Any) -> None:
    block = Ramp(shape=(1, 2))
    journal = Journal(tmp_path / "pulses.txt")
    made = ResumableCrosspoints(block, journal, Series.of([], (1, 2)))
    assert made[:, :] is made
    with pytest.raises(RunError, match="together = false"):
        made[0, 1]
    made.safe()
