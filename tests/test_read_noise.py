"""read-noise: level, memory and drift of readings at rest."""

from __future__ import annotations

import json

import numpy as np
import pytest
from rich_device import Physics, RichCrosspoints, recorded

from protocols.analysis.rest_noise import allan_deviation, rest_noise
from protocols.read_noise import ReadNoise


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
