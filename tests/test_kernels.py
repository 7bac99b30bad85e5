"""Compiled loops: the quality of their normal deviates, and many pulses in closed form against the process itself."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from scipy import stats

from instruments.crosspoints import PulseTrains
from instruments.errors import InputError
from sim_device.arrays.counter_random import keys, normals
from sim_device.arrays.crosspoints import SimCrosspoints, SimNoise
from sim_device.arrays.device_array import longest_step
from sim_device.models.formulas import ConstantStep, ExponentialStep, LinearStep, SoftBounds
from sim_device.models.population import Population, Spread

SIZE = 1 << 22


def deviates(crosspoints: Any, counts: Any, key: int = 0) -> np.ndarray[Any, Any]:
    crosspoints, counts = np.broadcast_arrays(crosspoints, counts)
    out = np.empty(crosspoints.size, dtype=np.float32)
    flat = [np.ascontiguousarray(a, dtype=np.uint32).ravel() for a in (crosspoints, counts)]
    normals(keys(7, key + 1)[key], *flat, out)
    return out.reshape(crosspoints.shape).astype(np.float64)


SERIES = {
    "counts of one crosspoint": lambda: deviates(5, np.arange(SIZE)),
    "crosspoints of one count": lambda: deviates(np.arange(SIZE), 3),
    "a block of both": lambda: deviates(np.arange(2048)[:, None], np.arange(2048)).ravel(),
}


@pytest.mark.parametrize("name", SERIES)
def test_deviates_are_normal_to_the_sixth_moment_and_in_the_tails(name: str) -> None:
    x = SERIES[name]()
    for k, moment in enumerate((0, 1, 0, 3, 0, 15), start=1):
        # variance of the sample moment: (E[x^2k] − E[x^k]²)/n, E[x^2k] = (2k − 1)!!
        error = math.sqrt((math.prod(range(1, 2 * k, 2)) - moment**2) / SIZE)
        assert np.mean(x**k) == pytest.approx(moment, abs=5 * error)
    for sigmas in (1, 2, 3, 4, 5):
        tail = 2 * stats.norm.sf(sigmas)
        assert np.mean(np.abs(x) > sigmas) == pytest.approx(tail, abs=5 * math.sqrt(tail / SIZE))
    assert stats.kstest(x[:500_000], "norm").pvalue > 1e-4


@pytest.mark.parametrize("name", SERIES)
def test_deviates_do_not_know_each_other(name: str) -> None:
    x = SERIES[name]()
    for lag in (1, 2, 3, 4, 7, 8, 16, 31, 32, 64, 512, 1024, 2048, 4096):
        for power in (1, 2):
            a = x**power - np.mean(x**power)
            correlation = np.mean(a[lag:] * a[:-lag]) / np.var(a)
            assert abs(correlation) < 5 / math.sqrt(SIZE - lag), (lag, power)


def test_keys_and_transposed_coordinates_are_independent() -> None:
    i, j = np.arange(1024)[:, None], np.arange(1024)
    x = deviates(i, j).ravel()
    for other in (deviates(i, j, key=1), deviates(j, i), deviates(i + 1, j), deviates(i, j + 1)):
        # the last two overlap with x by design, shifted: compare where they stand
        y = other.ravel()
        different = x != y
        assert abs(np.corrcoef(x[different], y[different])[0, 1]) < 5 / math.sqrt(x.size)


def test_extremes_reach_as_far_as_32_bits_do() -> None:
    # the smallest tail probability is 2^-33: 6.3 standard deviations
    x = deviates(0, np.arange(SIZE))
    assert 4.6 < np.abs(x).max() < 6.4


def after(model: Any, noise: float, n: int, *, at_once: bool, start: float = 0.2) -> np.ndarray[Any, Any]:
    block = SimCrosspoints(model, (200, 200), noise=SimNoise(noise), initial=start, unit="normalised", seed=n)
    if at_once:
        block.pulse(n)
    else:
        for _ in range(n):
            block.pulse(1)
    return block.conductance.ravel()


@pytest.mark.parametrize(
    ("s", "noise", "n"),
    [
        (0.001, 0.3, 31),
        (0.002, 5.0, 10),
        (0.01, 0.3, 32),
        (0.02, 1.0, 8),
        (0.05, 0.4, 20),
        (0.1, 0.2, 31),
        (0.3, 0.1, 5),
    ],
)
def test_many_pulses_at_once_have_the_moments_of_single_ones(s: float, noise: float, n: int) -> None:
    model = SoftBounds(0.0, 1.0, s, s)
    assert longest_step(Population.of(model, (1, 1), Spread(), 0), SimNoise(noise)) >= n, "closed form not tried"
    one, many = (after(model, noise, n, at_once=at_once) for at_once in (False, True))
    # 40000 devices each: standard errors of the difference of means, of variances, of skewnesses
    error = math.sqrt(2 / 40_000)
    assert many.mean() - one.mean() == pytest.approx(0, abs=5 * error * one.std() + 1e-6)
    assert many.std() / one.std() == pytest.approx(1, abs=5 * error / math.sqrt(2) + (noise * s) ** 2 * n)
    assert stats.skew(many) - stats.skew(one) == pytest.approx(0, abs=5 * error * math.sqrt(6))
    # and the exact mean: Gmax − (Gmax − G) r^n
    assert many.mean() == pytest.approx(1 - 0.8 * (1 - s) ** n, abs=5 * one.std() / 200 + 1e-6)


def test_where_the_closed_form_parts_from_the_process_pulses_are_taken_one_by_one() -> None:
    def chunk(model: Any, noise: float) -> int:
        return longest_step(Population.of(model, (1, 1), Spread(), 0), SimNoise(noise))

    assert chunk(SoftBounds(0, 1, 0.002, 0.002), 0.3) == 32
    assert chunk(SoftBounds(0, 1, 0.2, 0.2), 0.4) < 5  # noise comparable with what is moved
    assert chunk(SoftBounds(0, 1, 0.6, 0.01), 0.0) == 1  # leaps
    assert chunk(ConstantStep(0, 1, 0.001, 0.001), 2.0) == 1  # noisy steps that a hard bound would cut
    assert chunk(ConstantStep(0, 1, 0.001, 0.001), 0.3) == 32


@pytest.mark.parametrize(
    "model",
    [
        ConstantStep(0.0, 1.0, 0.002, 0.003),
        LinearStep(0.0, 1.0, up=0.002, down=-0.003, up_slope=-0.001, down_slope=0.002),
        LinearStep(0.0, 1.0, up=0.002, down=-0.003, up_slope=0.001, down_slope=-0.002),
    ],
    ids=["constant", "steps that fall", "steps that grow"],
)
def test_linear_steps_at_once_are_linear_steps_one_by_one(model: Any) -> None:
    for n in (1, 2, 31, 32, 100):
        for sign in (1, -1):
            block = SimCrosspoints(model, unit="normalised", initial=0.5)
            block.pulse(sign * n)
            expected = 0.5
            for _ in range(n):
                expected += float(model.step_up(expected) if sign > 0 else model.step_down(expected))
            assert block.conductance[0, 0] == pytest.approx(expected, rel=2e-5)


@pytest.mark.parametrize("noise", [0.0, 0.3])
def test_tabulated_steps_at_once_are_those_one_by_one(noise: float) -> None:
    model = ExponentialStep(0.0, 1.0, 0.001, 0.001, up_extra=0.002, down_extra=0.001, gamma_up=3.0, gamma_down=4.0)
    chosen = longest_step(Population.of(model, (1, 1), Spread(), 0), SimNoise(noise))
    assert chosen > 1
    for n in (2, 7, 31):
        one, many = (after(model, noise, n, at_once=at_once) for at_once in (False, True))
        # steps are linear to half a percent over a chunk: so is their sum; noise to its Monte-Carlo error
        moved = abs(one.mean() - 0.2)
        assert many.mean() == pytest.approx(one.mean(), abs=0.005 * moved + 5 * one.std() * math.sqrt(2 / 40_000))
        if noise:
            assert many.std() == pytest.approx(one.std(), rel=0.02 + 5 / math.sqrt(40_000))


def test_noise_never_leaves_the_bounds() -> None:
    block = SimCrosspoints(SoftBounds(0, 1, 0.05, 0.05), (50, 50), noise=SimNoise(5.0), unit="normalised", seed=1)
    for sign in (1, -1):
        block.pulse(sign * 200)
        assert np.all((block.conductance >= 0) & (block.conductance <= 1))


def drifted(**more: Any) -> SimCrosspoints:
    given: dict[str, Any] = {"noise": SimNoise(0.3, 0.01, 0.02), "unit": "normalised", "seed": 5} | more
    return SimCrosspoints(SoftBounds(0, 1, 0.01, 0.02), (6, 70), **given)


def test_one_count_for_all_gives_the_bits_of_counts_written_out() -> None:
    steps = np.array([3, -1, 0, 40, -2])
    alike, written = drifted(), drifted()
    same = written.trace(np.tile(steps[:, None, None], (1, 6, 70))).conductance
    assert np.array_equal(alike.trace(steps).conductance, same)
    assert np.array_equal(alike.pulses_applied, written.pulses_applied)
    # a part of the array, whose rows do not follow each other, takes the same road
    assert np.array_equal(alike[1:4, 3:9].trace(steps).conductance, written[1:4, 3:9].trace(
        np.tile(steps[:, None, None], (1, 3, 6))).conductance)  # fmt: skip


@pytest.mark.parametrize("length", [5, 70])
def test_trains_give_the_bits_of_their_counts_and_leave_silent_rows_alone(length: int) -> None:
    rng = np.random.default_rng(3)
    rows = rng.integers(0, 2, (6, length)).astype(np.int8) * np.array([1, -1, 0, 1, 0, -1], dtype=np.int8)[:, None]
    columns = rng.integers(0, 2, (70, length)).astype(np.int8) * rng.choice([-1, 1], (70, 1)).astype(np.int8)
    by_trains, by_counts = drifted(), drifted()
    by_trains.coincide(PulseTrains(rows), PulseTrains(columns))
    by_counts.pulse(rows.astype(int) @ columns.T)
    assert np.array_equal(by_trains.conductance, by_counts.conductance)
    assert np.array_equal(by_trains.pulses_applied, np.abs(rows.astype(int) @ columns.T))
    assert np.array_equal(by_trains.conductance[[2, 4]], drifted().conductance[[2, 4]])


def test_two_pulses_in_one_slot_are_refused() -> None:
    with pytest.raises(InputError, match="a slot of a pulse train on the rows takes -1, 0 or 1"):
        drifted().coincide(PulseTrains(np.full((6, 4), 2, dtype=np.int8)), PulseTrains(np.ones((70, 4), dtype=np.int8)))
