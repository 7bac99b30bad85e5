"""ΔG±(G): unbiased under read noise, with errors that hold."""

from __future__ import annotations

import numpy as np
from rich_device import Physics, RichCrosspoints, recorded, soft_bounds

from protocols.analysis.common.changes import changes_of, states_of
from protocols.analysis.update.delta_g import delta_g
from protocols.common.protocol import Series
from protocols.update_response import UpdateResponse

RANGE = 90e-6
S_UP, S_DOWN = 0.01, 0.008


def ramps(seed: int, *, read: float, pulses: int = 200, cycles: int = 3) -> tuple[Series, Physics]:
    physics, _ = soft_bounds(10e-6, 100e-6, S_UP, S_DOWN, read=read * RANGE)
    return recorded(UpdateResponse(pulses=pulses, cycles=cycles), RichCrosspoints(physics, 30e-6, seed))[0], physics


def test_slope_of_steps_is_unbiased_where_plain_regression_is_not() -> None:
    # Plain regression on the noisy reading: slope (bV - σr²)/(V + σr²); V ≈ (0.2 R)², σr = 0.03 R, b = -0.01 gives
    # -0.0315, three times too steep. Here the mean of 10 runs must be within 4 of its own standard errors of -0.01.
    ours, plain = [], []
    for seed in range(10):
        series, _ = ramps(seed, read=0.03)
        changes = changes_of(states_of(series))
        up = changes.counts > 0
        ours.append(np.polyfit(changes.at[up], changes.change[up], 1)[0])
        y, counts = series.readings.conductance[:, 0, 0], series.counts[1:, 0, 0]
        plain.append(np.polyfit(y[:-1][counts > 0], np.diff(y)[counts > 0], 1)[0])
    error = np.std(ours, ddof=1) / np.sqrt(len(ours))
    assert error < 0.0015
    assert abs(np.mean(ours) + S_UP) < 4 * error
    assert np.mean(plain) < -0.02


def test_bins_hold_the_true_steps_within_their_errors() -> None:
    # 8 runs of about 40 bins: z² averages to 1 with standard error sqrt(2/320) = 0.08 for independent bins; neighbours
    # share read noise, which widens it to about 0.15. Errors that are too small by a third would give 2.25.
    squares = []
    for seed in range(8):
        series, physics = ramps(seed, read=0.01)
        table = delta_g(series)
        assert table is not None
        for mean, std, truth in ((table.up, table.up_std, physics.up), (table.down, table.down_std, physics.down)):
            z = (mean - truth(table.centre)) / std
            squares += (z[np.isfinite(z)] ** 2).tolist()
    assert 0.5 < np.mean(squares) < 1.6


def test_columns_carry_their_unit_and_what_is_missing_is_null() -> None:
    series, _ = ramps(0, read=0.01, pulses=100, cycles=1)
    table = delta_g(Series(series.phases, series.counts, series.readings, "normalised"), bins=30)
    assert table is not None
    columns = table.table("normalised")
    assert {"conductance_normalised", "step_up_normalised", "step_up_std_normalised", "changes_up"} <= set(columns)
    assert all(len(column) == 30 for column in columns.values())
    for step, count in zip(columns["step_up_normalised"], columns["changes_up"], strict=True):
        assert (step is None) == (count < 3)


def test_a_missing_reading_joins_the_changes_on_both_sides() -> None:
    series, _ = ramps(1, read=0.001, pulses=60, cycles=1)
    readings = series.readings
    g = readings.conductance.copy()
    g[40] = np.nan
    holed = Series(series.phases, series.counts, type(readings)(g, g, g, readings.time, readings.status))
    changes = changes_of(states_of(holed))
    assert sorted(np.unique(changes.counts).tolist()) == [-1, 1, 2]
    assert changes.counts.sum() == 0
    assert len(changes.change) == 119


def test_one_direction_only_gives_steps_of_that_direction() -> None:
    series, _ = ramps(2, read=0.01)
    up = series.where(np.arange(len(series)) < 200)
    table = delta_g(up)
    assert table is not None
    assert np.all(np.isnan(table.down))
    assert np.nansum(table.up_count) > 150
    assert table.noise is None
