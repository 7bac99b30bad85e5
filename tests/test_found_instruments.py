"""A driver and its twin are found by their files, and so are those of another package that is installed."""

import importlib
import sys
from pathlib import Path

import pytest

from instruments.drivers import known, load
from instruments.errors import InputError
from labshd.recording.recorder import record
from labshd.station.station import open_station
from protocols.read_noise import ReadNoise
from sim_device.virtual_bench.boxes.twins import twins

STATION = Path(__file__).parents[1] / "data" / "stations" / "ecram.toml"
DRIVER = '''
from instruments.drivers.common.known import Known
from instruments.drivers.keithley_2400 import Keithley2400

class OurUnit(Keithley2400):
    """A source-measure unit of our own."""

DRIVERS = {"%s": Known("OurUnit", "smu", "MODEL 2400", "our unit", box="our-unit")}
'''
TWIN = """
from sim_device.virtual_bench.boxes.keithley_2400.measuring import Keithley2400Twin

TWINS = {"our-unit": "Keithley2400Twin"}
"""


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """Puts a package with a driver of that name, and its twin, where Python finds what is installed."""

    def install(name):
        (tmp_path / "our_drivers.py").write_text(DRIVER % name, encoding="utf-8")
        (tmp_path / "our_twins.py").write_text(TWIN, encoding="utf-8")
        about = tmp_path / "our_lab-1.0.dist-info"
        about.mkdir()
        (about / "METADATA").write_text("Metadata-Version: 2.1\nName: our-lab\nVersion: 1.0\n", encoding="utf-8")
        points = "[labshd.drivers]\nunit = our_drivers\n\n[labshd.twins]\nunit = our_twins\n"
        (about / "entry_points.txt").write_text(points, encoding="utf-8")
        monkeypatch.syspath_prepend(str(tmp_path))
        importlib.invalidate_caches()
        known.cache_clear(), twins.cache_clear()

    yield install
    monkeypatch.undo()
    sys.modules.pop("our_drivers", None), sys.modules.pop("our_twins", None)
    known.cache_clear(), twins.cache_clear()


def test_a_driver_of_an_installed_package_is_one_like_the_others(installed, tmp_path):
    installed("our-unit")
    assert load("our-unit").__name__ == "OurUnit"
    assert "our-unit" in twins()
    ecram = STATION.read_text(encoding="utf-8").replace('driver = "keithley-2450"', 'driver = "our-unit"')
    assert "our-unit" in ecram
    (tmp_path / "bench.toml").write_text(ecram, encoding="utf-8")
    with open_station(tmp_path / "bench.toml", rehearse=True) as station:
        run = record(ReadNoise(reads=12), station["A1"], runs=tmp_path / "runs", station=station)
    assert run.status == "finished"
    assert run.info["instruments"]["smu"]["driver"] == "our-unit"


def test_a_name_that_is_taken_is_refused(installed):
    installed("keithley-2450")
    with pytest.raises(InputError, match=r"two drivers are called 'keithley-2450': .*keithley_2450\.smu:Keithley2450"):
        known()
