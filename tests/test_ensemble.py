"""Prediction bands hold what they promise, allow for correlation, and tell a device that is another one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from instruments.errors import InputError
from labshd.analysis.ensemble import Band, Trace, replayed
from sim_device.arrays.crosspoints import SimCrosspoints, SimNoise
from sim_device.models.fitted import Covariance, FittedDevice, Measured, Noise, Verdict
from sim_device.models.formulas import SoftBounds

MODEL = SoftBounds(1e-6, 9e-6, 0.01, 0.012)
NOISE = SimNoise(0.5, 2e-9)


def fitted(model: SoftBounds = MODEL, **more: object) -> FittedDevice:
    return FittedDevice(
        unit="S",
        model_name="soft-bounds",
        parameters=model.parameters("S"),
        noise=Noise(read=NOISE.read, cycle_to_cycle=NOISE.cycle_to_cycle),
        symmetry_point=None,
        measured=Measured(lowest=2e-6, highest=8e-6, readings=100),
        verdict=Verdict(accepted=True, why="made for a test"),
        **more,  # type: ignore[arg-type]
    )


def trace(seed: int, model: SoftBounds = MODEL, pulses: int = 60) -> Trace:
    device = SimCrosspoints(model, noise=NOISE, initial=4e-6, seed=seed)
    counts = np.concatenate([np.zeros(5, dtype=np.int64), np.random.default_rng(seed).choice([-1, 1], pulses)])
    read = device.trace(counts).conductance[:, 0, 0]
    return Trace(counts, read, np.zeros(len(counts), dtype=np.bool_))


def test_a_band_holds_95_of_100_readings_of_the_device_itself() -> None:
    # Exactly 95 % by ranks. Shares of 80 records scatter by sd each: their mean is known to sd/9.
    bands = [replayed(trace(seed), fitted(), simulations=79, seed=seed) for seed in range(80)]
    shares = np.array([band.share for band in bands])
    assert shares.mean() == pytest.approx(0.95, abs=4 * shares.std() / 9)
    # the scatter that each band states of itself is that over the records: 80 of them know it to 8 %
    stated = np.mean([band.shares[1:].std() for band in bands])
    assert stated == pytest.approx(shares.std(), rel=0.35)


def test_a_share_is_as_low_as_it_says_it_is() -> None:
    # "as few inside" is uniform from 0 to 1 where the device is right: 5 standard errors of its mean over 60 records
    low = [float(np.mean(band.shares <= band.share)) for band in
           (replayed(trace(seed), fitted(), simulations=79, seed=seed) for seed in range(100, 160))]  # fmt: skip
    assert np.mean(low) > 0.5 - 5 * 0.29 / np.sqrt(60)


def test_another_device_is_found() -> None:
    other = replace(MODEL, s_down=0.02)
    band = replayed(trace(3, other, 300), fitted(), simulations=79)
    assert band.share < 0.6
    assert np.mean(band.shares <= band.share) < 0.02


def test_an_uncertain_fit_has_a_wider_band() -> None:
    names = ("s_up", "s_down")
    uncertain = fitted(covariance=Covariance(names=names, matrix=((4e-6, 0.0), (0.0, 4e-6))))
    sure, unsure = (replayed(trace(1, pulses=200), device, simulations=79) for device in (fitted(), uncertain))
    assert np.mean(unsure.high - unsure.low) > 1.5 * np.mean(sure.high - sure.low)


def test_readings_before_the_first_pulse_tell_the_start_and_are_not_predicted() -> None:
    band = replayed(trace(1), fitted(), simulations=39)
    assert band.rows.tolist() == list(range(5, 65))
    assert isinstance(band, Band)


def test_rows_that_only_count_pulses_are_pulsed_and_not_held_against_anything() -> None:
    whole = trace(1)
    unread = whole.conductance.copy()
    unread[10:50:2] = np.nan
    band = replayed(Trace(whole.pulses, unread, whole.fresh), fitted(), simulations=39)
    assert len(band.rows) == 40
    assert not set(range(10, 50, 2)) & set(band.rows.tolist())
    assert band.share > 0.5


def test_every_piece_begins_anew() -> None:
    first, second = trace(1), trace(2)
    moved = second.conductance + 1e-6  # somebody moved the device, nobody knows by how many pulses
    fresh = np.zeros(130, dtype=np.bool_)
    fresh[65] = True
    joined = Trace(np.concatenate([first.pulses, second.pulses]), np.concatenate([first.conductance, moved]), fresh)
    band = replayed(joined, fitted(), simulations=79)
    assert len(band.rows) == 120
    assert band.rows[60] == 70
    # One pulse after the five readings that tell the start: it scatters by half of 0.01 x 5 uS; four of that.
    assert np.abs(band.median[60] - moved[5]) < 4 * 0.5 * 0.01 * 5e-6


@pytest.mark.parametrize("number", [0, 38, 100])
def test_a_number_of_simulations_that_makes_no_exact_band_is_refused(number: int) -> None:
    with pytest.raises(InputError, match="no exact 95 % band"):
        replayed(trace(1), fitted(), simulations=number)
