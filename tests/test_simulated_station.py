"""A simulated station with a law of voltage and width: protocols that vary pulses run on it; a wrong law is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from instruments.crosspoints import Pulse, PulsePair
from instruments.errors import InputError
from labshd.cli.command_line import main
from labshd.station.station import open_station
from labshd.station.station_file import read_station_file
from sim_device.arrays.crosspoints import SimCrosspoints

STATIONS = Path(__file__).parents[1] / "data" / "stations"
WITH_LAW = STATIONS / "array-with-law.toml"


@pytest.mark.parametrize("where", ["A1", "A1:B2"])
def test_pulse_window_finds_the_law_of_the_file(where: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    # li-ecram: steps of 1 % or less of the way, so that they follow x itself; 4 standard errors of at most 8 numbers
    args = ["run", "pulse-window", "--station", str(WITH_LAW), "--crosspoint", where, "--runs", str(tmp_path), "--json"]
    assert main([*args, "--repeats", "30", "--lowest", "1.4 V", "--highest", "2.6 V"]) == 0
    result = json.loads(capsys.readouterr().out)["result"]
    for one in result.get("crosspoints", [result]):
        for direction in ("up", "down"):
            law = one["law"][direction]
            assert abs(law["volts_per_e_fold_V"] - 0.35) < 4 * law["volts_per_e_fold_std_V"] < 0.2
            assert abs(law["width_exponent"] - 0.9) < 4 * law["width_exponent_std"] < 0.5


def test_the_pulses_of_reference_are_those_of_the_station_and_the_law_is_in_the_origin() -> None:
    with open_station(WITH_LAW) as station:
        assert isinstance(station.all, SimCrosspoints)
        assert station.all.pulses == PulsePair(Pulse(2.0, 1e-6), Pulse(-2.0, 1e-6))
        assert station.all.origin.details["law"] == {"scale": 0.35, "exponent": 0.9}


def test_without_a_law_it_is_said_how_to_give_one() -> None:
    with open_station(STATIONS / "array.toml") as station, pytest.raises(InputError, match=r"\[simulated\.law\]"):
        station["A1"].pulse(1, PulsePair(Pulse(3.0, 1e-6), Pulse(-3.0, 1e-6)))


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('voltage_scale = "0.35 V"', 'voltage_scale = "0 V"', ["simulated.law.voltage_scale", "greater than 0"]),
        ('voltage_scale = "0.35 V"', 'voltage_scale = "0.35"', ["line 16", "no unit"]),
        ("width_exponent = 0.9", "width_exponant = 0.9", ["did you mean 'width_exponent'", "is missing"]),
        ('"-2 V"', '"2 V"', ["simulated.law.down.voltage = '2 V'", "opposite sign"]),
        ('"-2 V"', '"0 V"', ["simulated.law.down.voltage = '0 V'", "opposite sign"]),
    ],
)
def test_a_wrong_law_is_refused_with_its_place(old: str, new: str, says: list[str], tmp_path: Path) -> None:
    text = WITH_LAW.read_text(encoding="utf-8")
    assert old in text
    path = tmp_path / "bench.toml"
    path.write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(InputError) as error:
        read_station_file(path)
    for part in says:
        assert part in str(error.value)
