"""symmetry-point: the estimate against the truth of devices, simple and richer than the model; and its refusals."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from rich_device import Physics, RichCrosspoints, recorded, soft_bounds

from instruments.errors import InputError
from labshd.recording.recorder import record
from protocols.analysis.symmetry.estimate import estimate
from protocols.symmetry_point import SymmetryPoint
from sim_device.arrays.crosspoints import SimCrosspoints, SimNoise
from sim_device.models.formulas import SoftBounds
from sim_device.models.population import Spread

RANGE = 90e-6
QUICK = SymmetryPoint(budget=1500)


def misses(physics: Physics, truth: float, seeds: range, protocol: SymmetryPoint = QUICK) -> tuple[int, list[float]]:
    """Of runs from starts all over the window: how many are beyond 3 standard errors, and all z."""
    z: list[float] = []
    for seed in seeds:
        start = 10e-6 + RANGE * np.random.default_rng(seed).uniform(0.05, 0.95)
        series, _ = recorded(protocol.model_copy(update={"seed": seed}), RichCrosspoints(physics, start, seed))
        found = estimate(series.crosspoint(0, 0))
        assert found.value is not None, found.reason
        assert found.std is not None
        z.append((found.value - truth) / found.std)
    return int(np.sum(np.abs(z) > 3)), z


@pytest.mark.parametrize("method", ["random", "alternating", "steered"])
def test_six_soft_bounds_devices_at_most_one_miss(method: str) -> None:
    # Normal errors miss 3 sigma with probability 0.0027: two or more of 6 with probability 0.0001. The root mean square
    # of 6 is below 1.94 with probability 0.999 (chi-square with 6 degrees of freedom: 22.5/6 = 1.94²).
    physics, truth = soft_bounds(10e-6, 100e-6, 0.004, 0.003, read=0.01 * RANGE)
    missed, z = misses(physics, truth, range(6), QUICK.model_copy(update={"method": method}))
    assert missed <= 1
    assert abs(np.mean(z)) < 4 * np.sqrt(1 / 6)  # no bias beyond chance
    assert np.sqrt(np.mean(np.square(z))) < 1.94


@pytest.mark.parametrize("method", ["random", "steered"])
def test_five_devices_richer_than_the_model_at_most_one_miss(method: Literal["random", "steered"]) -> None:
    """Steps curved in G, a third of each step relaxing, slow read noise as large as the white one."""

    def up(g: np.ndarray) -> np.ndarray:
        return 0.5e-6 * np.exp(-2.0 * (g - 10e-6) / RANGE)

    def down(g: np.ndarray) -> np.ndarray:
        return -0.5e-6 * np.exp(-3.0 * (100e-6 - g) / RANGE)

    # exp(-2 x) = exp(-3 (1 - x)), x = (G - Gmin)/R: x = 3/5.
    physics = Physics(up, down, read=0.004 * RANGE, slow=0.004 * RANGE, relaxation=0.33)
    missed, _ = misses(physics, 10e-6 + 0.6 * RANGE, range(5), SymmetryPoint(budget=1200, method=method))
    assert missed <= 1


def test_simulated_crosspoints_are_found_each_within_its_error() -> None:
    model = SoftBounds(10e-6, 100e-6, 0.02, 0.015)
    (truth,) = model.symmetry_points()
    block = SimCrosspoints(model, (1, 3), noise=SimNoise(cycle_to_cycle=0.3, read=0.5e-6), seed=2)
    protocol = SymmetryPoint(budget=2000)
    series, why = recorded(protocol, block)
    results = protocol.results(series)["crosspoints"]
    assert "of 3 crosspoints met the target" in why
    for result in results:
        assert result["stable"] is True
        assert abs(result["symmetry_point_S"] - truth.conductance) < 4 * result["std_S"]
        assert result["pulses"] <= 2000


def test_it_stops_at_the_target_and_says_so() -> None:
    physics, _ = soft_bounds(10e-6, 100e-6, 0.02, 0.015, read=0.003 * RANGE)
    protocol = SymmetryPoint(target_conductance=2e-6)
    series, why = recorded(protocol, RichCrosspoints(physics, 90e-6, 1))
    result = protocol.results(series)
    assert why.startswith("target reached: the 95 % interval is ±")
    assert "(target ±2 µS)" in why
    assert 1.96 * result["std_S"] <= 2e-6
    assert result["agree"] is True
    assert result["pulses"] < protocol.budget
    assert result["verdict"].startswith("Stable symmetry point at ")
    below, above = result["from_below"], result["from_above"]
    apart = abs(below["conductance_S"] - above["conductance_S"])
    assert apart <= 2 * np.hypot(below["std_S"], above["std_S"])


def test_the_budget_is_never_passed_and_its_end_is_named() -> None:
    physics, _ = soft_bounds(10e-6, 100e-6, 0.001, 0.001, read=0.02 * RANGE)
    crosspoints = RichCrosspoints(physics, 30e-6, 1, (2, 1))
    protocol = SymmetryPoint(budget=1010, target=0.001)
    _, why = recorded(protocol, crosspoints)
    assert np.all(crosspoints.applied <= 1010)
    assert np.all(crosspoints.applied > 900)
    assert "2 used up the budget of 1010 pulses" in why


def test_the_planned_readings_are_never_passed() -> None:
    physics, _ = soft_bounds(10e-6, 100e-6, 0.001, 0.001, read=0.02 * RANGE)
    protocol = SymmetryPoint(budget=1010, target=0.001)
    series, _ = recorded(protocol, RichCrosspoints(physics, 30e-6, 1))
    assert 900 < len(series) <= (protocol.planned_readings((1, 1)) or 0)


def test_random_blocks_are_balanced_and_shuffled_by_the_seed() -> None:
    physics, _ = soft_bounds(10e-6, 100e-6, 0.004, 0.003, read=0.01 * RANGE)
    runs = [
        recorded(SymmetryPoint(budget=1200, seed=seed), RichCrosspoints(physics, 30e-6, 1))[0] for seed in (1, 1, 2)
    ]
    counts = [run.counts[np.char.startswith(run.phases, "random"), 0, 0] for run in runs]
    assert np.array_equal(counts[0], counts[1])
    assert not np.array_equal(counts[0][:400], counts[2][:400])
    for block in counts[0].reshape(-1, 100):
        assert block.sum() == 0
        assert set(block.tolist()) == {-1, 1}


def test_both_sides_are_approached_wherever_the_device_starts() -> None:
    physics, truth = soft_bounds(10e-6, 100e-6, 0.01, 0.008, read=0.005 * RANGE)
    for start in (12e-6, truth, 98e-6):
        series, _ = recorded(SymmetryPoint(budget=2000, target=0.005), RichCrosspoints(physics, start, 3))
        found = estimate(series.crosspoint(0, 0))
        assert found.below
        assert found.above


def test_a_stuck_crosspoint_is_named_and_given_up() -> None:
    still = Physics(np.zeros_like, np.zeros_like, read=1e-6)
    series, why = recorded(SymmetryPoint(), RichCrosspoints(still, 50e-6, 1))
    result = SymmetryPoint().results(series)
    assert why.startswith("given up, stuck: ")
    assert result["symmetry_point_S"] is None
    assert result["std_S"] is None
    assert result["stable"] is None
    assert result["pulses"] < 1000


def test_an_abrupt_device_is_named_and_given_up() -> None:
    def up(g: np.ndarray) -> np.ndarray:
        return 0.01 * (100e-6 - g)

    physics = Physics(up, lambda g: np.where(g > 15e-6, 10e-6 - g, 0.0), cycle_to_cycle=0.05, read=2e-7)
    _, why = recorded(SymmetryPoint(), RichCrosspoints(physics, 95e-6, 1))
    assert why.startswith("given up, abrupt: a single pulse moved the conductance by ")


def test_a_symmetric_device_has_no_symmetry_point() -> None:
    flat = Physics(lambda g: np.full_like(g, 0.2e-6), lambda g: np.full_like(g, -0.2e-6), read=5e-7)
    protocol = SymmetryPoint(budget=1500)
    series, why = recorded(protocol, RichCrosspoints(flat, 50e-6, 4))
    result = protocol.results(series)
    assert result["symmetry_point_S"] is None
    assert result["stable"] is None
    assert "not resolved" in result["verdict"]
    assert "not resolved" in why


def test_growing_steps_give_an_unstable_symmetry_point() -> None:
    physics = Physics(lambda g: 0.004 * (g - 20e-6), lambda g: -0.004 * (100e-6 - g), read=3e-7)  # crossing at 60 uS
    protocol = SymmetryPoint(budget=1500, drive=50)
    result = protocol.results(recorded(protocol, RichCrosspoints(physics, 58e-6, 1))[0])
    assert result["stable"] is False
    assert result["verdict"].startswith("Unstable symmetry point at ")
    assert abs(result["symmetry_point_S"] - 60e-6) < 4 * result["std_S"]


@pytest.mark.parametrize("cut", [0, 3, 30, 200, 400, 900])
def test_an_interrupted_run_is_analysed(cut: int) -> None:
    physics, _ = soft_bounds(10e-6, 100e-6, 0.02, 0.015, read=0.01 * RANGE)
    protocol = SymmetryPoint(budget=1000, target=0.001)
    series, _ = recorded(protocol, RichCrosspoints(physics, 30e-6, 1))
    part = series.where(np.arange(len(series)) < cut)
    result = protocol.results(part)
    assert json.loads(json.dumps(result, allow_nan=False)) == result
    assert (result["symmetry_point_S"] is None) == (result["std_S"] is None)
    assert result["verdict"]
    protocol.figures(part, result)


def test_a_target_in_siemens_is_refused_for_normalised_crosspoints() -> None:
    physics, _ = soft_bounds(10e-6, 100e-6, 0.02, 0.015)
    crosspoints = RichCrosspoints(physics, 30e-6, 1)
    crosspoints.unit = "normalised"
    with pytest.raises(InputError, match="target_conductance is in siemens"):
        recorded(SymmetryPoint(target_conductance=1e-6), crosspoints)
    assert not crosspoints.applied.any()


def test_in_normalised_units_no_key_pretends_siemens() -> None:
    physics, _ = soft_bounds(0.0, 1.0, 0.02, 0.015, read=0.01)
    crosspoints = RichCrosspoints(physics, 0.3, 1)
    crosspoints.unit = "normalised"
    protocol = SymmetryPoint(budget=1000)
    result = protocol.results(recorded(protocol, crosspoints)[0])
    assert "symmetry_point_normalised" in result
    assert not [key for key in json.dumps(result).split('"') if key.endswith("_S")]


def test_no_stuck_crosspoint_of_a_block_is_given_a_symmetry_point(tmp_path: Path) -> None:
    # A crosspoint that does not move shows white noise, in which random steps of some significance are found by chance.
    block = SimCrosspoints(
        SoftBounds(10e-6, 50e-6, 0.01, 0.015), (4, 6), noise=SimNoise(0.3, 2e-8), spread=Spread(stuck=0.5), seed=3
    )
    found = record(SymmetryPoint(budget=600), block, runs=tmp_path).result["crosspoints"]
    assert 6 <= block.stuck.sum() <= 18
    for numbers in found:
        stuck = bool(block.stuck[numbers["row"], numbers["column"]])
        assert (numbers["symmetry_point_S"] is None) == stuck, numbers["verdict"]
        assert ("stuck" in numbers["verdict"]) == stuck
