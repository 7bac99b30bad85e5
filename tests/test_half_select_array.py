"""half-select in an array: neighbours on shared lines really see half of each pulse, and what it does is found."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rehearsed import STATIONS, rehearsed
from rich_device import recorded
from test_phases import crossbar, three

from instruments.bench.shared_lines import half_selected, lies_on_lines, neighbours
from instruments.crosspoints import Pulse
from instruments.errors import InputError
from labshd.recording.recorder import record
from labshd.station.station import open_station
from protocols.analysis.disturb.half_selected_array import COLUMN, ROW, half_selected_pulses, passes, relation
from protocols.common.protocol import Series
from protocols.common.turns import taken
from protocols.half_select import HalfSelect
from sim_device.arrays.crosspoints import SimCrosspoints
from sim_device.models.formulas import SoftBounds
from sim_device.virtual_bench.devices.device_parameters import DeviceParameters

PROTOCOL = HalfSelect(method="array", reads=5, per_decade=1)
SHAPE = (2, 3)


@dataclass(frozen=True)
class Done:
    """A rehearsed run on the corner of the crossbar, with the truth."""

    series: Series
    why: str
    result: dict[str, Any]
    devices: dict[tuple[int, int], DeviceParameters]
    applied: dict[tuple[int, int], dict[float, int]]  # pulses by voltage [V] that each device saw


@pytest.fixture(scope="module")
def done() -> Done:
    with rehearsed("crossbar.toml", seed=3) as station:
        block = station.all[: SHAPE[0], : SHAPE[1]]
        series, why = recorded(PROTOCOL, block)
        assert station.virtual is not None
        cells = {str(station.grid[cell]): cell for cell in np.ndindex(*SHAPE)}
        devices = {cell: station.virtual.devices[name].parameters for name, cell in cells.items()}
        applied: dict[tuple[int, int], dict[float, int]] = {cell: {} for cell in cells.values()}
        for one in station.virtual.applied:
            if one.crosspoint in cells:
                of = applied[cells[one.crosspoint]]
                of[round(abs(one.voltage), 3)] = of.get(round(abs(one.voltage), 3), 0) + one.pulses
    return Done(series, why, PROTOCOL.results(series), devices, applied)


def expected_per_pulse(device: DeviceParameters, pulse: Pulse, count: int, levels: list[float]) -> float:
    """Mean change per pulse of `count` at once, from `levels`: (bound - G)(1 - (1 - f)^n)/n."""
    fraction, up = device.fraction(pulse)
    bound = device.core.g_max if up else device.core.g_min
    return float(np.mean([bound - g for g in levels])) * (1 - (1 - fraction) ** count) / count


def test_the_change_and_the_ratio_of_each_neighbour_are_those_of_its_virtual_device(done: Done) -> None:
    # Student's t with 7 degrees of freedom, 8 passes, is beyond 6 once in 2,000; some 40 are asked.
    checked: list[float] = []
    made = passes(done.series)
    for one in done.result["crosspoints"]:
        cell = (one["row"], one["column"])
        device, own = done.devices[cell], taken(done.series.crosspoint(*cell))
        for name in (ROW, COLUMN):
            for way, sign in (("up", 1), ("down", -1)):
                if not one[name]:
                    continue
                found = one[name][way]
                mine = [p for p in made if p.direction == sign and relation(cell, p.cell) == name]
                levels = [float(p.before[cell]) for p in mine]
                assert found["passes"] == len(mine)
                half = expected_per_pulse(device, Pulse(sign * 0.6, 100e-9), 500, levels)
                assert abs(found["per_half_selected_S"] - half) < 6 * found["per_half_selected_std_S"]
                # Full pulses begin where passes do, but that 5 up come before 5 down.
                full = expected_per_pulse(device, Pulse(sign * 1.2, 100e-9), 5, before_full(own, sign))
                assert abs(found["ratio"] - half / full) < 6 * found["ratio_std"]
                checked.append(found["ratio_std"] / abs(half / full))
    # A neighbour is one of each kind or of both, up and down; half of the ratios are known to better than a fifth.
    assert len(checked) >= 16
    assert np.median(checked) < 0.2


def before_full(own: Series, sign: int) -> list[float]:
    """Levels from which full pulses went: those at rest before up, those after up before down."""
    g, counts = own.readings.conductance[:, 0, 0], own.counts[:, 0, 0]
    fired = np.flatnonzero((own.phases == "full") & (np.sign(counts) == sign))
    return [float(g[k - PROTOCOL.reads : k].mean()) for k in fired]


def test_the_block_tells_rows_columns_and_that_others_stay(done: Done) -> None:
    block = done.result["block"]
    assert block["selected"] == [[0, 0], [1, 1], [0, 2]]
    for name in (ROW, COLUMN):
        for way in ("up", "down"):
            assert block[name][way]["ratio"] > 5 * block[name][way]["ratio_std"]
    for way in ("up", "down"):
        apart = block["unselected"][way]
        assert abs(apart["per_pulse_S"]) < 4 * apart["per_pulse_std_S"]
        assert apart["per_pulse_std_S"] < 0.2 * abs(block[ROW][way]["per_half_selected_S"])
    assert "row neighbours" in done.result["verdict"]
    assert "Unselected crosspoints change by" in done.result["verdict"]
    assert "in the array: 3 crosspoints are selected 8 times for 500 pulses each way" in done.why


def test_pulses_to_one_percent_of_the_swing_are_those_of_the_change(done: Done) -> None:
    swing = done.result["block"]["swing_S"]
    widths = [d.core.g_max - d.core.g_min for cell, d in done.devices.items() if cell in {(0, 0), (1, 1), (0, 2)}]
    # 500 pulses of a step of some 5 % go all the way: the range of the device but for 2 %
    assert swing == pytest.approx(np.mean(widths), rel=0.02)
    found = done.result["crosspoints"][1][COLUMN]["up"]
    n = found["half_selected_pulses_to_1_percent_of_swing"]
    assert n == pytest.approx(0.01 * swing / found["per_half_selected_S"])
    assert found["half_selected_pulses_to_1_percent_of_swing_at_least"] < n


def test_half_selected_pulses_are_counted_as_the_virtual_devices_saw_them(done: Done) -> None:
    for one in done.result["crosspoints"]:
        seen = done.applied[one["row"], one["column"]]
        assert one["half_selected_pulses"] == seen[0.6]
        assert one["pulses"] == seen[1.2]
        assert one["method"] == "array"


def test_the_plan_and_the_figure(done: Done) -> None:
    assert len(done.series) == PROTOCOL.planned_readings(SHAPE)
    assert HalfSelect().planned_readings(SHAPE) is None
    (figure,) = PROTOCOL.block_figures(done.series, done.result)
    labels = figure.axes[0].get_legend_handles_labels()[1]
    assert labels == ["row neighbours (5)", "column neighbours (3)", "unselected (5)"]
    one = done.series.crosspoint(0, 0)
    assert PROTOCOL.figures(one, PROTOCOL.analyse(one)) == []


@pytest.mark.parametrize("share", [0.0, 0.001, 0.03, 0.1, 0.37, 0.8])
def test_an_interrupted_run_is_analysed(done: Done, share: float) -> None:
    part = done.series.where(np.arange(len(done.series)) < share * len(done.series))
    result = PROTOCOL.results(part)
    assert all(one["verdict"] for one in result["crosspoints"])
    PROTOCOL.block_figures(part, result)


def test_a_pass_in_doubt_is_left_out(done: Done) -> None:
    status = done.series.readings.status.copy()
    status[np.flatnonzero(done.series.phases == "selected, up")[0]] = 8  # Status.UNCERTAIN
    r = done.series.readings
    doubtful = Series(
        done.series.phases, done.series.counts, type(r)(r.conductance, r.voltage, r.current, r.time, status)
    )
    assert len(passes(doubtful)) == len(passes(done.series)) - 1


# -- which way it is done --------------------------------------------------------------------------------------------


def test_an_array_is_asked_for_where_there_is_none() -> None:
    with rehearsed() as station, pytest.raises(InputError, match="no block whose rows and columns are the lines"):
        recorded(HalfSelect(method="array"), station.all)
    alone = SimCrosspoints(SoftBounds(1e-5, 5e-5, 0.01, 0.01))
    assert not alone.shares_lines


def test_on_a_crossbar_it_can_still_be_emulated_and_a_single_crosspoint_always_is() -> None:
    with rehearsed("crossbar.toml") as station:
        short: dict[str, Any] = {"pulses": 10, "repeats": 4, "reads": 2}
        series, why = recorded(HalfSelect(method="emulated", **short), station.all[:2, :2])
        single, said = recorded(HalfSelect(**short), station["B2"])
    assert why.startswith("emulated on each crosspoint")
    assert said.startswith("emulated on each crosspoint")
    assert set(series.phases) == {"level", "half", "full", "control"}
    assert HalfSelect(**short).results(single)["method"] == "emulated"


@pytest.mark.parametrize(
    ("settings", "cells"),
    [
        ({}, [(0, 0), (1, 1), (0, 2), (1, 3)]),
        ({"select": "one", "row": 1, "column": 3}, [(1, 3)]),
        ({"select": "each"}, [(r, c) for r in range(2) for c in range(4)]),
    ],
)
def test_which_are_selected(settings: dict[str, Any], cells: list[tuple[int, int]]) -> None:
    assert HalfSelect(**settings).selected((2, 4)) == cells


def test_a_selected_crosspoint_outside_of_the_block_is_refused() -> None:
    with rehearsed("crossbar.toml") as station, pytest.raises(InputError, match="outside of a block of 2 x 2"):
        recorded(HalfSelect(select="one", row=2), station.all[:2, :2])


def test_a_crosspoint_that_stopped_is_selected_no_more() -> None:
    with rehearsed("crossbar.toml") as station:
        protocol = HalfSelect(stop_pulses=30, pulses=10, repeats=4, reads=2, full=1)
        series, why = recorded(protocol, station.all[:2, :2])
    assert "4 of 4 crosspoints stopped" in why or "crosspoints stopped" in why
    assert np.abs(series.counts).sum(axis=0).max() <= 31


# -- lines -----------------------------------------------------------------------------------------------------------


def test_only_blocks_that_lie_as_their_lines_do_share_them() -> None:
    with rehearsed("crossbar.toml") as station:
        assert station.all.shares_lines
        assert station.all[1:3, ::2].shares_lines
        assert station.all[0].shares_lines
        assert not station["A1"].shares_lines
    wiring = crossbar()
    names = np.array([["A1", "A2"], ["B1", "B2"]])
    assert lies_on_lines(wiring, names)
    assert not lies_on_lines(wiring, np.array([["A1", "B2"]]))
    assert not lies_on_lines(wiring, np.array([["A1", "A2"], ["B2", "B1"]]))
    assert not lies_on_lines(wiring, np.array([["A1", "A1"]]))
    assert not lies_on_lines(three(), np.array([["A1", "A2"]]))


def test_neighbours_see_pulses_on_either_line() -> None:
    wiring = crossbar()
    assert set(neighbours(wiring)["A1"]) == {"A2", "B1"}
    assert half_selected(wiring, {"A1": 10, "B2": 3, "A2": 0}) == {"A2": 13, "B1": 13}
    assert half_selected(three(), {"A1": 10}) == {}
    counts = np.zeros((2, 2, 2), dtype=np.int64)
    counts[0, 0, 0], counts[1, 1, 1] = -10, 3
    assert half_selected_pulses(counts).tolist() == [[0, 13], [13, 0]]


def test_a_run_on_a_crossbar_says_what_neighbours_saw_and_budgets_do_not_count_it(tmp_path: Path) -> None:
    with open_station(STATIONS / "crossbar.toml", rehearse=True) as station:
        protocol = HalfSelect(select="one", pulses=10, repeats=4, reads=2, full=1)
        run = record(protocol, station.all[:2, :2], runs=tmp_path, station=station)
        budget = dict(station.all.bench.pulses_applied)  # type: ignore[attr-defined]
    # 4 x 10 up and 10 down on A1; 4 x 1 up and 1 down on A2 and on B1, which A1 and B2 see
    assert run.info["pulses_fired"] == {"A1": 80, "A2": 8, "B1": 8} == budget
    # crosspoints of the same lines outside of the block see them, too
    seen = run.info["pulses_half_selected"]
    assert {name: seen[name] for name in ("A1", "A2", "B1", "B2", "A4", "D1")} == {
        "A1": 16, "A2": 80, "B1": 80, "B2": 16, "A4": 88, "D1": 88,
    }  # fmt: skip
    assert "D4" not in seen
    result = run.result
    assert result is not None
    assert [one["half_selected_pulses"] for one in result["crosspoints"]] == [16, 80, 80, 16]
    assert math.isfinite(result["block"]["swing_S"])
