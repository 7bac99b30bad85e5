"""One weight: SGD settles at the wrong place that theory predicts, SHD at the right one, symmetric devices oscillate.

Energy E = ½ k (w − w0)², gradient samples k (w − w0) + σ ξ, soft bounds ±1 about the symmetry point (κ = 1 in weights).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from instruments.crosspoints import Readings
from instruments.errors import InputError, RunError
from labshd.training import Calibration, OneParameter, Settings, Training, figures, one_weight, result
from sim_device.arrays.crosspoints import SimCrosspoints, SimNoise, Spread
from sim_device.models.device_model import DeviceModel
from sim_device.models.formulas import ConstantStep, SoftBounds

STATES = 1000
SYMMETRIC_BOUNDS = SoftBounds(1e-6, 9e-6, 2 / STATES, 2 / STATES)
NO_ASYMMETRY = ConstantStep(1e-6, 9e-6, 8e-6 / STATES, 8e-6 / STATES)


def one(
    algorithm: str,
    task: OneParameter,
    model: DeviceModel = SYMMETRIC_BOUNDS,
    start: float = 0.0,
    reference_error: float = 0.0,
    core_model: DeviceModel | None = None,
    **settings: Any,
) -> Training:
    """Trained to the end; `start`, `reference_error` in weights."""
    chosen = Settings(**settings)
    exact = Calibration.from_model(model)
    calibration = Calibration(
        exact.reference + reference_error * exact.scale, exact.step, exact.low, exact.high, exact.kappa
    )

    def device(of: DeviceModel, at: float, seed: int) -> SimCrosspoints:
        initial = calibration.reference + at * calibration.scale
        return SimCrosspoints(of, noise=SimNoise(0.3, read=4e-9), initial=initial, seed=1000 * chosen.seed + seed)

    core, auxiliary = device(core_model or model, start, 1), device(model, 0.0, 2)
    return one_weight(task, algorithm, core, calibration, auxiliary=auxiliary, settings=chosen).finish()


@pytest.mark.parametrize("noise", [0.5, 1.0, 2.0])
def test_sgd_settles_at_the_balance_of_gradient_and_asymmetry(noise: float) -> None:
    # w0/(1 + κS/k), S = σ sqrt(2/π): .357, .278, .193 of w0 = .5. Standard error of the mean over N = 50000 steps:
    # σ/((k + κS) sqrt(N)) = .0016 to .0034; the balance with S taken at the weight itself is met to 5 of them.
    settled = result(one("sgd", OneParameter(noise=noise), steps=100_000, seed=3))
    simple = 0.5 / (1 + noise * math.sqrt(2 / math.pi))
    error = noise / (1 + noise * math.sqrt(2 / math.pi)) / math.sqrt(50_000)
    assert settled["final"] == pytest.approx(simple, rel=0.1)
    assert settled["final"] == pytest.approx(settled["prediction"]["final"], abs=5 * error)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_shd_settles_at_the_target(seed: int) -> None:
    # Bound 2 % of the range (0.04 in weights). Standard error of the mean over N = 10000: σ/(k sqrt N) = .005;
    # the asymmetry of C pulls by κ² S E|A| w0/k = .4 · .045 · .5 = .009.
    settled = result(one("shd", OneParameter(), steps=20_000, seed=seed))
    assert abs(settled["error_relative_to_range"]) < 0.02
    assert settled["final_std"] < 0.02


def test_the_asymmetry_of_the_core_pulls_in_second_order_as_predicted() -> None:
    # C − C0 = −κ_A κ_C S E|A| C/k with E|A| as it is in the run; standard error over N = 200000: .5/447 = .0011.
    training = one("shd", OneParameter(), steps=400_000, seed=1)
    settled, a = result(training), training.history["auxiliary_weight"][200_000:]
    bias = -0.5 * math.sqrt(2 / math.pi) * np.abs(a).mean() * settled["final"]
    assert settled["error"] == pytest.approx(bias, abs=5 * 0.0011)


def test_the_stated_error_is_that_of_repeated_trainings() -> None:
    # 40 trainings: their scatter is known to 1/sqrt(80) = 11 %, and the stated error means to err on the large side.
    results = [result(one("shd", OneParameter(), seed=seed)) for seed in range(40)]
    scatter = np.std([r["final"] for r in results], ddof=1)
    assert 0.7 < np.mean([r["final_std"] for r in results]) / scatter < 1.7


def test_shd_beats_sgd_with_the_same_device_and_steps() -> None:
    sgd, shd = (result(one(name, OneParameter(), seed=5)) for name in ("sgd", "shd"))
    assert abs(shd["error"]) < abs(sgd["error"]) / 2


def test_started_at_the_optimum_sgd_drifts_away_and_shd_stays() -> None:
    task = OneParameter()
    assert abs(result(one("sgd", task, start=0.5, seed=1))["error"]) > 0.1
    assert abs(result(one("shd", task, start=0.5, seed=1))["error"]) < 0.04


def test_on_a_symmetric_device_sgd_is_right() -> None:
    # without asymmetry nothing pulls: standard error σ/(k sqrt N) = .009
    settled = result(one("sgd", OneParameter(), model=NO_ASYMMETRY, seed=1))
    assert settled["final"] == pytest.approx(0.5, abs=0.045)
    assert settled["prediction"]["final"] == pytest.approx(0.5)


def oscillation(training: Training) -> tuple[np.ndarray[Any, Any], float]:
    """Core weight about the target, and its period [steps] from crossings of the target in the mean of 25 steps."""
    about = training.history["core_weight"] - training.task.target  # type: ignore[attr-defined]
    smooth = np.convolve(about, np.full(25, 1 / 25), mode="valid")
    crossings = np.flatnonzero(np.diff(np.sign(smooth)) != 0)
    apart = crossings[np.insert(np.diff(crossings) > 100, 0, True)]
    return about, 2 * float(np.mean(np.diff(apart)))


def test_a_symmetric_device_makes_shd_oscillate_undamped_at_the_predicted_frequency() -> None:
    # ω = sqrt(η_A η_C k/τ) a step; gradient noise only heats it, nothing damps it
    training = one("shd", OneParameter(target=0.3, noise=0.05), model=NO_ASYMMETRY, seed=2)
    about, period = oscillation(training)
    assert period == pytest.approx(result(training)["prediction"]["period"], rel=0.05)
    assert result(training)["prediction"]["damping"] == 0
    assert np.abs(about[-1500:]).max() > 0.8 * np.abs(about[:1500]).max()


@pytest.mark.parametrize("every", [5, 20])
def test_the_frequency_falls_with_the_root_of_the_transfer_interval(every: int) -> None:
    training = one("shd", OneParameter(target=0.3, noise=0.05), model=NO_ASYMMETRY, every=every, steps=9000, seed=2)
    _, period = oscillation(training)
    assert period == pytest.approx(2 * math.pi * math.sqrt(every / (0.01 * 0.01)), rel=0.07)


def test_asymmetry_damps_at_the_predicted_rate() -> None:
    """A and C far from noise: energy of the mean orbit falls as e^(−γ t), γ = η_A κ S with S held by gradient noise.

    σ = 1 gives S = .80, γ = .0080; 200 orbits are averaged, so that noise is down by 14. The envelope of C is
    e^(−γ t/2); its value at half a period, where C is at its first extreme, is e^(−γ π/2 ω') of the start.
    """
    rate, transfer = 0.01, 0.04
    orbits = []
    for seed in range(200):
        training = one("shd", OneParameter(target=0.3, noise=1.0), core_model=NO_ASYMMETRY, rate=rate,
                       transfer_rate=transfer, steps=700, seed=seed)  # fmt: skip
        orbits.append(training.history["core_weight"] - 0.3)
    mean = np.mean(orbits, axis=0)
    gamma = rate * 1.0 * math.sqrt(2 / math.pi)
    omega = math.sqrt(rate * transfer / 5 - gamma**2 / 4)
    expected = 0.3 * math.exp(-gamma * math.pi / (2 * omega))
    # sd of C: sqrt(η_C E[g²]/(2 τ k κ S)) = .07, of the mean orbit .005
    assert mean[200:500].max() == pytest.approx(expected, abs=0.02)


@pytest.mark.parametrize("r", [-0.1, 0.05, 0.1, 0.2])
def test_a_wrong_reference_shifts_the_core_as_predicted(r: float) -> None:
    # C − C0 = −κ_A S r/k. The core has no asymmetry here, so that its own pull (second order) does not add.
    training = one("shd", OneParameter(target=0.2), reference_error=r, core_model=NO_ASYMMETRY, steps=200_000, seed=4)
    shift = result(training)["error"]
    slope = -math.sqrt(2 / math.pi) * 0.5
    # standard error of the mean over N = 100000: σ/(k sqrt N) = .0016; the next order is about (κ r)² shift/2
    assert shift == pytest.approx(slope * r, abs=5 * 0.0016 + 0.02 * abs(r))


@pytest.mark.parametrize("core_model", [NO_ASYMMETRY, SYMMETRIC_BOUNDS])
def test_the_auxiliary_weight_ends_at_its_symmetry_point_with_the_predicted_noise(core_model: DeviceModel) -> None:
    # Var A = η_A E[g²]/(2 κ S) = .01 · .25/.8 = (.056)², and the granularity of pulses (δ = .002) adds some.
    # The core stands still where E[A] = κ_C E|A| C: 0 for a core without asymmetry.
    training = one("shd", OneParameter(), core_model=core_model, steps=100_000, seed=6)
    a = training.history["auxiliary_weight"][50_000:]
    pull = 0.0 if core_model is NO_ASYMMETRY else np.abs(a).mean() * result(training)["final"]
    # the mean of A is what moved the core: C moved by less than .1 = 50000 η_C/τ E[A] = 100 E[A]
    assert a.mean() == pytest.approx(pull, abs=0.003)
    assert 0.056 < a.std() < 1.3 * 0.056


def test_energy_falls() -> None:
    history = one("shd", OneParameter(target=0.6, noise=0.3), seed=7).history
    energy = history["loss"] + 0.5 * 0.01 / (0.01 * 5) * np.nan_to_num(history["auxiliary_weight"]) ** 2
    assert energy[-1000:].mean() < energy[:200].mean() / 10


def test_every_reading_and_pulse_is_handed_out() -> None:
    calibration = Calibration.from_model(SYMMETRIC_BOUNDS)
    core, auxiliary = (SimCrosspoints(SYMMETRIC_BOUNDS, seed=seed) for seed in (1, 2))
    training = one_weight(
        OneParameter(), "shd", core, calibration, auxiliary=auxiliary, settings=Settings(steps=230, block=7)
    )
    blocks = list(training.run())
    points = {name: [p for block in blocks for p in block.points[name]] for name in ("auxiliary", "core")}
    assert sum(len(block.steps["step"]) for block in blocks) == 230

    def read(name: str) -> int:
        return sum(int(np.isfinite(p.readings.conductance).sum()) for p in points[name])

    assert (read("core"), read("auxiliary")) == (230, 46)
    for tile, block in zip(training.tiles, (auxiliary, core), strict=True):
        told = sum(int(np.abs(p.counts).sum()) for p in points[tile.name])
        # all but those after which nothing has come yet: they are told with what comes next, or by `tell`
        assert told == block.pulses_applied.sum() - np.abs(tile.since).sum()
        tile.tell()
        assert told + sum(int(np.abs(p.counts).sum()) for p in tile.taken()) == block.pulses_applied.sum()
    assert training.pulses == core.pulses_applied.sum() + auxiliary.pulses_applied.sum()
    most = result(training)["most_pulses_of_a_crosspoint"]
    assert most == {"auxiliary": auxiliary.pulses_applied.max(), "core": core.pulses_applied.max()}


def test_the_same_seed_trains_the_same_bits() -> None:
    first, again = (one("shd", OneParameter(), steps=300, seed=3).history["core_weight"] for _ in range(2))
    other = one("shd", OneParameter(), steps=300, seed=4).history["core_weight"]
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("algorithm", ["sgd", "shd"])
def test_the_compiled_loop_gives_the_bits_of_the_readable_one(algorithm: str) -> None:
    def trained(*, fast: bool, block: int) -> tuple[Training, dict[str, list[Any]]]:
        calibration = Calibration.from_model(SYMMETRIC_BOUNDS)
        core, auxiliary = (SimCrosspoints(SYMMETRIC_BOUNDS, noise=SimNoise(0.3, 4e-9, 8e-9), seed=s) for s in (1, 2))
        settings = Settings(steps=700, block=block, seed=5)
        training = one_weight(OneParameter(), algorithm, core, calibration, auxiliary=auxiliary, settings=settings)
        training.fast = fast
        blocks = list(training.run())
        return training, {tile.name: [p for b in blocks for p in b.points[tile.name]] for tile in training.tiles}

    (compiled, its), (readable, others) = trained(fast=True, block=33), trained(fast=False, block=50)
    for name, column in readable.history.items():
        assert np.array_equal(column, compiled.history[name], equal_nan=True), name
    for name, points in others.items():
        for part in (lambda p: p.counts, lambda p: p.readings.conductance):
            both = (np.concatenate([part(p) for p in taken]) for taken in (points, its[name]))
            assert np.array_equal(*both, equal_nan=True)
    assert result(compiled) == result(readable)


def test_what_was_trained_is_kept_when_an_instrument_fails() -> None:
    class Failing(SimCrosspoints):
        left = 40

        def read(self, repeats: int = 1) -> Readings:
            self.left -= 1
            if self.left < 0:
                raise RunError("no answer")
            return super().read(repeats)

    core = Failing(SYMMETRIC_BOUNDS)
    training = one_weight(OneParameter(), "sgd", core, Calibration.from_model(SYMMETRIC_BOUNDS))
    kept: list[int] = []
    with pytest.raises(RunError, match="no answer"):
        kept.extend(len(block.steps.get("step", ())) for block in training.run())
    assert sum(kept) == 40
    assert result(training)["steps"] == 40
    assert result(training)["why_stopped"] == ""


def test_training_stops_when_the_weight_is_known() -> None:
    training = one("sgd", OneParameter(noise=0.2), steps=20000, tolerance=0.01)
    assert training.why_stopped.startswith("settled after")
    assert result(training)["steps"] < 10000
    assert result(training)["final_std"] < 0.01


def test_a_symmetric_auxiliary_device_is_reported() -> None:
    symmetric, asymmetric = (one("shd", OneParameter(), model=m, steps=200) for m in (NO_ASYMMETRY, SYMMETRIC_BOUNDS))
    assert "nearly symmetric" in result(symmetric)["warnings"][0]
    assert result(asymmetric)["warnings"] == []


def test_a_stuck_crosspoint_is_reported_by_name() -> None:
    calibration = Calibration.from_model(SYMMETRIC_BOUNDS)
    stuck = SimCrosspoints(SYMMETRIC_BOUNDS, spread=Spread(stuck=1.0), noise=SimNoise(read=4e-10), name="A7", seed=2)
    core = SimCrosspoints(SYMMETRIC_BOUNDS, seed=1)
    for fast in (True, False):
        training = one_weight(OneParameter(), "shd", core, calibration, auxiliary=stuck, settings=Settings(steps=500))
        training.fast = fast
        assert "auxiliary crosspoint [0, 0] of A7 has not moved" in result(training.finish())["warnings"][0]


def test_updates_cut_by_the_bit_length_are_reported_with_a_remedy() -> None:
    found = result(one("sgd", OneParameter(noise=2.0), rate=0.1, steps=500))
    assert found["updates_cut_by_bit_length"] > 100
    assert "lower the learning rate" in found["warnings"][0]


def test_an_interrupted_training_has_a_result() -> None:
    training = one_weight(OneParameter(), "sgd", SimCrosspoints(SYMMETRIC_BOUNDS),
                          Calibration.from_model(SYMMETRIC_BOUNDS), settings=Settings(block=100))  # fmt: skip
    assert result(training)["final"] is None
    steps = training.run()
    next(steps)
    assert result(training)["steps"] == 100


def test_figures_show_the_course_and_the_orbit() -> None:
    training = one("shd", OneParameter(), steps=400)
    course, orbit = figures(training.history, result(training))
    assert "step" in course.axes[0].get_xlabel()
    assert "weight" in course.axes[0].get_ylabel()
    assert "auxiliary" in orbit.axes[0].get_ylabel()
    alone = one("sgd", OneParameter(), steps=400)
    assert len(figures(alone.history, result(alone))) == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"algorithm": "adam"}, "sgd, shd"),
        ({"task": OneParameter(target=1.5)}, "beyond the weights"),
        ({"rate": -0.1}, "above 0"),
        ({"rate": math.nan}, "above 0"),
        ({"steps": 0}, "give 1 or more"),
    ],
)
def test_wrong_input_is_refused_by_name(change: dict[str, Any], message: str) -> None:
    given: dict[str, Any] = {"algorithm": "shd", "task": OneParameter()} | change
    with pytest.raises(InputError, match=message):
        one(**given)


def test_shd_without_an_auxiliary_crosspoint_is_refused() -> None:
    with pytest.raises(InputError, match="two crosspoints"):
        one_weight(OneParameter(), "shd", SimCrosspoints(SYMMETRIC_BOUNDS), Calibration.from_model(SYMMETRIC_BOUNDS))


def test_a_reference_outside_of_the_window_is_refused() -> None:
    with pytest.raises(InputError, match="outside of what the crosspoints reach"):
        Calibration(reference=10e-6, step=1e-8, low=1e-6, high=9e-6)


def test_a_device_that_nothing_holds_is_refused() -> None:
    with pytest.raises(InputError, match="no stable symmetry point"):
        Calibration.from_model(ConstantStep(1e-6, 9e-6, up=1e-8, down=2e-8))
