"""Stop rules: each ends what it should, where it should; they combine; the run says which."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from rich_device import Physics, RichCrosspoints, recorded, soft_bounds

from instruments.crosspoints import Status
from instruments.errors import InputError
from protocols.common.protocol import Points, Series, Steps
from protocols.common.stop_rules import (
    ComplianceTripped,
    ConfidenceBelow,
    OutOfWindow,
    PulsesSpent,
    Seen,
    SlopeBelow,
    StopRule,
    TargetReached,
    TimeOver,
)
from protocols.common.watch import Stoppable


class Ramp(Stoppable):
    """Up, pulse after pulse."""

    name = "ramp"
    title = "up"
    pulses: int = 200

    def run(self, crosspoints: Any) -> Steps:
        watch = self.watch(crosspoints)
        yield from watch.apply("up", np.ones(self.pulses, dtype=np.int64))
        return watch.reason("all pulses are applied")

    def analyse(self, series: Series) -> dict[str, Any]:
        return {}


def block(shape: tuple[int, int] = (1, 1), start: Any = 30e-6) -> RichCrosspoints:
    return RichCrosspoints(soft_bounds(10e-6, 100e-6, 0.02, 0.02, cycle_to_cycle=0.0)[0], start, 1, shape)


@pytest.mark.parametrize(
    ("settings", "pulses", "why"),
    [
        ({}, 200, "all pulses are applied"),
        ({"stop_pulses": 17}, 17, "stopped: 17 pulses are spent"),
        # Readings at 1, 2 ... ms: 50 ms after the first is the 51st.
        ({"stop_time": "49.5 ms"}, 51, "stopped: 49.5 ms have passed"),
        # 100 uS - 70 uS * 0.98^n > 60 uS: n > ln(70/40)/-ln(0.98) = 27.7
        ({"stop_above": "60 uS"}, 28, "stopped: the conductance is above 60 uS"),
        # Mean step of the 20 changes around a state: 0.02 * 70 uS * 0.98^(n - 10) < 0.5 uS: n about 61
        ({"stop_slope": "500 nS"}, 62, "stopped: a pulse moves it by less than 500 nS"),
        ({"stop_pulses": 50, "stop_above": "60 uS"}, 28, "stopped: the conductance is above 60 uS"),
    ],
)
def test_the_first_rule_to_hold_ends_a_run_and_is_named(settings: dict[str, Any], pulses: int, why: str) -> None:
    crosspoints = block()
    _, said = recorded(Ramp.model_validate(settings), crosspoints)
    assert crosspoints.applied[0, 0] == pytest.approx(pulses, abs=2 if "stop_slope" in settings else 0)
    assert said == why


def test_each_crosspoint_of_a_block_ends_by_itself_and_is_left_alone() -> None:
    crosspoints = block((1, 2), [[30e-6, 55e-6]])
    series, why = recorded(Ramp.model_validate({"stop_above": "60 uS", "pulses": 20}), crosspoints)
    # ln(45/40)/-ln(0.98) = 5.8 pulses for the second; the first does not get there in 20.
    assert crosspoints.applied.tolist() == [[20, 6]]
    assert series.counts[6:, 0, 1].tolist() == [0] * 14
    assert why == ("1 of 2 crosspoints stopped: the conductance is above 60 uS; of the others all pulses are applied")


def seen(conductance: float, pulses: int = 0, status: int = 0) -> Seen:
    readings = block().read(1)
    readings = replace(
        readings,
        conductance=np.full((1, 1, 1), conductance),
        status=np.full((1, 1, 1), status, dtype=np.uint8),
    )
    made = Seen((1, 1), "S")
    made.see(Points("x", np.full((1, 1, 1), pulses), readings))
    return made


@pytest.mark.parametrize(
    ("rule", "state", "holds"),
    [
        (TargetReached(20e-6, 1e-6), seen(20.9e-6), True),
        (TargetReached(20e-6, 1e-6), seen(21.1e-6), False),
        (TargetReached(20e-6, 1e-6), seen(np.nan), False),
        (OutOfWindow(10e-6, None), seen(9e-6), True),
        (OutOfWindow(None, 10e-6), seen(9e-6), False),
        (ComplianceTripped(1), seen(1e-6, status=int(Status.COMPLIANCE)), True),
        (ComplianceTripped(2), seen(1e-6, status=int(Status.COMPLIANCE)), False),
        (SlopeBelow(1.0), seen(1e-6, 1), False),
        (TimeOver(1.0), seen(1e-6), False),
        (ConfidenceBelow(lambda: np.array([[0.5]]), 1.0), seen(1e-6), True),
        (ConfidenceBelow(lambda: np.array([[np.nan]]), 1.0), seen(1e-6), False),
        (PulsesSpent(3) & TargetReached(20e-6, 1e-6), seen(20e-6, -3), True),
        (PulsesSpent(3) & TargetReached(20e-6, 1e-6), seen(20e-6, 2), False),
        (PulsesSpent(3) | TargetReached(20e-6, 1e-6), seen(20e-6, 2), True),
    ],
)
def test_a_rule_holds_as_its_name_says(rule: StopRule, state: Seen, holds: bool) -> None:
    assert rule.holds(state).tolist() == [[holds]]
    assert (rule.which(state, 0, 0) is not None) == holds


def test_of_combined_rules_the_one_that_held_is_named() -> None:
    rule = PulsesSpent(100) | (PulsesSpent(3) & OutOfWindow(None, 10e-6)) | TimeOver(9.0)
    found = rule.which(seen(20e-6, 5), 0, 0)
    assert found is not None
    assert found.because("S") == "3 pulses are spent and the conductance is above 10 uS"


def test_settings_that_cannot_hold_are_refused() -> None:
    with pytest.raises(InputError, match="stop_below 60 uS is not below stop_above 50 uS"):
        recorded(Ramp(stop_below=60e-6, stop_above=50e-6), block())
    normalised = RichCrosspoints(Physics(np.zeros_like, np.zeros_like), 0.1, 1)
    normalised.unit = "normalised"
    with pytest.raises(InputError, match="in units of 'normalised'"):
        recorded(Ramp(stop_below=60e-6), normalised)
