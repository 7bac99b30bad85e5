"""Which runs may be fitted: counts without an order are gaps, pulses of several shapes are refused by name."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from rehearsed import rehearsed
from rich_device import RichCrosspoints, recorded, soft_bounds

from instruments.errors import InputError
from labshd.analysis.fit import fit_run, trace_of_series
from labshd.analysis.prediction import predict
from labshd.recording.recorder import record
from protocols.common.protocol import Protocol
from protocols.endurance import Endurance
from protocols.iv_sweep import IVSweep
from protocols.pulse_window import PulseWindow
from protocols.update_response import UpdateResponse


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_an_endurance_run_gives_the_symmetry_point_within_its_error(seed: int, tmp_path: Path) -> None:
    # 300 cycles of 50 up and 50 down, of which 37 are read; (0.004 x 100 + 0.003 x 10)/0.007 uS = 61.4 uS
    physics, truth = soft_bounds(10e-6, 100e-6, 0.004, 0.003, read=2e-7)
    run = record(Endurance(pulses=50, cycles=300), RichCrosspoints(physics, 30e-6, seed), runs=tmp_path)
    point = fit_run(run).json()["symmetry_point"]
    assert abs(point["conductance_S"] - truth) < 4 * point["std_S"]
    assert point["std_S"] < 3e-6


def test_cycles_that_nobody_looked_at_begin_a_piece() -> None:
    physics, _ = soft_bounds(10e-6, 100e-6, 0.004, 0.003, read=2e-7)
    series, _ = recorded(Endurance(pulses=50, cycles=300), RichCrosspoints(physics, 30e-6, 1))
    pulses, conductance, pieces = trace_of_series(series)
    unread = ~np.isfinite(conductance)
    assert int(np.abs(series.counts).sum()) == 300 * 100
    assert np.all(pulses[unread] == 0)
    assert np.all(np.abs(pulses[~unread]) <= 50)
    assert len(set(pieces[unread])) == np.count_nonzero(unread)


@pytest.mark.parametrize(
    ("protocol", "station"),
    [
        (PulseWindow(voltages=2, widths=2, repeats=3), "ecram.toml"),
        (UpdateResponse(pulses=20, cycles=1, ramp="voltage"), "ecram.toml"),
    ],
)
def test_pulses_of_several_shapes_are_no_trace_of_one_pair(protocol: Protocol, station: str, tmp_path: Path) -> None:
    with rehearsed(station) as opened:
        run = record(protocol, opened["A1"], runs=tmp_path, station=opened)
    with pytest.raises(InputError, match=r"its pulses up have \d+ shapes, and a fit is of one pair of pulses"):
        fit_run(run)
    with pytest.raises(InputError, match=r"shapes, and a simulated device is of one pair of pulses"):
        predict(run, "li-ecram")


def test_a_sweep_holds_no_pulses_to_fit(tmp_path: Path) -> None:
    with rehearsed("rram.toml") as opened:
        run = record(IVSweep(cycles=1), opened["A1"], runs=tmp_path, station=opened)
    with pytest.raises(InputError):
        fit_run(run)
