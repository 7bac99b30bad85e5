"""read-noise: level, memory and drift of readings at rest."""

from __future__ import annotations

import json

import numpy as np
import pytest
from rehearsed import rehearsed
from rich_device import Physics, RichCrosspoints, recorded, soft_bounds

from protocols.analysis.noise.rest import allan_deviation, rest_noise
from protocols.analysis.noise.spectrum import spectrum
from protocols.analysis.noise.telegraph import telegraph
from protocols.read_noise import ReadNoise
from sim_device.virtual_bench.devices.ageing import Ageing


def at_rest(**noise: float) -> RichCrosspoints:
    return RichCrosspoints(Physics(np.zeros_like, np.zeros_like, **noise), 20e-6, 7)


def test_white_noise_is_measured_with_its_error_and_nothing_is_pulsed() -> None:
    crosspoints = at_rest(read=1e-7)
    protocol = ReadNoise(reads=2000)
    result = protocol.results(recorded(protocol, crosspoints)[0])
    assert not crosspoints.applied.any()
    assert abs(result["noise_S"] - 1e-7) < 4 * result["noise_std_S"]
    # std/sqrt(2 (n - 1)) for white noise
    assert result["noise_std_S"] == pytest.approx(1e-7 / np.sqrt(4000), rel=0.15)
    assert abs(result["mean_S"] - 20e-6) < 4 * result["mean_std_S"]
    assert result["relative_noise"] == pytest.approx(result["noise_S"] / result["mean_S"], rel=1e-9)
    assert "white" in result["verdict"]
    assert "no drift beyond the error" in result["verdict"]


def test_slow_noise_widens_the_error_of_the_mean() -> None:
    # AR(1) with exp(-1/20): correlation time (1 + a)/(1 - a) = 40 readings.
    protocol = ReadNoise(reads=4000)
    result = protocol.results(recorded(protocol, at_rest(slow=1e-7, slow_readings=20.0))[0])
    assert result["correlation_time_readings"] == pytest.approx(40, rel=0.5)
    assert result["autocorrelation_lag_1"] == pytest.approx(np.exp(-1 / 20), abs=0.05)
    assert result["mean_std_S"] > 4 * 1e-7 / np.sqrt(4000)
    assert "correlated over" in result["verdict"]


def test_drift_is_found_within_its_error() -> None:
    time = np.arange(500) * 0.1
    values = 20e-6 + 3e-9 * time + 1e-8 * np.random.default_rng(3).normal(size=500)
    noise = rest_noise(values, time)
    assert noise is not None
    assert abs(noise.slope - 3e-9) < 4 * noise.slope_std
    assert noise.slope > 10 * noise.slope_std


def test_allan_deviation_of_white_noise_falls_with_the_root_of_time() -> None:
    taus, allan, errors = allan_deviation(np.random.default_rng(5).normal(size=20000), 0.5)
    assert taus[:3].tolist() == [0.5, 1.0, 2.0]
    assert np.all(np.abs(allan - np.sqrt(0.5 / taus)) < 4 * errors)


def test_the_interval_passes_on_the_clock_of_the_crosspoints() -> None:
    protocol = ReadNoise.model_validate({"reads": 10, "interval": "250 ms"})
    series, why = recorded(protocol, at_rest(read=1e-7))
    assert np.diff(series.readings.time[:, 0, 0]) == pytest.approx([0.251] * 9)
    assert why == "all 10 readings are taken"


