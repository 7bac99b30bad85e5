"""Readings that were not fitted, predicted: bands hold, a poor model is told from a good one, short traces are left."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from instruments.crosspoints import FloatArray, IntArray
from sim_device.fit.fitting import fit_trace
from sim_device.fit.measured.fit import MeasuredFit, fit_parts
from sim_device.fit.measured.nodes import nodes_of
from sim_device.fit.measured.parts import Parts
from sim_device.fit.measured.search import Rows, first_start, maximise
from sim_device.fit.predictive import crps, enough, predicted, split_of
from sim_device.fit.resampling import Resampled
from sim_device.fit.trace import Trace, trace_of

RAMPED: IntArray = np.tile(np.repeat([1, -1], 60), 12)


def made(seed: int, counts: IntArray, ramps: float = 0.0) -> FloatArray:
    """Soft bounds 0 to 1: steps of 2 % of the way, 30 % scatter, read noise 0.002; ramps with factors of their own."""
    random, g, factor, out = np.random.default_rng(seed), 0.3, 1.0, np.empty(len(counts))
    for k, way in enumerate(counts.tolist()):
        if k == 0 or way != counts[k - 1]:
            factor = float(np.exp(ramps * random.standard_normal()))
        step = 0.02 * (1 - g) if way > 0 else -0.02 * g
        g += step * factor * (1 + 0.3 * random.standard_normal())
        out[k] = g + 0.002 * random.standard_normal()
    return out


def trace(seed: int, counts: IntArray = RAMPED, ramps: float = 0.0) -> Trace:
    """As the fit takes it."""
    return trace_of(counts, made(seed, counts, ramps), unit="normalised", gather=False)


def without_factors(part: Trace) -> MeasuredFit:
    """Straight steps with scatter and read noise, whatever the trace asks for."""
    rows = Rows.of(part)
    best = maximise(rows, Parts(), first_start(part, 2))
    return MeasuredFit(part, best, {}, nodes_of(rows._replace(ramps=1), best))


def test_the_bands_of_a_plain_device_hold_and_beat_resampling() -> None:
    """Of three devices; in the mean 95 % bands hold 90 % or more, and the error is below that of resampling."""
    relative: list[float] = []
    inside: list[float] = []
    for seed in range(3):
        whole = trace(seed)
        fitted = split_of(whole, 6)
        found = predicted(whole, fitted, fit_parts(whole.part(slice(0, fitted))))
        assert found.failed == ()
        assert [horizon.pulses for horizon in found.horizons][:3] == [1, 10, 50]
        inside += [horizon.inside[95] for horizon in found.horizons]
        relative += [horizon.relative for horizon in found.horizons]
    assert np.mean(relative) < 1.0
    assert np.mean(inside) > 0.9


def test_a_model_without_ramp_factors_fails_where_ramps_differ_and_says_so() -> None:
    """Factors of 30 %: far ahead its bands are too narrow; those of the model that the trace asks for hold."""
    whole = trace(5, np.tile(np.repeat([1, -1], 60), 40), ramps=0.3)
    fitted = split_of(whole, 40)
    part = whole.part(slice(0, fitted))
    poor = predicted(whole, fitted, without_factors(part))
    assert any("change from ramp to ramp" in said for said in poor.failed)
    assert predicted(whole, fitted, fit_parts(part)).failed == ()


def test_random_pulsing_and_a_single_ramp_are_predicted_too() -> None:
    """Over the pulses as they were applied."""
    random = np.random.default_rng(1).choice([1, -1], 600)
    for counts in (random, np.concatenate([np.repeat([1, -1], 100), np.ones(150, dtype=np.int64)])):
        whole = trace(2, counts)
        fitted = split_of(whole, 1)
        found = predicted(whole, fitted, fit_parts(whole.part(slice(0, fitted))))
        assert found.horizons[0].predictions > 10
        assert found.horizons[0].inside[95] > 0.8


def test_a_short_trace_is_not_split() -> None:
    """30 readings are fitted, and nothing is said of predictions."""
    counts = np.repeat([1, -1], 15)
    assert not enough(trace(1, counts), split_of(trace(1, counts), 1))
    fit = fit_trace(counts, made(1, counts), unit="normalised", model="measured")
    assert fit.prediction is None


def test_the_verdict_of_a_fit_follows_from_its_predictions() -> None:
    """It is among the checks, in the sentence, and in the JSON."""
    fit = fit_trace(RAMPED, made(7, RAMPED, 0.3), unit="normalised", model="measured")
    assert fit.prediction is not None
    assert fit.accepted == (not fit.prediction.failed)
    assert "of readings that were not fitted" in fit.why
    told = fit.json()["prediction"]["horizons"]
    assert [row["pulses"] for row in told] == [horizon.pulses for horizon in fit.prediction.horizons]


def test_crps_is_the_error_of_a_sure_value_and_that_of_the_normal_distribution() -> None:
    """σ (√2 − 1)/√π at the middle of a normal distribution (Gneiting and Raftery 2007, eq. 21 at z = 0)."""
    assert crps(np.full(10, 2.0), 3.5) == pytest.approx(1.5)
    members = np.random.default_rng(0).standard_normal(20_000)
    assert crps(members, 0.0) == pytest.approx((np.sqrt(2) - 1) / np.sqrt(np.pi), rel=0.02)


def test_resampling_draws_changes_that_were_measured_nearby() -> None:
    """Without noise a ramp of equal steps goes on by the same steps."""
    counts = np.repeat([1, -1], 40)
    model = Resampled(trace_of(counts, np.cumsum(0.01 * counts), unit="normalised", gather=False))
    ahead = model.ahead(0.1, np.ones(5, dtype=np.int64), 4, 0)
    assert ahead == pytest.approx(np.outer(0.1 + 0.01 * np.arange(1, 6), np.ones(4)))


def test_pieces_end_predictions() -> None:
    """A stretch is predicted up to the end of its piece."""
    whole = trace(3)
    cut = replace(whole, starts=whole.starts | (np.arange(len(whole)) % 30 == 0))
    fitted = split_of(cut, 6)
    found = predicted(cut, fitted, fit_parts(cut.part(slice(0, fitted))))
    assert max(float(one.pulses[-1]) for one in found.drawn) < 30
