"""The wiring in words and as a drawing: every station of the examples, what stands in it, formats, bad input."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from instruments.bench.phases import Condition
from instruments.errors import InputError
from labshd.cli.command_line import main
from labshd.station.schema import BenchFile
from labshd.station.station_file import read_station_file
from labshd.station.wiring_drawing import save_drawing
from labshd.station.wiring_text import phase_table, wiring_text

STATIONS = Path(__file__).parents[1] / "data" / "stations"
BENCHES = sorted(path.name for path in STATIONS.glob("*.toml") if 'kind = "bench"' in path.read_text(encoding="utf-8"))


def station(name: str) -> BenchFile:
    file, _ = read_station_file(STATIONS / name)
    assert isinstance(file, BenchFile)
    return file


@pytest.mark.parametrize("name", BENCHES)
def test_every_example_is_drawn_and_said(name: str, tmp_path: Path) -> None:
    file = station(name)
    said = wiring_text(file)
    for crosspoint in file.crosspoints if file.instruments.matrix else []:
        assert re.search(rf"^{crosspoint} ", said, re.MULTILINE)
    drawn = save_drawing(file, tmp_path / "station.svg").read_text(encoding="utf-8")
    assert drawn.count("<path") > 10
    assert save_drawing(file, tmp_path / "station.png").read_bytes().startswith(b"\x89PNG")


def test_a_phase_says_who_drives_what_with_how_much() -> None:
    electrodes, cells = phase_table(station("1t1r.toml"), "A1")
    assert electrodes == ["top", "gate", "source"]
    assert [[cell.condition for cell in row] for row in cells] == [
        [Condition.DRIVEN, Condition.GROUNDED, Condition.DRIVEN],
        [Condition.HELD] * 3,
        [Condition.GROUNDED, Condition.DRIVEN, Condition.GROUNDED],
    ]
    assert cells[0][0].words == "pulsed: 1.4 V for 100 ns (generator)"
    assert cells[2][1].words == "pulsed: 1.3 V for 100 ns (generator)"  # -1.3 V at the device
    assert cells[1][1].words == "held at 2.8 V (bias source)"
    assert cells[0][2].words == "read: 100 mV (source-measure unit)"


def test_half_a_pulse_stands_on_either_line_of_a_crossbar() -> None:
    _, cells = phase_table(station("crossbar.toml"), "A1")
    assert cells[0][1].words == "half a pulse: -600 mV for 100 ns (generator)"
    assert cells[1][1].words == "half a pulse, inverted: 600 mV for 100 ns (generator, output 2)"
    assert "no sneak paths" in wiring_text(station("crossbar.toml"))


def test_a_matrix_of_several_slots_says_that_rows_are_joined() -> None:
    said = wiring_text(station("ecram-36.toml"))
    assert "each one line through slots 1 to 6" in said
    assert "F6         gate 6:11, channel 6:12" in said


def test_the_command_asks_no_instrument_and_writes_the_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "mine.svg"
    assert main(["check", str(STATIONS / "ecram.toml"), "--drawing", "--out", str(out)]) == 0
    assert out.is_file()
    said = capsys.readouterr().out
    assert "floating" in said
    assert "1A01 1C02" in said
    assert main(["check", str(STATIONS / "ecram.toml"), "--out", str(out), "--json"]) == 0
    phases = json.loads(capsys.readouterr().out)["crosspoints"]["A2"]
    assert phases["read"]["relays"] == ["1B04"]
    assert phases["read"]["electrodes"]["gate"] == {"condition": "floating", "by": None}


def test_other_formats_and_simulated_stations_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(InputError, match=r"\.svg, \.png, \.pdf"):
        save_drawing(station("ecram.toml"), tmp_path / "station.gif")
    with pytest.raises(InputError, match="cannot be written"):
        save_drawing(station("ecram.toml"), tmp_path / "nowhere" / "station.svg")
    assert main(["check", str(STATIONS / "array.toml"), "--drawing"]) == 2
    assert "no wiring to draw" in capsys.readouterr().err
