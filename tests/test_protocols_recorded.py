"""Every protocol through the whole way: a rehearsed bench, a run on disk, its numbers, its report, its stop rules."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rehearsed import rehearsed
from rich_device import recorded

from labshd.recording.recorder import record
from labshd.report import write_report
from protocols.common import catalogue
from protocols.common.protocol import Protocol
from protocols.common.watch import Stoppable

SHORT: dict[str, dict[str, Any]] = {
    "array-map": {"pulses": 20},
    "endurance": {"cycles": 20, "pulses": 5},
    "forming": {"start": "2 V", "step": "100 mV"},
    "half-select": {"pulses": 10, "repeats": 4},
    "iv-sweep": {"cycles": 2, "step": "100 mV"},
    "program": {"levels": 2, "drive": 40},
    "pulse-window": {"voltages": 2, "widths": 2, "repeats": 3},
    "read-disturb": {"reads": 20, "repeats": 4},
    "read-noise": {"reads": 150},
    "relaxation": {"duration": "1 s", "repeats": 3},
    "retention": {"duration": "100 s", "pulses": 5},
    "spike-timing": {"delays": 4, "repeats": 3},
}
PULSING = [name for name in SHORT if name not in ("read-noise", "read-disturb", "forming", "iv-sweep")]
ON_RRAM: dict[str, dict[str, str]] = {"forming": {'device = "rram" ': 'device = "rram-pristine" '}, "iv-sweep": {}}


def short(name: str, **more: Any) -> Protocol:
    return catalogue.find(name).model_validate(SHORT[name] | more)


@pytest.mark.parametrize("name", SHORT)
def test_a_run_on_disk_gives_the_numbers_of_the_measurement_and_a_report_with_figures(
    name: str, tmp_path: Path
) -> None:
    protocol = short(name)
    with rehearsed("rram.toml" if name in ON_RRAM else "ecram.toml", edit=ON_RRAM.get(name), seed=4) as station:
        run = record(protocol, station.all, runs=tmp_path, station=station)
        assert station.virtual is not None
        assert station.virtual.is_safe()
        applied = sum(one.pulses for one in station.virtual.applied)
    assert run.status == "finished"
    assert run.pulses == applied
    series = run.series()
    again = protocol.results(series)
    assert run.result == json.loads(json.dumps(again, allow_nan=False))
    planned = protocol.planned_readings((1, 2))
    if planned is None:  # half-select on a block: whether its lines are shared decides
        assert name == "half-select"
        planned = protocol.model_copy(update={"method": "emulated"}).planned_readings((1, 2)) or 0
    assert run.readings <= planned
    html = write_report(run).read_text(encoding="utf-8")
    assert "could not be drawn" not in html
    assert html.count("<img") >= 3 + (name == "array-map")


@pytest.mark.parametrize("name", SHORT)
def test_the_settings_of_a_run_make_the_same_protocol_again(name: str) -> None:
    protocol = short(name)
    assert type(protocol).model_validate(protocol.model_dump(mode="json")) == protocol


@pytest.mark.parametrize("name", PULSING)
def test_a_stop_rule_ends_every_protocol_that_pulses_within_one_burst_and_is_named(name: str) -> None:
    with rehearsed(seed=4) as station:
        assert station.virtual is not None
        whole, _ = recorded(short(name), station.all)
        most = int(np.abs(whole.counts).max())
    limit = max(1, int(np.abs(whole.counts).sum(axis=0).max()) // 3)
    with rehearsed(seed=4) as station:
        protocol = short(name, stop_pulses=limit)
        assert isinstance(protocol, Stoppable)
        series, why = recorded(protocol, station.all)
    assert f"{limit} pulses are spent" in why
    assert np.all(np.abs(series.counts).sum(axis=0) < limit + most)
    assert protocol.results(series)


@pytest.mark.parametrize("name", PULSING)
def test_a_crosspoint_in_compliance_is_left_alone(name: str) -> None:
    # 100 mV at 30 uS is 3 uA: a compliance of 1 uA trips with the first reading.
    with rehearsed(edit={'compliance = "50 uA"': 'compliance = "1 uA"'}) as station:
        assert station.virtual is not None
        protocol = short(name, stop_compliance=1)
        series, why = recorded(protocol, station["A1"])
        pulses = sum(one.pulses for one in station.virtual.applied)
    assert "the compliance tripped 1 times" in why
    assert pulses <= int(np.abs(series.counts).max(initial=0))
