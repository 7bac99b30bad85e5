"""A converter with few digits: rounding is no reason to reject soft bounds, and hides no other device."""

import numpy as np
import pytest

from sim_device.fit.fitting import fit_trace

QUANTUM = 1e-6  # [S], three pulses wide at the symmetry point


def _trace(seed: int, growing: bool) -> tuple[np.ndarray, np.ndarray]:
    """300 up, 300 down of a device of 10 to 60 uS, read to 1 uS; `growing`: the up step grows by e³ over the range."""
    rng, low, high, g = np.random.default_rng(seed), 10e-6, 60e-6, 15e-6
    pulses, readings = [0, *[1] * 300, *[-1] * 300], [g]
    for sign in pulses[1:]:
        up = 0.2e-6 * np.exp(3 * (g - low) / (high - low)) if growing else 0.01 * (high - g)
        step = up if sign > 0 else -0.015 * (g - low)
        g = float(np.clip(g + step * (1 + 0.2 * rng.standard_normal()), low, high))
        readings.append(g)
    noisy = np.array(readings) + 1e-7 * rng.standard_normal(len(readings))
    return np.array(pulses), QUANTUM * np.round(noisy / QUANTUM)


def test_soft_bounds_read_to_a_microsiemens_are_accepted() -> None:
    # 20 traces, a family error of 3 % (and what rounding adds): more than 3 rejections have a chance below 0.3 %.
    fits = [fit_trace(*_trace(seed, growing=False)) for seed in range(20)]
    assert sum(fit.accepted for fit in fits) >= 17
    # G* = (0.01 * 60 + 0.015 * 10)/0.025 = 30 uS; outside of 3 standard errors at most once in 20.
    misses = [abs(fit.symmetry_point.conductance - 30e-6) > 3 * fit.symmetry_point.std for fit in fits]
    assert sum(misses) <= 1


@pytest.mark.parametrize("seed", range(5))
def test_growing_steps_read_to_a_microsiemens_are_rejected(seed: int) -> None:
    assert not fit_trace(*_trace(seed, growing=True)).accepted
