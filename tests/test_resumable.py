"""A protocol cut off before, within or after every single thing it does goes on without repeating a pulse."""

from __future__ import annotations

from copy import copy
from typing import Any, ClassVar

import numpy as np
import pytest
from test_recorder import Ramp

from instruments.crosspoints import Crosspoints, Origin, Pulse, PulsePair, Readings, Status, index_pair
from instruments.errors import RunError
from instruments.levels import Levels
from labshd.campaign.resumable import Journal, ResumableCrosspoints
from labshd.recording.continuing import taken_before
from labshd.recording.recorder import record, run_of
from labshd.runs.run import Run, open_run
from protocols.common.holding import hold
from protocols.common.protocol import Points, Protocol, Series
from protocols.common.stepping import apply, at_rest
from protocols.common.turns import only
from protocols.common.watch import Watch


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


class Apart(Protocol):
    """A block whose crosspoints are pulsed and read one by one, each reading yielded as of the block; then together."""

    name: ClassVar[str] = "apart"
    title: ClassVar[str] = "one by one"

    def run(self, crosspoints: Any) -> Any:
        watch = Watch(crosspoints, None)
        for cell in ((0, 1), (0, 0), (0, 1)):
            yield from only(watch, cell, apply(crosspoints[cell], "one", [cell[1] + 1, 1]))
        yield from at_rest(crosspoints, "all", 2)
        return "done"

    def analyse(self, series: Series) -> dict[str, Any]:
        return {}


class Cells(Crosspoints):
    """Devices that count their pulses; die at the operation they are told to, after it is done."""

    pulses = PulsePair(Pulse(1.0, 1e-6), Pulse(-1.0, 1e-6))
    shape = (1, 2)

    def __init__(self) -> None:
        self.g, self.state = np.zeros((1, 2), dtype=np.int64), {"operations": 0, "die_at": -1, "time": 0}

    @property
    def origin(self) -> Origin:
        return Origin("test")

    def _operate(self) -> None:
        self.state["operations"] += 1
        if self.state["operations"] == self.state["die_at"]:
            raise Cut

    def pulse(self, counts: Any, pulses: Any = None) -> None:
        self.g += counts
        self._operate()

    def read(self, repeats: int = 1) -> Readings:
        self.state["time"] += 1
        g = np.broadcast_to(self.g.astype(float), (repeats, *self.g.shape))
        self._operate()
        time = np.full(g.shape, float(self.state["time"]))
        return Readings(g.copy(), g.copy(), g.copy(), time, np.zeros(g.shape, dtype=np.uint8))

    def wait(self, seconds: float) -> None: ...

    def safe(self) -> None: ...

    def __getitem__(self, index: Any) -> Crosspoints:
        view = copy(self)
        view.g = self.g[index_pair(index)]  # a numpy view: the same devices
        view.shape = view.g.shape  # type: ignore[assignment]
        return view


@pytest.mark.parametrize("first", range(1, 14))
def test_a_block_that_is_taken_apart_goes_on_where_it_was(tmp_path: Any, first: int) -> None:
    device, run, cuts = Cells(), None, 0
    while True:
        device.state["die_at"] = device.state["operations"] + (first if not cuts else 2) if cuts < 2 else -1
        journal = Journal(tmp_path / "pulses.txt")
        before = Series.of([], (1, 2)) if run is None else taken_before(run)
        try:
            block = ResumableCrosspoints(device, journal, before, 100.0)
            run = record(Apart(), block, runs=tmp_path, continued=run)
            break
        except Cut as error:
            stopped = run_of(error)
            assert stopped is not None
            run, cuts = open_run(stopped.folder), cuts + 1
    # every pulse was applied once: 1 + 1 on the first, (2 + 1) twice on the second
    assert device.g.tolist() == [[2, 6]]
    series = run.series()
    # a reading that was taken but not kept before the cut is taken again; nothing else differs
    assert series.phases.tolist() == ["one"] * 6 + ["all"] * 2
    assert series.readings.conductance[-1].tolist() == [[2, 6]]
    read = np.isfinite(series.readings.time[:, 0])
    assert read.tolist() == [[False, True]] * 2 + [[True, False]] * 2 + [[False, True]] * 2 + [[True, True]] * 2


def test_a_block_that_is_read_in_another_order_than_recorded_does_not_go_on(tmp_path: Any) -> None:
    g = np.array([[[1.0, np.nan]], [[1.0, 2.0]]])
    before = Series(
        np.array(["one", "all"]), np.zeros((2, 1, 2), dtype=np.int64),
        Readings(g, g, g, g, np.zeros((2, 1, 2), dtype=np.uint8)),
    )  # fmt: skip
    made = ResumableCrosspoints(Cells(), Journal(tmp_path / "pulses.txt"), before)
    with pytest.raises(RunError, match="takes a block apart must yield what it reads"):
        made[0, 1].read()
    made.safe()


class Held(Protocol):
    """Two crosspoints held at three levels each."""

    name: ClassVar[str] = "held"
    title: ClassVar[str] = "held"

    def run(self, crosspoints: Any) -> Any:
        watch = Watch(crosspoints, None)
        for cell in ((0, 0), (0, 1)):
            yield from hold(watch, cell, ["a", "b", "c"], np.array([0.1, 0.2, 0.3]), np.full(3, 1e-6), np.zeros(3))
        return "done"

    def analyse(self, series: Series) -> dict[str, Any]:
        return {}


class Holding(Cells):
    """Keeps the levels that each was held at; dies at a level, which is held by then but not read."""

    def __init__(self) -> None:
        super().__init__()
        self.held: list[tuple[int, float]] = []

    def sweep(self, voltages: Any, compliance: Any, dwell: Any = 0.0) -> Any:
        levels = Levels.of(voltages, compliance, dwell, self.shape)
        for at in levels.in_turn():
            self.held.append((at[2], float(levels.voltages[at])))
            self._operate()
            values = np.full((1, 1, 2), np.nan)
            values[(0, *at[1:])] = 1.0
            yield Readings(values, values, values, values, np.zeros((1, 1, 2), dtype=np.uint8))


@pytest.mark.parametrize("first", range(1, 7))
def test_a_sweep_goes_on_at_the_level_where_it_was_cut_and_that_one_is_uncertain(tmp_path: Any, first: int) -> None:
    device, run, cuts = Holding(), None, 0
    while True:
        device.state["die_at"] = device.state["operations"] + first if not cuts else -1
        before = Series.of([], (1, 2)) if run is None else taken_before(run)
        try:
            block = ResumableCrosspoints(device, Journal(tmp_path / "pulses.txt"), before, 100.0)
            run = record(Held(), block, runs=tmp_path, continued=run)
            break
        except Cut as error:
            stopped = run_of(error)
            assert stopped is not None
            run, cuts = open_run(stopped.folder), cuts + 1
    whole = [(column, level) for column in (0, 1) for level in (0.1, 0.2, 0.3)]
    # the level at the cut is held twice, nothing else is
    assert device.held == [*whole[:first], *whole[first - 1 :]]
    series = run.series()
    assert series.phases.tolist() == ["a", "b", "c"] * 2
    uncertain = np.flatnonzero((series.readings.status & int(Status.UNCERTAIN)).any(axis=(1, 2)))
    assert uncertain.tolist() == ([first - 1] if first > 1 else [])
