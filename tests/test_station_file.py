"""A station file that is wrong is refused before anything is opened: file, line, key, value, rule, what to try."""

from collections.abc import Callable
from pathlib import Path

import pytest

from instruments.bench.phases import Phase, setup
from instruments.errors import InputError
from labshd.station.schema import BenchFile, SimulatedFile
from labshd.station.station_file import read_station_file

STATIONS = Path(__file__).parents[1] / "data" / "stations"
ECRAM = (STATIONS / "ecram.toml").read_text(encoding="utf-8")


@pytest.fixture
def refused(tmp_path: Path) -> Callable[..., str]:
    """What is said of the ECRAM station with some text replaced."""

    def say(*replacements: tuple[str, str]) -> str:
        text = ECRAM
        for old, new in replacements:
            assert old in text
            text = text.replace(old, new)
        path = tmp_path / "bench.toml"
        path.write_text(text, encoding="utf-8")
        with pytest.raises(InputError) as error:
            read_station_file(path)
        assert str(path) in str(error.value)
        return str(error.value)

    return say


@pytest.mark.parametrize("name", ["ecram.toml", "rram.toml"])
def test_the_examples_are_right(name: str) -> None:
    file, _ = read_station_file(STATIONS / name)
    assert isinstance(file, BenchFile)
    wiring = file.bench_wiring()
    assert setup(wiring, "A1", Phase.UP).relays != setup(wiring, "A1", Phase.READ).relays


@pytest.mark.parametrize("path", sorted(STATIONS.glob("*.toml")), ids=lambda path: path.stem)
def test_every_example_is_a_station(path: Path) -> None:
    file, _ = read_station_file(path)
    assert file.name


def test_a_simulated_station_names_its_crosspoints_by_row_and_column() -> None:
    file, _ = read_station_file(STATIONS / "array.toml")
    assert isinstance(file, SimulatedFile)
    assert [row[0] for row in file.crosspoint_names()] == ["A1", "B1"]
    assert file.crosspoint_names()[1][7] == "B8"


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('settle = "10 ms"', 'setle = "10 ms"', ["line 16", "pulses.setle", "did you mean 'settle'"]),
        ('pulse_voltage = "3 V"', 'pulse_voltage = "3"', ["limits.pulse_voltage = '3'", "no unit", '"100 mV"']),
        ('pulse_voltage = "3 V"', "pulse_voltage = 3.0", ["limits.pulse_voltage = 3.0", "no unit"]),
        ('pulse_voltage = "3 V"', "pulse_voltage = 3", ["line 7", "limits.pulse_voltage = 3", "no unit"]),
        ('voltage = "2 V"', 'voltage = "6 V"', ["line 14", "pulses.up", "6 V", "beyond the limit of ±3 V"]),
        (
            'up = { voltage = "2 V", width = "500 ns" }',
            'up = { voltage = "2 V", width = "1 s" }',
            ["1 ms", "pulse_width"],
        ),
        ("gate = 3, channel = 4", "gate = 1, channel = 4", ["crosspoints.A2.gate = 1", "A1.gate", "two names"]),
        ("gate = 3, channel = 4", "gate = 3", ["crosspoints.A2.channel", "is missing", "column"]),
        ("gate = 3, channel = 4", "gate = 3, channel = 4, top = 5", ["crosspoints.A2.top = 5", "no top"]),
        ('driver = "keithley-2450"', 'driver = "keithley-2540"', ["instruments.smu.driver", "'keithley-2450'"]),
        ('driver = "keithley-2450"', 'driver = "keithley-707b"', ["instruments.smu.driver", "no smu driver"]),
        ('smu = "B"', 'smu = "A"', ["wiring", "one row of the matrix"]),
        ('ground = "C"', 'ground = "Z"', ["wiring.ground = 'Z'"]),
        ('core = "A2"', 'core = "A7"', ["training.core = 'A7'", "no crosspoint"]),
        ('core = "A2"', 'core = "A1"', ["A and C must be two"]),
        ('core = "A2"', 'core = ["A2", "A7"]', ["training: A is 1 x 1 crosspoints and C 1 x 2", "'A7'"]),
        ('core = "A2"', 'core = ["A2", "A2"]', ["training.core = 'A2'", "one crosspoint twice"]),
        ('core = "A2"', 'core = [["A1", "A2"], ["A2"]]', ["training.core", "rows of 2, 1", "no rectangle"]),
        ('core = "A2"', "core = [[1, 2]]", ["training.core", "no rows of names"]),
        ('core = "A2"', "core = []", ["training.core", "no crosspoints"]),
        ('device = "ecram"', 'device = "ecramm"', ["rehearsal.device = 'ecramm'", "'ecram'"]),
        ('device = "ecram"', 'device = "mine.json"', ["mine.json", "no such file"]),
        ('kind = "bench"', 'kind = "bank"', ["kind = 'bank'", "'bench'"]),
        ("pulses_per_crosspoint = 1_000_000", "", ["limits.pulses_per_crosspoint", "is missing"]),
        ("[read]", "[read", ["not valid TOML"]),
        ('compliance = "50 uA"', 'compliance = "50 mA"', ["read", "50 mA", "100 uA"]),
        ('voltage = "100 mV"', 'voltage = "0 V"', ["read.voltage", "0 V"]),
        ("A2 = {", '"A 2" = {', ["crosspoints"]),
        ("192.168.0.12", "192.168.0.11", ["two instruments share"]),
    ],
)
def test_what_is_wrong_is_named(refused: Callable[..., str], old: str, new: str, says: list[str]) -> None:
    said = refused((old, new))
    for part in says:
        assert part in said


def test_everything_that_is_wrong_is_said_at_once(refused: Callable[..., str]) -> None:
    said = refused(
        ('settle = "10 ms"', 'setle = "10 ms"'),
        ('read_voltage = "200 mV"', 'read_voltage = "200"'),
        ("gate = 3, channel = 4", "gate = 1, channel = 4"),
        ('driver = "keithley-707b"', 'driver = "keithley-700b"'),
    )
    assert "4 problems" in said
    for part in ("pulses.setle", "limits.read_voltage", "crosspoints.A2.gate", "instruments.matrix.driver"):
        assert part in said


def test_a_missing_file_is_told_the_nearest() -> None:
    with pytest.raises(InputError, match=r"did you mean 'ecram\.toml'"):
        read_station_file(STATIONS / "ecran.toml")


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bench.toml"
    path.write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(InputError, match="cannot be read"):
        read_station_file(path)
