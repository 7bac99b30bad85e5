"""Crosspoints assembled from single ones: an array like any other, in the order that was asked for."""

from __future__ import annotations

import numpy as np
import pytest
from conformance import Conformance

from instruments.bench.assembled import Assembled
from instruments.crosspoints import Crosspoints
from instruments.errors import InputError
from sim_device.arrays.crosspoints import SimCrosspoints, SimNoise
from sim_device.models.formulas import SoftBounds

MODEL = SoftBounds(1e-6, 9e-6, 0.01, 0.01)


class TestAssembled(Conformance):
    budgeted = False
    unmoved, visible = 1e-7, 50  # read noise 1e-9 S, a pulse moves 4e-8 S

    @pytest.fixture
    def crosspoints(self) -> Crosspoints:
        def one(seed: int) -> SimCrosspoints:
            return SimCrosspoints(MODEL, noise=SimNoise(0.3, 1e-9), seed=seed, name=f"D{seed}")

        return Assembled([[one(1), one(2), one(3)], [one(4), one(5), one(6)]])


def parts() -> tuple[SimCrosspoints, Assembled]:
    whole = SimCrosspoints(MODEL, (2, 2), seed=1)
    return whole, Assembled([[whole[1, 1], whole[0, 0]]], clock=whole)


def test_each_pulse_reaches_the_crosspoint_in_its_place() -> None:
    whole, block = parts()
    block.pulse([[5, -7]])
    assert whole.pulses_applied.tolist() == [[7, 0], [0, 5]]
    assert block.read().conductance[0].tolist() == [[whole.conductance[1, 1], whole.conductance[0, 0]]]
    assert block[0, 1].read().conductance.item() == whole.conductance[0, 0]


def test_one_wait_is_waited_once_on_a_common_clock() -> None:
    whole, block = parts()
    before = whole.read().time.max()
    block.wait(100.0)
    assert whole.read().time.max() - before == pytest.approx(100.0, abs=1.0)


@pytest.mark.parametrize("blocks", [[], [[]], [["one"], ["one", "one"]], [["pair"]], [["one", "plain"]]])
def test_what_is_no_array_is_refused(blocks: list[list[str]]) -> None:
    made = {
        "one": SimCrosspoints(MODEL),
        "pair": SimCrosspoints(MODEL, (1, 2)),
        "plain": SimCrosspoints(SoftBounds(-1.0, 1.0, 0.01, 0.01), unit="normalised"),
    }
    with pytest.raises(InputError):
        Assembled([[made[name] for name in row] for row in blocks])


def test_names_are_kept_in_rows_and_columns() -> None:
    block = Assembled([[SimCrosspoints(MODEL, name=f"{row}{column}") for column in "123"] for row in "AB"])
    assert np.array_equal(block.names, [["A1", "A2", "A3"], ["B1", "B2", "B3"]])
    assert block.name == "A1..B3"
