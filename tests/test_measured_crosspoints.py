"""Simulated crosspoints of a measured step: each part of it is found again in what they do; same seeds, same bits."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from conformance import Conformance
from scipy import stats

import sim_device.arrays.device_array as device_array
from instruments.crosspoints import Crosspoints, FloatArray
from instruments.errors import InputError
from sim_device.arrays.crosspoints import SimCrosspoints
from sim_device.arrays.device_array import SimNoise
from sim_device.arrays.measured_array import MeasuredNoise
from sim_device.fit.fitting import fit_trace
from sim_device.models.measured import MeasuredStep

NODES = tuple(np.linspace(-0.5, 1.5, 81).tolist())
STEP = 0.002  # up and down, everywhere: what is added shows at once
QUIET = (0.0,) * 81
FLAT = MeasuredStep(0.0, 1.0, NODES, (STEP,) * 81, (-STEP,) * 81, QUIET, QUIET)
MANY = (100, 100)


def block(model: MeasuredStep, shape: tuple[int, int] = MANY, **more: Any) -> SimCrosspoints:
    """Started in the middle, in no unit."""
    given: dict[str, Any] = {"initial": 0.5, "seed": 3, **more}
    return SimCrosspoints(model, shape, unit="normalised", **given)


def moved(model: MeasuredStep, pulses: int, **more: Any) -> FloatArray:
    """(rows, columns) by which conductances have changed after so many pulses up."""
    crosspoints = block(model, **more)
    crosspoints.pulse(np.full(crosspoints.shape, pulses))
    return crosspoints.conductance - 0.5


def test_history_a_part_of_the_first_steps_is_missing() -> None:
    """Up: 60 % of the first, back over 5 pulses; in sum Σ (1 - 0.6 e^(-n/5))."""
    model = replace(FLAT, history=(0.6, 5.0, 0.0, 0.2, 10.0, 0.0))
    expected = STEP * np.sum(1 - 0.6 * np.exp(-np.arange(20) / 5))
    assert moved(model, 20) == pytest.approx(expected, rel=1e-4)
    crosspoints = block(model)
    crosspoints.pulse(np.full(MANY, 20))
    before = crosspoints.conductance
    crosspoints.pulse(np.full(MANY, -3))
    expected = -STEP * np.sum(1 - 0.2 * np.exp(-np.arange(3) / 10))
    assert crosspoints.conductance - before == pytest.approx(expected, rel=1e-3)


def test_scatter_and_that_after_a_reversal() -> None:
    """10 % of a step; twice as much, ln 2, at the first pulse. 10,000 crosspoints tell a variance to 1.4 %."""
    noisy = replace(FLAT, up_scatter=(0.1 * STEP,) * 81, history=(0.0, 3.0, float(np.log(2)), 0.0, 1.0, 0.0))
    assert np.std(moved(noisy, 1)) == pytest.approx(0.2 * STEP, rel=0.05)
    fading = np.exp(np.log(2) * np.exp(-np.arange(50) / 3))
    assert np.std(moved(noisy, 50)) == pytest.approx(0.1 * STEP * np.sqrt(np.sum(fading**2)), rel=0.05)


def test_each_ramp_has_its_own_factor() -> None:
    """ln F of standard deviation 0.2 up and 0.1 down, drawn anew at each reversal and alike within a ramp."""
    crosspoints = block(replace(FLAT, ramps=(0.2, 0.1)))
    seen = [crosspoints.conductance]
    for counts in (5, 5, -10, 10):
        crosspoints.pulse(np.full(MANY, counts))
        seen.append(crosspoints.conductance)
    first, same, down, other = np.log(np.abs(np.diff(seen, axis=0)) / STEP / np.array([5, 5, 10, 10])[:, None, None])
    assert same == pytest.approx(first, abs=1e-3)
    assert np.std(first) == pytest.approx(0.2, rel=0.05)
    assert np.std(down) == pytest.approx(0.1, rel=0.05)
    assert abs(float(np.corrcoef(first.ravel(), other.ravel())[0, 1])) < 0.05


def test_steps_with_heavy_tails_have_those_of_student() -> None:
    """1/nu = 0.25: variance 1 and the shape of t with 4 degrees of freedom, by 10,000 steps (Kolmogorov-Smirnov)."""
    noisy = replace(FLAT, up_scatter=(0.05 * STEP,) * 81, tails=0.25)
    xi = ((moved(noisy, 1) - STEP) / (0.05 * STEP)).ravel()
    assert stats.kstest(xi / np.sqrt(0.5), stats.t(4).cdf).pvalue > 0.01
    assert stats.kstest(xi, stats.norm.cdf).pvalue < 1e-6


def test_a_share_of_each_step_relaxes() -> None:
    """40 % over 2 readings: after 10 pulses at once a reading shows all, then 60 % + 40 % e^(-k/2)."""
    crosspoints = block(replace(FLAT, relaxing=(0.4, 2.0)), (2, 2))
    crosspoints.pulse(np.full((2, 2), 10))
    read = crosspoints.read(6).conductance[:, 0, 0] - 0.5
    assert read == pytest.approx(10 * STEP * (0.6 + 0.4 * np.exp(-np.arange(6) / 2)), rel=1e-4)


def test_steps_wear() -> None:
    """To half over 100 pulses, c = ln 2: the k-th step is exp(c (e^(-k/100) - 1))."""
    c = float(np.log(2))
    expected = STEP * np.sum(np.exp(c * (np.exp(-np.arange(200) / 100) - 1)))
    assert moved(replace(FLAT, wear=(c, 100.0)), 200) == pytest.approx(expected, rel=5e-3)


def test_slow_and_proportional_noise() -> None:
    """Standard deviations 0.01 and 2 % of G, correlation e^(-1/8) from reading to reading."""
    read = block(FLAT, noise=MeasuredNoise(slow=0.01, slow_readings=8.0)).read(40).conductance - 0.5
    assert np.std(read) == pytest.approx(0.01, rel=0.03)
    assert np.mean(read[1:] * read[:-1]) / np.mean(read**2) == pytest.approx(np.exp(-1 / 8), abs=0.01)
    read = block(FLAT, noise=MeasuredNoise(read=0.003, proportional=0.02)).read(4).conductance - 0.5
    assert np.std(read) == pytest.approx(np.hypot(0.003, 0.01), rel=0.03)


RICH = replace(
    FLAT, up_scatter=(0.3 * STEP,) * 81, down_scatter=(0.2 * STEP,) * 81, history=(0.5, 4.0, 0.3, 0.4, 6.0, 0.0),
    ramps=(0.1, 0.2), tails=0.2, relaxing=(0.2, 3.0), wear=(0.3, 500.0),
)  # fmt: skip
NOISE = MeasuredNoise(read=0.001, proportional=0.002, slow=0.002, slow_readings=5.0)


def test_same_seed_same_bits_with_any_number_of_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """300 x 300, with one thread and with four; another seed gives others."""
    counts = np.random.default_rng(0).integers(-3, 4, (4, 300, 300))

    def traced(threads: int, seed: int) -> FloatArray:
        monkeypatch.setattr(device_array, "threads_available", lambda: threads)
        return block(RICH, (300, 300), noise=NOISE, seed=seed).trace(counts).conductance

    assert np.array_equal(traced(1, 5), traced(4, 5))
    assert not np.array_equal(traced(1, 5), traced(1, 6))


def test_a_snapshot_goes_on_bit_for_bit() -> None:
    """Also what is remembered of ramps, what relaxes, and slow noise; a snapshot of plain devices is refused."""
    counts = np.random.default_rng(1).integers(-2, 3, (20, 3, 4))
    crosspoints = block(RICH, (3, 4), noise=NOISE)
    crosspoints.trace(counts)
    kept = crosspoints.snapshot()
    first = crosspoints.trace(counts).conductance
    crosspoints.restore(kept)
    assert np.array_equal(crosspoints.trace(counts).conductance, first)
    with pytest.raises(InputError, match="not of devices as measured"):
        crosspoints.restore(block(FLAT, (3, 4)).snapshot())


def test_a_stream_a_trace_and_single_calls_agree() -> None:
    """The same steps in three ways."""
    counts = np.random.default_rng(2).integers(-2, 3, (15, 3, 4))
    whole = block(RICH, (3, 4), noise=NOISE).trace(counts).conductance
    streamed = np.concatenate([r.conductance for r in block(RICH, (3, 4), noise=NOISE).stream(counts)])
    single = block(RICH, (3, 4), noise=NOISE)
    one_by_one: list[FloatArray] = []
    for step in counts:
        single.pulse(step)
        one_by_one.append(single.read().conductance[0])
    assert np.array_equal(whole, streamed)
    assert np.array_equal(whole, np.array(one_by_one))


def test_a_view_moves_the_devices_it_shows() -> None:
    """And no others; what it reads is what they are."""
    crosspoints = block(RICH, (5, 6))
    view = crosspoints[1:3, 2:5]
    view.pulse(np.full((2, 3), 7))
    changed = crosspoints.conductance != 0.5
    assert np.array_equal(np.argwhere(changed), [[r, c] for r in (1, 2) for c in (2, 3, 4)])
    assert np.array_equal(view.conductance, crosspoints.conductance[1:3, 2:5])


def test_currents_carry_the_noise_of_readings() -> None:
    """0.01 of slow noise on each of 50 crosspoints of a row: its current scatters by 0.01 √50 V."""
    crosspoints = block(FLAT, (200, 50), noise=MeasuredNoise(slow=0.01, slow_readings=1.0))
    currents = crosspoints.forward(np.full(50, 0.1))
    assert currents.shape == (200,)
    assert np.std(currents) == pytest.approx(0.1 * 0.01 * np.sqrt(50), rel=0.2)
    assert crosspoints.loop() is None


def test_a_fit_finds_what_was_simulated() -> None:
    """Soft bounds with 60 % missing after a reversal: the fitted device is simulated, and fitted again."""
    nodes = np.linspace(-0.2, 1.2, 57)
    up, down = 0.02 * np.maximum(1 - nodes, 0), -0.02 * np.maximum(nodes, 0)
    table = [tuple(column.tolist()) for column in (nodes, up, down, 0.2 * up, -0.2 * down)]
    model = MeasuredStep(0.0, 1.0, *table, history=(0.6, 5.0, 0.0, 0.6, 5.0, 0.0))
    counts = np.tile(np.repeat([1, -1], 60), 8)

    def fitted(crosspoints: SimCrosspoints) -> Any:
        read = crosspoints.trace(counts[:, None, None]).conductance[:, 0, 0]
        return fit_trace(counts, read, unit="normalised", model="measured")

    first = fitted(block(model, (1, 1), initial=0.3, noise=SimNoise(read=0.002)))
    again = fitted(SimCrosspoints.from_fitted(first.device(), initial=0.3, seed=4))
    for fit in (first, again):
        value, std = fit.parameters["missing_after_reversal_up"], fit.std["missing_after_reversal_up"]
        assert abs(value - 0.6) < 4 * std < 0.6
        assert abs(fit.symmetry_point.conductance - 0.5) < 4 * fit.symmetry_point.std


class TestMeasured(Conformance):
    """One suite for every kind of crosspoints; all that is remembered, but for what moves without pulses."""

    unmoved = 1e-11
    visible = 50
    budgeted = False

    @pytest.fixture
    def crosspoints(self) -> Iterator[Crosspoints]:
        """A block between 0 and 10 uS."""
        tables = RICH.nodes, RICH.up, RICH.down, RICH.up_scatter
        nodes, up, down, scatter = (tuple(1e-5 * value for value in table) for table in tables)
        scaled = replace(RICH, g_max=1e-5, nodes=nodes, up=up, down=down, up_scatter=scatter, down_scatter=scatter)
        with SimCrosspoints(replace(scaled, relaxing=(0.0, 1.0)), (2, 3), seed=3) as made:
            yield made
