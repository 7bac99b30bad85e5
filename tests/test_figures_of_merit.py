"""Figures of merit against numbers worked out by hand, and their errors against a Monte-Carlo."""

from __future__ import annotations

import numpy as np
import pytest

from instruments.errors import InputError
from protocols.analysis.update import figures_of_merit as fom

# Gmin 10 uS, Gmax 100 uS, s+ 0.02, s- 0.01: G* = (2*100 + 10)/3 = 70 uS, step 0.02*30 = 0.6 uS, N = 150.
PARAMETERS = [10e-6, 100e-6, 0.02, 0.01]
NONE = np.zeros((4, 4))


@pytest.mark.parametrize(
    ("figure", "value"),
    [
        (fom.symmetry_point, 70e-6),
        (fom.step_at_symmetry_point, 0.6e-6),
        (fom.states_at_symmetry_point, 150),
        (fom.pulses_end_to_end, np.log(0.01) / np.log(0.98)),  # 227.9 pulses
        (fom.skew_half_range, 15 / 45),
        (fom.skew_full_range, 15 / 90),
        (fom.dynamic_range, 10),
        (lambda p, c: fom.asymmetry_ratio(p, c, 40e-6), 0.01 * 30 / (0.02 * 60)),
        (lambda p, c: fom.symmetry_factor(p, c, 40e-6), (1.2 - 0.3) / (1.2 + 0.3)),
        (lambda p, c: fom.symmetry_factor(p, c, 70e-6), 0),
    ],
)
def test_values_by_hand_and_no_error_without_covariance(figure, value) -> None:
    merit = figure(PARAMETERS, NONE)
    assert merit.value == pytest.approx(value, rel=1e-9, abs=1e-12)
    assert merit.std == 0


def test_errors_are_those_of_a_monte_carlo() -> None:
    covariance = np.diag(np.square([0.5e-6, 1e-6, 2e-4, 1e-4]))
    covariance[1, 2] = covariance[2, 1] = -0.6 * 1e-6 * 2e-4
    draws = np.random.default_rng(1).multivariate_normal(PARAMETERS, covariance, 4000)
    for figure in (fom.symmetry_point, fom.states_at_symmetry_point, fom.skew_half_range, fom.pulses_end_to_end):
        spread = np.std([figure(draw, NONE).value for draw in draws])
        # Standard error of a standard deviation from 4,000 draws: 1.1 %; curvature adds less than 2 %.
        assert figure(PARAMETERS, covariance).std == pytest.approx(spread, rel=0.06)


@pytest.mark.parametrize(("label", "a"), [(1.0, 1.2517), (2.4, 0.4992), (4.88, 0.2003), (9.0, 0.0228)])
def test_neurosim_labels_of_its_table(label: float, a: float) -> None:
    pulses = 100
    fraction = -np.expm1(-1 / (a * pulses))
    merit = fom.neurosim_nonlinearity(fraction, 0.01 * fraction, pulses)
    assert merit.value == pytest.approx(label, abs=0.005)  # the table gives a to 4 digits
    assert 0 < merit.std < 0.05 * label


def test_write_noise_counts_twice_in_the_noise_to_signal_ratio() -> None:
    merit = fom.noise_to_signal(fom.Merit(0.3, 0.03), fom.Merit(0.2, 0.01))
    assert merit.value == pytest.approx(np.sqrt(0.09 + 0.08))
    assert merit.std == pytest.approx(np.hypot(0.3 * 0.03, 2 * 0.2 * 0.01) / merit.value)


def test_spread_of_devices_leaves_the_errors_of_estimation_out() -> None:
    rng = np.random.default_rng(4)
    values = 5 + 0.3 * rng.normal(size=400) + 0.4 * rng.normal(size=400)
    spread = fom.device_spread(values.tolist(), [0.4] * 400)
    assert abs(spread.value - 0.3) < 4 * spread.std < 4 * 0.06


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(InputError, match="covariance of shape"):
        fom.symmetry_point(PARAMETERS, np.zeros((3, 3)))
    with pytest.raises(InputError, match="lower bound is not positive"):
        fom.dynamic_range([0.0, 1.0, 0.1, 0.1], NONE)
    with pytest.raises(InputError, match="share of 1 "):
        fom.pulses_end_to_end(PARAMETERS, NONE, share=1)
    with pytest.raises(InputError, match="no ramp"):
        fom.neurosim_nonlinearity(0.0, 0.1, 100)
    with pytest.raises(InputError, match="3 devices"):
        fom.device_spread([1.0, 2.0], [0.1, 0.1])
