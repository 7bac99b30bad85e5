"""Simulated crosspoints: they conform, follow the physics of soft bounds, and are the same with any threads."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from conformance import Conformance

from instruments.clock import VirtualClock
from instruments.crosspoints import Pulse, PulsePair, PulseTrains
from instruments.errors import InputError, LimitError
from instruments.limits import Limits
from sim_device.arrays import device_array as module
from sim_device.arrays.crosspoints import SimCrosspoints, SimNoise
from sim_device.models.fitted import FittedDevice, Measured, Noise, Verdict
from sim_device.models.formulas import (
    ConstantStep,
    DeviceModel,
    ExponentialStep,
    LinearStep,
    PowerStep,
    SoftBounds,
)
from sim_device.models.population import Spread
from sim_device.models.table import TableStep

MODEL = SoftBounds(1e-6, 9e-6, s_up=0.004, s_down=0.006)
MODELS: list[DeviceModel] = [
    MODEL,
    LinearStep(1e-6, 9e-6, up=3e-8, down=-2e-8, up_slope=-0.002, down_slope=-0.001),
    ConstantStep(1e-6, 9e-6, up=2e-8, down=3e-8),
    ExponentialStep(1e-6, 9e-6, up=1e-8, down=1e-8, up_extra=2e-8, down_extra=3e-8, gamma_up=4.0, gamma_down=5.0),
    PowerStep(1e-6, 9e-6, up=4e-8, down=4e-8, gamma_up=1.5, gamma_down=2.0),
    TableStep(1e-6, 9e-6, (1e-6, 5e-6, 9e-6), (5e-8, 3e-8, 1e-8), (-1e-8, -2e-8, -6e-8), (0, 0, 0), (0, 0, 0)),
]


def sim(model: DeviceModel = MODEL, shape: tuple[int, int] = (1, 1), **more: Any) -> SimCrosspoints:
    return SimCrosspoints(model, shape, **more)


class TestOneSimulated(Conformance):
    budgeted = False
    unmoved, visible = 6e-8, 50

    @pytest.fixture
    def crosspoints(self):
        with sim(noise=SimNoise(0.3, read=1e-8), seed=1) as block:
            yield block

    def forbidden(self, crosspoints):
        return PulsePair(Pulse(2.0, 1e-6), Pulse(-2.0, 1e-6))


class TestArraySimulated(TestOneSimulated):
    @pytest.fixture
    def crosspoints(self):
        with sim(shape=(3, 5), noise=SimNoise(0.3, read=1e-8), spread=Spread(0.1, 0.05, 0.05, 0.05), seed=2) as block:
            yield block


class TestViewSimulated(TestOneSimulated):
    @pytest.fixture
    def crosspoints(self):
        with sim(shape=(6, 9), noise=SimNoise(0.3, read=1e-8), seed=2)[1::2, 8:0:-3] as block:
            yield block


class TestTableSimulated(TestOneSimulated):
    @pytest.fixture
    def crosspoints(self):
        with sim(MODELS[3], (2, 2), noise=SimNoise(0.3, read=1e-8), seed=3) as block:
            yield block


@pytest.mark.parametrize("model", MODELS, ids=lambda m: m.name)
def test_without_noise_every_pulse_is_the_step_of_the_model(model: DeviceModel) -> None:
    counts = np.random.default_rng(0).choice([-1, 1], size=400)
    readings = sim(model, initial=4e-6).trace(counts).conductance[:, 0, 0]
    expected = [4e-6]
    for count in counts:
        step = model.step_up(expected[-1]) if count > 0 else model.step_down(expected[-1])
        expected.append(float(np.clip(expected[-1] + step, model.g_min, model.g_max)))
    # 400 float32 roundings of numbers up to 1e-5 (1e-12 each, in a random walk), tables of 1025 nodes
    assert readings == pytest.approx(expected[1:], abs=5e-11)


def test_many_pulses_at_once_follow_the_closed_form() -> None:
    # G(n) = Gmin + (Gmax - Gmin) [1 - (1 - s+)^n] from Gmin (physics of soft bounds)
    for n in (1, 7, 31, 32, 33, 1000):
        block = sim(initial=MODEL.g_min)
        block.pulse(n)
        expected = MODEL.g_min + (MODEL.g_max - MODEL.g_min) * (1 - (1 - MODEL.s_up) ** n)
        assert block.conductance[0, 0] == pytest.approx(expected, rel=2e-6)


def test_random_pulsing_settles_at_the_symmetry_point_with_the_predicted_spread() -> None:
    # Random ±: mean G*, sd = δ* sqrt((1 + σc²)/((s+ + s−) − (s+² + s−²)/2)), time constant 2/(s+ + s−) = 200 pulses.
    point = MODEL.symmetry_points()[0]
    block = sim(shape=(40, 50), noise=SimNoise(0.3), seed=5)
    signs = np.random.default_rng(1).choice([-1, 1], size=(2000, 40, 50))
    for step in signs:
        block.pulse(step)
    s = MODEL.s_up + MODEL.s_down
    sd = point.step * np.sqrt(1.09 / (s - (MODEL.s_up**2 + MODEL.s_down**2) / 2))
    g = block.conductance
    assert g.mean() == pytest.approx(point.conductance, abs=5 * sd / np.sqrt(2000))
    assert g.std() == pytest.approx(sd, rel=5 / np.sqrt(2 * 2000))


def test_alternating_pulses_end_in_the_limit_cycle() -> None:
    # After up: G* + δ* s+/(s+ + s− − s+ s−); after down: G* − δ* s−/(s+ + s− − s+ s−).
    point, s_up, s_down = MODEL.symmetry_points()[0], MODEL.s_up, MODEL.s_down
    g = sim().trace(np.resize([1, -1], 4000)).conductance[-2:, 0, 0]
    total = s_up + s_down - s_up * s_down
    assert g[0] == pytest.approx(point.conductance + point.step * s_up / total, rel=1e-5)
    assert g[1] == pytest.approx(point.conductance - point.step * s_down / total, rel=1e-5)


def test_cycle_to_cycle_noise_has_the_stated_size() -> None:
    block = sim(shape=(100, 100), noise=SimNoise(cycle_to_cycle=0.3), initial=5e-6, seed=1)
    before = block.conductance
    block.pulse(1)
    step = block.conductance - before
    mean = float(MODEL.step_up(5e-6))
    assert step.mean() == pytest.approx(mean, rel=5 * 0.3 / 100)
    assert step.std() == pytest.approx(0.3 * mean, rel=5 / np.sqrt(2 * 10_000))


def test_read_noise_and_write_noise_are_what_they_say() -> None:
    block = sim(shape=(100, 100), noise=SimNoise(read=1e-8, write=3e-8), seed=1)
    one, two = block.read(2).conductance
    assert (one - two).std() == pytest.approx(np.sqrt(2) * 1e-8, rel=5 / np.sqrt(2 * 10_000))
    assert (one - block.conductance).std() == pytest.approx(np.hypot(1e-8, 3e-8), rel=5 / np.sqrt(2 * 10_000))
    # write noise is drawn anew by a pulse, and only by a pulse
    block.pulse(1)
    three = block.read().conductance[0]
    fresh = (three - block.conductance) - (two - block.conductance)
    assert fresh.std() > 3.5e-8


def test_write_noise_does_not_accumulate() -> None:
    quiet, noisy = sim(shape=(20, 20)), sim(shape=(20, 20), noise=SimNoise(write=1e-6))
    for block in (quiet, noisy):
        block.pulse(25)
    assert np.array_equal(quiet.conductance, noisy.conductance)


def test_devices_differ_as_told() -> None:
    block = sim(shape=(100, 100), spread=Spread(step=0.1, up_down=0.02, low=0.05, high=0.05), seed=4)
    drawn = [block.device(r, c) for r in range(100) for c in range(100)]
    up, down = (np.array([d[key] for d in drawn]) / mean for key, mean in (("s_up", 0.004), ("s_down", 0.006)))
    high = np.array([d["g_max"] for d in drawn])
    tolerance = 5 / np.sqrt(2 * 10_000)
    assert ((up + down) / 2).std() == pytest.approx(0.1, rel=tolerance)
    assert ((up - down) / 2).std() == pytest.approx(0.02, rel=tolerance)
    assert high.std() == pytest.approx(0.05 * 4e-6, rel=tolerance)


def test_stuck_crosspoints_do_not_move() -> None:
    block = sim(shape=(100, 100), spread=Spread(stuck=0.1), seed=4)
    assert block.stuck.mean() == pytest.approx(0.1, abs=5 * 0.3 / 100)
    before = block.conductance
    block.pulse(20)
    assert np.array_equal(block.conductance == before, block.stuck)


def test_the_same_seed_gives_the_same_bits_and_another_does_not() -> None:
    def final(seed: int) -> Any:
        block = sim(shape=(4, 4), noise=SimNoise(0.5, 1e-8, 1e-8), spread=Spread(0.1), seed=seed)
        return block.trace(np.ones(50, dtype=np.int64)).conductance

    assert np.array_equal(final(1), final(1))
    assert not np.array_equal(final(1), final(2))


def test_results_do_not_depend_on_the_number_of_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    def final(worth: int) -> Any:
        monkeypatch.setattr(module, "WORTH_A_THREAD", worth)
        block = sim(shape=(64, 65), noise=SimNoise(0.5, 1e-8, 1e-8), spread=Spread(0.1), seed=7)
        block.pulse(np.random.default_rng(0).integers(-40, 41, (64, 65)))
        return block.trace(np.ones(3, dtype=np.int64)).conductance

    assert np.array_equal(final(1_000_000), final(100))


def test_a_block_and_its_views_draw_the_same_noise() -> None:
    whole, parts = (sim(shape=(4, 6), noise=SimNoise(0.5), seed=7) for _ in range(2))
    whole.pulse(5)
    parts[:, ::2].pulse(5)
    parts[:, 1::2].pulse(5)
    assert np.array_equal(whole.conductance, parts.conductance)


def test_coincidences_are_counted_exactly() -> None:
    rng = np.random.default_rng(3)
    for slots in (1, 31, 32, 33, 100):
        block = sim(shape=(7, 9))
        rows, columns = (rng.random((n, slots)) < 0.5 for n in (7, 9))
        signs = rng.choice([-1, 1], 7)[:, np.newaxis]
        block.coincide(PulseTrains((rows * signs).astype(np.int8)), PulseTrains(columns.astype(np.int8)))
        assert np.array_equal(block.pulses_applied, rows.astype(int) @ columns.T.astype(int))


def test_trains_of_both_signs_on_a_line_are_refused() -> None:
    both = PulseTrains(np.array([[1, -1]], dtype=np.int8))
    with pytest.raises(InputError, match="both signs"):
        sim().coincide(both, PulseTrains(np.ones((1, 2), dtype=np.int8)))


def test_the_budget_of_pulses_is_kept_before_anything_moves() -> None:
    limits = Limits(pulse_voltage=5.0, pulse_width=1e-3, read_voltage=1.0, current=1e-3, pulses_per_crosspoint=100)
    block = sim(shape=(2, 2), limits=limits)
    block[0, 1].pulse(-90)
    before = block.conductance
    with pytest.raises(LimitError, match=r"simulated\[0, 1\].*budget of 100"):
        block.pulse(11)
    with pytest.raises(LimitError):
        block.trace(np.resize([1, -1], 11))
    with pytest.raises(LimitError):
        block.coincide(PulseTrains(np.ones((2, 11), dtype=np.int8)), PulseTrains(np.ones((2, 11), dtype=np.int8)))
    assert np.array_equal(block.conductance, before)
    block.pulse(10)
    assert block.pulses_applied.max() == 100


def test_another_pulse_pair_is_refused_with_a_reason() -> None:
    with pytest.raises(InputError, match="knows no pulse voltage"):
        sim().pulse(1, PulsePair(Pulse(3.0, 1e-6), Pulse(-3.0, 1e-6)))


def test_time_is_simulated() -> None:
    clock = VirtualClock()
    block = sim(clock=clock, read_time=0.5)
    block.read(3)
    block.wait(3600)
    assert clock.now() == pytest.approx(3601.5)


def test_a_snapshot_continues_bit_for_bit() -> None:
    def fresh() -> SimCrosspoints:
        return sim(shape=(3, 3), noise=SimNoise(0.5, 1e-8, 1e-8), seed=9)

    whole = fresh()
    whole.trace(np.ones(20, dtype=np.int64))
    kept = whole.snapshot()
    expected = whole.trace(-np.ones(20, dtype=np.int64))
    resumed = fresh()
    resumed.restore(kept)
    again = resumed.trace(-np.ones(20, dtype=np.int64))
    assert np.array_equal(expected.conductance, again.conductance)
    assert again.time == pytest.approx(expected.time)


def test_normalised_devices_claim_no_volts() -> None:
    block = sim(SoftBounds(0.0, 1.0, 0.01, 0.01), unit="normalised")
    readings = block.read()
    assert np.all(np.isnan(readings.voltage))
    assert np.all(np.isnan(readings.current))
    assert "g_min_normalised" in block.origin.details["parameters"]


def test_a_fitted_device_becomes_crosspoints() -> None:
    fitted = FittedDevice(
        unit="S", model_name="soft-bounds", parameters=MODEL.parameters("S"), symmetry_point=None,
        noise=Noise(read=2e-8, cycle_to_cycle=None), verdict=Verdict(accepted=True, why="it holds"),
        measured=Measured(lowest=2e-6, highest=8e-6, last=3e-6, readings=10),
    )  # fmt: skip
    block = SimCrosspoints.from_fitted(fitted, (2, 2), seed=3)
    assert block.model == MODEL
    assert block.conductance == pytest.approx(np.full((2, 2), 3e-6), rel=1e-6)
    assert block.origin.details["noise"] == {"cycle_to_cycle": 0.0, "read": 2e-8, "write": 0.0}


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"shape": (0, 3)}, "shape"),
        ({"initial": np.nan}, "finite"),
        ({"initial": np.ones(7)}, "do not fit"),
        ({"noise": None, "spread": None, "initial": np.ones((2, 2))}, "do not fit"),
    ],
)
def test_what_cannot_be_an_array_is_refused(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        sim(**wrong)


def test_noise_and_spread_must_be_numbers_of_their_kind() -> None:
    with pytest.raises(InputError, match="read = -1"):
        SimNoise(read=-1)
    with pytest.raises(InputError, match="stuck = 2"):
        Spread(stuck=2)