@pytest.mark.parametrize("level", [1e-7, 0.0])
def test_few_or_constant_readings_are_said_to_be_so(level: float) -> None:
    protocol = ReadNoise(reads=100)
    series, _ = recorded(protocol, at_rest(read=level))
    for cut in (0, 5, 100):
        part = series.where(np.arange(100) < cut)
        result = protocol.results(part)
        assert json.loads(json.dumps(result, allow_nan=False)) == result
        protocol.figures(part, result)
    if level == 0:
        assert "below the resolution" in protocol.results(series)["verdict"]
    assert "Too few" in protocol.results(series.where(np.arange(100) < 5))["verdict"]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_telegraph_noise_of_the_virtual_device_is_found_with_its_amplitude_and_times(seed: int) -> None:
    truth = Ageing(telegraph=120e-9, telegraph_low_time=0.8, telegraph_high_time=0.4)
    with rehearsed(seed=seed, ageing=truth) as station:
        protocol = ReadNoise(reads=1500)
        series, _ = recorded(protocol, station["A1"])
    result = protocol.results(series)
    found = result["telegraph"]
    assert abs(found["separation_S"] - 120e-9) < 4 * found["separation_std_S"] + 2e-9  # slow noise moves both levels
    assert abs(found["low_time_s"] - 0.8) < 4 * found["low_time_std_s"] < 4 * 0.3 * 0.8
    assert abs(found["high_time_s"] - 0.4) < 4 * found["high_time_std_s"] < 4 * 0.3 * 0.4
    assert "jumps between two levels" in result["verdict"]
    assert len(protocol.figures(series, result)) == 4


def test_errors_of_a_telegraph_are_honest_and_noise_without_levels_is_none() -> None:
    # Root mean square of z of 16 runs: below 1.6 with probability 0.999 (chi-square of 16: 39.3/16 = 2.45).
    rng, dt, low, high = np.random.default_rng(4), 0.02, 0.3, 0.15
    share, keep = high / (low + high), np.exp(-(1 / low + 1 / high) * dt)
    z: dict[str, list[float]] = {"separation": [], "low_time": [], "high_time": []}
    for _ in range(16):
        up, level = rng.random() < share, np.empty(1000)
        for k in range(1000):
            up = rng.random() < share + (up - share) * keep
            level[k] = up
        found = telegraph(20e-6 + 1e-7 * level + 3e-8 * rng.normal(size=1000), dt)
        assert found is not None
        assert found.found
        for name, truth in (("separation", 1e-7), ("low_time", low), ("high_time", high)):
            z[name].append((getattr(found, name) - truth) / getattr(found, f"{name}_std"))
        slow = np.zeros(1000)
        for k in range(1, 1000):
            slow[k] = 0.95 * slow[k - 1] + rng.normal()
        for quiet in (rng.normal(size=1000), slow + rng.normal(size=1000)):
            none = telegraph(quiet, dt)
            assert none is not None
            assert not none.found
    assert all(np.sqrt(np.mean(np.square(values))) < 1.6 for values in z.values())


def test_spectra_have_the_level_and_the_exponent_of_what_made_them() -> None:
    # White noise of variance s2 at rate f has density 2 s2/f; a random walk falls as 1/f^2.
    rng, time = np.random.default_rng(6), np.arange(8192) * 0.01
    white = rng.normal(size=8192)
    found = spectrum(white, time)
    assert found is not None
    assert float(found.density.mean()) == pytest.approx(2 / 100, rel=0.05)
    assert abs(found.exponent) < 4 * found.exponent_std
    walk = spectrum(np.cumsum(white), time)
    assert walk is not None
    assert abs(walk.exponent - 2) < 4 * walk.exponent_std < 4 * 0.2


def test_readings_of_a_bench_have_times_of_their_own() -> None:
    with rehearsed() as station:
        series, _ = recorded(ReadNoise(reads=200), station["A1"])
    assert np.all(np.diff(series.readings.time[:, 0, 0]) > 0)


def test_a_stop_rule_ends_it() -> None:
    physics = soft_bounds(1e-5, 5e-5, 0.01, 0.01, read=1e-8)[0]
    series, why = recorded(ReadNoise(reads=100, interval=1.0, stop_time=20.0), RichCrosspoints(physics, 3e-5, 1))
    assert "20 s have passed" in why
    assert 20 <= len(series) <= 22
