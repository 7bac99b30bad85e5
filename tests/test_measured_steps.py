"""A measured step: the parts that a trace asks for, and bands that hold on readings that were not fitted."""

from __future__ import annotations

import numpy as np
import pytest

from instruments.crosspoints import FloatArray, IntArray
from sim_device.fit.measured import MeasuredFit, fit_measured

RAMPS, LENGTH = 10, 40
COUNTS: IntArray = np.tile(np.repeat([1, -1], LENGTH), RAMPS // 2)
LABELS: IntArray = np.repeat(np.arange(RAMPS), LENGTH)


def made(seed: int, *, missing: float = 0.0, ramps: float = 0.0) -> FloatArray:
    """Readings of soft bounds 0 to 1: steps of 2 % of the way, 30 % scatter, read noise 0.002."""
    random, g, out = np.random.default_rng(seed), 0.2, np.empty(len(COUNTS))
    for ramp in range(RAMPS):
        factor = np.exp(ramps * random.standard_normal())
        for n in range(LENGTH):
            k = ramp * LENGTH + n
            step = 0.02 * (1 - g) if COUNTS[k] > 0 else -0.02 * g
            g += step * factor * (1 - missing * np.exp(-n / 5)) * (1 + 0.3 * random.standard_normal())
            out[k] = g + 0.002 * random.standard_normal()
    return out


@pytest.fixture(scope="module")
def plain() -> MeasuredFit:
    """Without history, ramps alike."""
    return fit_measured(COUNTS, made(1), unit="normalised", segments=LABELS)


def test_plain_steps_get_no_part_they_do_not_need(plain: MeasuredFit) -> None:
    """Evidence is against history and ramp factors, and the steps are those of the device within 10 %."""
    assert not plain.parts.history
    assert not plain.parts.ramps
    t, trace = plain.tables, plain.trace
    middle = t.steps.shape[1] // 2
    up, down = trace.scale * t.steps[:, middle]
    assert up == pytest.approx(0.02 * (1 - trace.centre), rel=0.1)
    assert down == pytest.approx(-0.02 * trace.centre, rel=0.1)


def test_read_noise_is_told_from_the_scatter_of_steps(plain: MeasuredFit) -> None:
    """0.002 was added to each reading."""
    assert plain.trace.scale * plain.tables.read == pytest.approx(0.002, rel=0.2)


def test_pulses_after_a_reversal_that_move_less_are_found() -> None:
    """90 % missing at first, coming back over 5 pulses."""
    fit = fit_measured(COUNTS, made(2, missing=0.9), unit="normalised", segments=LABELS)
    assert fit.evidence["history after a reversal"] > 10
    assert fit.tables.history[:, 0] == pytest.approx([0.9, 0.9], abs=0.25)


def test_ramps_with_their_own_factor_are_found_and_bands_hold() -> None:
    """Factors of 25 %: 95 % bands hold most of the ends of ramps that were not fitted."""
    fit = fit_measured(COUNTS, made(3, ramps=0.25), unit="normalised", segments=LABELS)
    assert fit.parts.ramps
    assert np.all((fit.tables.ramps > 0.1) & (fit.tables.ramps < 0.5))
    inside = 0
    for ramp, g in enumerate(made(4, ramps=0.25).reshape(RAMPS, LENGTH)):
        signs = np.full(LENGTH - 1, 1 if ramp % 2 == 0 else -1)
        low, high = np.percentile(fit.simulate(float(g[0]), signs, 200, ramp)[-1], [2.5, 97.5])
        inside += int(low <= g[-1] <= high)
    assert inside >= 8


def test_same_seed_same_readings(plain: MeasuredFit) -> None:
    """And another seed others."""
    pulses = np.ones(20, dtype=np.int64)
    one, again, other = (plain.continued(pulses, 5, seed) for seed in (7, 7, 8))
    assert np.array_equal(one, again)
    assert not np.array_equal(one, other)
