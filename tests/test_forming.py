"""forming: the voltage at which the virtual device forms is found within a step; what is formed is left alone."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from rehearsed import rehearsed
from rich_device import RichCrosspoints, recorded, soft_bounds

from instruments.errors import InputError, LimitError
from protocols.analysis.forming.outcome import FORM
from protocols.common.protocol import UNKNOWN_COUNT
from protocols.common.turns import taken
from protocols.forming import Forming
from sim_device.arrays.crosspoints import SimCrosspoints
from sim_device.models.formulas import SoftBounds
from sim_device.virtual_bench.devices.bipolar_switching import Forming as Law
from sim_device.virtual_bench.devices.device import VirtualDevice

PRISTINE = {'device = "rram" ': 'device = "rram-pristine" '}
SECONDS = 0.11  # of a step: dwell 50 ms, then a measurement of three integrations (signal, zero, reference) of 20 ms


def formed_by(law: Law, volts: np.ndarray, seconds: np.ndarray) -> int:
    """The step at which the dose of the law is 1: ``sum exp((V - V_f)/v_f) t``, here without the device's code."""
    return int(np.searchsorted(np.cumsum(np.exp((volts - law.voltage) / law.scale) * seconds), 1.0))


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_forming_voltage_of_the_virtual_device_is_within_the_step_that_is_told(seed: int) -> None:
    with rehearsed("rram.toml", edit=PRISTINE, seed=seed) as station:
        assert station.virtual is not None
        protocol = Forming()
        series, why = recorded(protocol, station.all)
        found = protocol.results(series)["crosspoints"]
        devices = list(station.virtual.devices.values())
    assert why == "2 formed"
    for column, (one, device) in enumerate(zip(found, devices, strict=True)):
        switching = device.parameters.switching
        assert switching is not None
        assert switching.forming is not None
        levels = protocol.levels()
        at = formed_by(switching.forming, levels, np.full(len(levels), SECONDS))
        assert one["formed_at_V"] == pytest.approx(levels[at])
        assert one["held_without_forming_V"] < one["forming_voltage_V"] < one["formed_at_V"]
        assert one["forming_voltage_std_V"] == pytest.approx(0.05 / math.sqrt(12))
        assert one["rise_over_its_error"] > 20
        assert one["current_limit_reached"]
        own = taken(series.crosspoint(0, column))
        assert abs(own.readings.current).max() <= protocol.compliance * 1.01
        assert device.formed


def test_forming_comes_later_on_a_faster_ramp_by_the_scale_of_the_law_a_factor_e() -> None:
    # V_f + v_f ln(rate): a step of 0.11 s in place of 0.56 s is 0.06 V x ln(5.1) = 98 mV later; steps of 10 mV.
    at = []
    for dwell in (0.05, 0.5):
        with rehearsed("rram.toml", edit=PRISTINE, seed=1) as station:
            protocol = Forming(start=2.0, step=0.01, dwell=dwell)
            series, _ = recorded(protocol, station["A1"])
            at.append(protocol.results(series)["forming_voltage_V"])
    assert at[0] - at[1] == pytest.approx(0.06 * math.log(0.56 / 0.11), abs=0.015)


def test_of_an_array_yield_mean_and_spread_of_the_forming_voltage() -> None:
    names = [f"{row}{column}" for row in "ABCD" for column in range(1, 9)]
    columns = "\n".join(f'{name} = {{ top = "{n // 12 + 1}:{n % 12 + 1}" }}' for n, name in enumerate(names))
    edit = PRISTINE | {"A1 = { top = 1 }\nA2 = { top = 2 }": columns}
    with rehearsed("rram.toml", edit=edit, seed=5) as station:
        assert station.virtual is not None
        protocol = Forming(start=1.8, stop=2.65)
        series, why = recorded(protocol, station.all)
        result = protocol.results(series)
        truth = np.array([device.formed for device in station.virtual.devices.values()])
        laws = [d.parameters.switching.forming for d in station.virtual.devices.values()]  # type: ignore[union-attr]
    levels = protocol.levels()
    at = [formed_by(law, levels, np.full(len(levels), SECONDS)) for law in laws if law is not None]
    formed = [levels[k] - 0.025 for k in at if 0 < k < len(levels)]
    block = result["block"]
    assert block["yield"] == pytest.approx(truth.mean())
    assert 0 < truth.sum() < truth.size
    assert why == f"{truth.sum()} formed, {truth.size - truth.sum()} not formed up to 2.65 V"
    assert block["forming_voltage_mean_V"] == pytest.approx(np.mean(formed), abs=1e-6)
    assert block["forming_voltage_spread_V"] == pytest.approx(np.std(formed, ddof=1), abs=0.005)
    assert len(protocol.block_figures(series, result)) == 1


def test_what_is_formed_already_is_refused_and_not_driven() -> None:
    with rehearsed("rram.toml") as station:
        assert station.virtual is not None
        protocol = Forming()
        series, why = recorded(protocol, station["A1"])
        highest = station.virtual.largest_voltage["A1"]
    assert "formed already (from 5 uS on)" in why
    assert protocol.results(series)["outcome"] == "formed before"
    assert highest <= 0.1 * (1 + 1e-6)
    assert len(series) == protocol.reads


