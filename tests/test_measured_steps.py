"""A measured step: the parts that a trace asks for, their numbers, symmetry points, and bands that hold."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from instruments.crosspoints import FloatArray, IntArray
from sim_device.fit.fitting import fit_trace
from sim_device.fit.measured.device import device_model, drawn_numbers, noise_of, numbers_of
from sim_device.fit.measured.fit import MeasuredFit, fit_measured
from sim_device.fit.measured.parts import Parts, lifted
from sim_device.fit.measured.search import Rows, first_start, likelihood
from sim_device.fit.measured.symmetry import EVERYWHERE, STABLE, balance_of
from sim_device.fit.trace import trace_of
from sim_device.models.measured import MeasuredStep

RAMPS, LENGTH = 10, 40
COUNTS: IntArray = np.tile(np.repeat([1, -1], LENGTH), RAMPS // 2)
LABELS: IntArray = np.repeat(np.arange(RAMPS), LENGTH)


def made(
    seed: int,
    *,
    missing: float = 0.0,
    ramps: float = 0.0,
    relaxing: float = 0.0,
    wear: float = 0.0,
    noise: Callable[[np.random.Generator, FloatArray], FloatArray] | None = None,
    counts: IntArray = COUNTS,
) -> FloatArray:
    """Readings of soft bounds 0 to 1: steps of 2 % of the way, 30 % scatter, read noise 0.002 unless `noise` says."""
    random, g, w, since, factor, out = np.random.default_rng(seed), 0.2, 0.0, 0, 1.0, np.empty(len(counts))
    for k, way in enumerate(counts):
        if k == 0 or way != counts[k - 1]:
            since, factor = 0, float(np.exp(ramps * random.standard_normal()))
        step = 0.02 * (1 - g) if way > 0 else -0.02 * g
        step *= factor * (1 - missing * np.exp(-since / 5)) * (1 + 0.3 * random.standard_normal())
        step *= np.exp(-wear * k / len(counts))
        w = w * np.exp(-1 / 2) + relaxing * step
        g, since = g + (1 - relaxing) * step, since + 1
        out[k] = g + w
    return out + (noise(random, out) if noise else 0.002 * random.standard_normal(len(out)))


def values(fit: MeasuredFit) -> dict[str, tuple[float, float]]:
    """Value and standard deviation of everything beyond steps and noise."""
    return {name: (one.value, one.std) for name, one in numbers_of(fit, drawn_numbers(fit)).items()}


@pytest.fixture(scope="module")
def plain() -> MeasuredFit:
    """Without history, ramps alike."""
    return fit_measured(COUNTS, made(1), unit="normalised", segments=LABELS)


def test_the_gradient_is_that_of_the_likelihood() -> None:
    """All parts at once, each number moved by 1e-5 both ways; agrees to 1e-4 of itself or of the largest."""
    trace = trace_of(COUNTS, made(5, ramps=0.2, missing=0.5), unit="normalised", gather=False)
    rows, one = Rows.of(trace), Parts(5, 3, True, True, 2, True, True, True, True, True)
    for parts in (one, replace(one, relative=False, tails=False)):
        theta = lifted(first_start(trace, 2), Parts(), parts)
        theta = theta + 0.05 * np.random.default_rng(0).standard_normal(len(theta))
        told, found = likelihood(rows, theta, parts).gradient, np.empty(len(theta))
        for k in range(len(theta)):
            move = 1e-5 * (np.arange(len(theta)) == k)
            found[k] = likelihood(rows, theta + move, parts).posterior - likelihood(rows, theta - move, parts).posterior
        assert found / 2e-5 == pytest.approx(told, rel=1e-4, abs=1e-4 * float(np.max(np.abs(told))))


def test_plain_steps_get_no_part_they_do_not_need(plain: MeasuredFit) -> None:
    """Steps are those of the device within 10 %, in the middle and a quarter from each end."""
    assert plain.parts.plain
    model = device_model(plain)
    for g in np.quantile([model.g_min, model.g_max], [0.25, 0.5, 0.75]):
        assert float(model.step_up(g)) == pytest.approx(0.02 * (1 - g), rel=0.1)
        assert float(model.step_down(g)) == pytest.approx(-0.02 * g, rel=0.1)


def test_noise_is_told_from_the_scatter_of_steps(plain: MeasuredFit) -> None:
    """0.002 was added to each reading, and 30 % to each step; the mean of five traces."""
    fits = [plain, *(fit_measured(COUNTS, made(seed), unit="normalised", segments=LABELS) for seed in range(2, 6))]
    noise = [noise_of(fit, drawn_numbers(fit))[1] for fit in fits]
    assert np.mean([each["read_normalised"].value for each in noise]) == pytest.approx(0.002, rel=0.2)
    assert np.mean([each["cycle_to_cycle"].value for each in noise]) == pytest.approx(0.3, rel=0.2)


def test_pulses_after_a_reversal_that_move_less_are_found() -> None:
    """90 % missing at first, coming back over 5 pulses."""
    found = values(fit_measured(COUNTS, made(2, missing=0.9), unit="normalised"))
    for way in ("up", "down"):
        value, std = found[f"missing_after_reversal_{way}"]
        assert abs(value - 0.9) < 3 * std < 0.9


def test_ramps_with_their_own_factor_are_found_and_bands_hold() -> None:
    """Factors of 25 %: 95 % bands hold most of the ends of ramps that were not fitted."""
    fit = fit_measured(COUNTS, made(4, ramps=0.25), unit="normalised", segments=LABELS)
    assert 0.1 < values(fit)["ramp_factor_std"][0] < 0.5
    inside = 0
    for ramp, g in enumerate(made(3, ramps=0.25).reshape(RAMPS, LENGTH)):
        signs = np.full(LENGTH - 1, 1 if ramp % 2 == 0 else -1)
        low, high = np.percentile(fit.simulate(float(g[0]), signs, 200, ramp)[-1], [2.5, 97.5])
        inside += int(low <= g[-1] <= high)
    assert inside >= 8


def test_a_share_that_relaxes_is_found() -> None:
    """Half of each step goes away again over 2 readings."""
    counts = np.tile(np.repeat([1, -1], 150), 4)
    value, std = values(fit_measured(counts, made(6, relaxing=0.5, counts=counts), unit="normalised"))["relaxing_share"]
    assert abs(value - 0.5) < 3 * std
    assert std < 0.1


def test_steps_that_shrink_do_not_move_the_symmetry_point() -> None:
    """To e^-1 of the first from the first to the last pulse; steps of 0.02 (1 - G) and 0.02 G cancel at 1/2."""
    fit = fit_measured(COUNTS, made(7, wear=1.0), unit="normalised", segments=LABELS)
    assert values(fit)["first_over_last_step"][0] == pytest.approx(np.e, rel=0.3)
    (point,) = balance_of(fit).points
    assert point.interval[0] < 0.5 < point.interval[1]


def test_noise_in_proportion_and_slow_noise_are_found() -> None:
    """2 % of G; a first-order process of 0.01 over 15 readings."""

    def proportional(random: np.random.Generator, g: FloatArray) -> FloatArray:
        return 0.02 * g * random.standard_normal(len(g))

    def slow(random: np.random.Generator, g: FloatArray) -> FloatArray:
        z = np.zeros(len(g))
        for k in range(1, len(g)):
            z[k] = np.exp(-1 / 15) * z[k - 1] + 0.01 * np.sqrt(1 - np.exp(-2 / 15)) * random.standard_normal()
        return z + 0.002 * random.standard_normal(len(g))

    counts = np.tile(np.repeat([1, -1], 150), 4)
    fit = fit_measured(counts, made(8, noise=proportional, counts=counts), unit="normalised")
    noise, _ = noise_of(fit, drawn_numbers(fit))
    assert noise.proportional == pytest.approx(0.02, rel=0.2)
    fit = fit_measured(counts, made(9, noise=slow, counts=counts), unit="normalised")
    noise, _ = noise_of(fit, drawn_numbers(fit))
    assert noise.slow == pytest.approx(0.01, rel=0.4)


def test_random_pulsing_settles_where_it_is_said_to() -> None:
    """The scatter grows with G, so that the mean of random pulsing is off the crossing."""
    random, counts = np.random.default_rng(10), np.tile(np.repeat([1, -1], 100), 6)

    def walk(signs: IntArray, g: float) -> FloatArray:
        out = np.empty(len(signs))
        for k, way in enumerate(signs):
            step = 0.03 * (1 - g) if way > 0 else -0.03 * g
            g += step + (0.02 + 0.06 * g) * random.standard_normal()
            out[k] = g
        return out

    fit = fit_measured(counts, walk(counts, 0.5), unit="normalised")
    balance = balance_of(fit)
    settled = balance.settling
    assert settled is not None
    mean = float(np.mean(walk(random.choice([1, -1], 200_000), 0.5)[1000:]))
    assert settled.interval[0] < mean < settled.interval[1]


def test_constant_equal_steps_are_balanced_everywhere() -> None:
    """Between hard bounds 0 and 1; no symmetry point is told, and `fit_trace` says why."""
    random, counts, g = np.random.default_rng(11), np.tile(np.repeat([1, -1], 150), 4), 0.2
    out = np.empty(len(counts))
    for k, way in enumerate(counts):
        g = float(np.clip(g + 0.01 * way * (1 + 0.3 * random.standard_normal()), 0.0, 1.0))
        out[k] = g + 0.002 * random.standard_normal()
    found = balance_of(fit_measured(counts, out, unit="normalised"))
    assert (found.verdict, found.points) == (EVERYWHERE, ())
    fit = fit_trace(counts, out, unit="normalised", model="measured")
    assert fit.symmetry_point is None
    assert any("as balanced as any" in why for why in fit.not_identified)


def test_ramps_that_differ_are_not_taken_for_soft_bounds() -> None:
    """`best` of 2 + 2 ramps whose factors differ by 15 %: of 20 intervals of the symmetry point 17 or more hold 1/2.

    Fewer would be a chance of 2 in 1000 for intervals of 95 % (binomial: 16 or fewer of 20).
    """
    counts = np.tile(np.repeat([1, -1], 150), 2)
    held = 0
    for seed in range(20):
        fit = fit_trace(counts, made(100 + seed, ramps=0.15, counts=counts), unit="normalised", model="best")
        point = fit.symmetry_point
        assert point is not None
        held += point.interval[0] < 0.5 < point.interval[1]
    assert held >= 17


def test_the_fit_makes_a_device_that_a_file_holds(plain: MeasuredFit) -> None:
    """`best` of a device with history gives a measured step, whose parameters come back from a file as they were."""
    fit = fit_trace(COUNTS, made(2, missing=0.9), unit="normalised", model="best", segments=LABELS)
    assert fit.model_name == "measured"
    assert fit.accepted
    model = fit.device().model()
    assert isinstance(model, MeasuredStep)
    assert 0.5 < model.history[0] < 1.2
    assert MeasuredStep.from_parameters(model.parameters("normalised"), "normalised") == model
    assert balance_of(plain).verdict == STABLE


def test_same_seed_same_readings(plain: MeasuredFit) -> None:
    """And another seed others."""
    pulses = np.ones(20, dtype=np.int64)
    one, again, other = (plain.continued(pulses, 5, seed) for seed in (7, 7, 8))
    assert np.array_equal(one, again)
    assert not np.array_equal(one, other)