def test_a_simulated_device_is_formed_and_says_so() -> None:
    _, why = recorded(Forming(), SimCrosspoints(SoftBounds(1e-5, 5e-5, 0.01, 0.01)))
    assert "formed already" in why


def test_a_device_that_does_not_form_ends_at_the_last_voltage() -> None:
    with rehearsed("rram.toml", edit=PRISTINE) as station:
        protocol = Forming(stop=2.0)
        series, why = recorded(protocol, station["A1"])
    assert why == "0 formed, 1 not formed up to 2 V"
    result = protocol.results(series)
    assert result["outcome"] == "not formed"
    assert result["verdict"] == "It did not form up to 2 V."
    assert len(series) == protocol.planned_readings((1, 1))


def test_formed_at_the_first_step_has_no_forming_voltage() -> None:
    with rehearsed("rram.toml", edit=PRISTINE) as station:
        protocol = Forming(start=3.2)
        result = protocol.results(recorded(protocol, station["A1"])[0])
    assert result["forming_voltage_V"] is None
    assert "begin lower" in result["verdict"]


def test_a_ramp_beyond_the_limits_is_refused_before_anything_is_driven() -> None:
    with rehearsed("rram.toml", edit=PRISTINE) as station:
        assert station.virtual is not None
        with pytest.raises(LimitError, match=r"a sweep to 5 V is beyond the limit of ±3.5 V"):
            recorded(Forming(stop=5.0), station["A1"])
        with pytest.raises(LimitError, match="a compliance of 1 mA is beyond the limit"):
            recorded(Forming(compliance=1e-3), station["A1"])
        assert station.virtual.largest_voltage["A1"] <= 0.1 * (1 + 1e-6)
    forbidden = PRISTINE | {'sweep_voltage = "3.5 V"': ""}
    refused = pytest.raises(LimitError, match=r"it names no limits\.sweep_voltage")
    with rehearsed("rram.toml", edit=forbidden) as station, refused:
        recorded(Forming(), station["A1"])


def test_each_level_counts_on_the_budget_of_the_crosspoint() -> None:
    refused = pytest.raises(LimitError, match="budget")
    with rehearsed("rram.toml", edit=PRISTINE | {"100_000": "20"}) as station, refused:
        recorded(Forming(), station["A1"])


def test_levels_are_no_pulses_and_a_piece_each() -> None:
    with rehearsed("rram.toml", edit=PRISTINE) as station:
        series, _ = recorded(Forming(stop=1.2), station.all)
    own = taken(series.crosspoint(0, 1))
    assert np.all(own.counts[own.phases == FORM] == UNKNOWN_COUNT)
    assert np.all(series.crosspoint(0, 1).counts[~np.isfinite(series.readings.time[:, 0, 1])] == 0)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"start": 2.0, "stop": 1.0}, "no ramp away from 0 V"),
        ({"start": -1.0, "stop": 2.0}, "no ramp away from 0 V"),
        ({"read_voltage": 1.0}, "a reading must not be able to form"),
        ({"step": 1e-5}, "above 10000"),
    ],
)
def test_ramps_that_are_none_are_refused(settings: dict[str, float], message: str) -> None:
    with pytest.raises(InputError, match=message):
        recorded(Forming.model_validate(settings), SimCrosspoints(SoftBounds(1e-9, 2e-9, 0.01, 0.01)))


def test_crosspoints_that_cannot_be_held_say_so() -> None:
    block = RichCrosspoints(soft_bounds(1e-9, 2e-9, 0.01, 0.01, read=1e-12)[0], 1.5e-9, 1)
    with pytest.raises(InputError, match="cannot be held at a voltage"):
        recorded(Forming(), block)


@pytest.mark.parametrize("cut", [0, 2, 3, 5, 60, 140])
def test_an_interrupted_run_is_analysed(cut: int) -> None:
    with rehearsed("rram.toml", edit=PRISTINE) as station:
        protocol = Forming()
        series, _ = recorded(protocol, station["A1"])
    part = series.where(np.arange(len(series)) < cut)
    assert protocol.results(part)["verdict"]
    protocol.figures(part, {})


def test_pulses_form_too_by_the_same_dose() -> None:
    with rehearsed("rram.toml", edit=PRISTINE) as station:
        assert station.virtual is not None
        parameters = station.virtual.devices["A1"].parameters
    switching = parameters.switching
    assert switching is not None
    assert switching.forming is not None
    law = replace(switching.forming, voltage=1.8, scale=0.06)
    parameters = replace(parameters, switching=replace(switching, forming=law))
    device = VirtualDevice(parameters, 1)
    # Pulses of 1.7 V, 10 ms: a dose of exp(-0.1/0.06) x 0.01 = 1.9e-3 each, so that the 530th forms.
    needed = math.ceil(1 / (math.exp(-0.1 / 0.06) * 0.01))
    device.pulse(0.0, (1.7, 0.01), needed - 1)
    assert not device.formed
    device.pulse(0.0, (1.7, 0.01), 1)
    assert device.formed
