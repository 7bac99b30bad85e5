import importlib
import subprocess
import sys
import warnings

import pytest

import instruments._moved
import labshd
import labshd._moved
import protocols._moved
import sim_device._moved

MOVED = {**instruments._moved.MOVED, **protocols._moved.MOVED, **sim_device._moved.MOVED, **labshd._moved.MOVED}
RUN = [sys.executable, "-W", "error", "-c"]


@pytest.mark.parametrize("old", sorted(MOVED))
def test_a_module_is_found_under_its_name_of_an_earlier_version(old):
    sys.modules.pop(old, None)
    with pytest.warns(DeprecationWarning, match=f"{old} has moved to {MOVED[old]}"):
        found = importlib.import_module(old)
    there = importlib.import_module(MOVED[old])
    assert found is there
    assert there.__spec__ is not None
    assert there.__spec__.name == MOVED[old]


@pytest.mark.parametrize(
    ("place", "name"),
    [
        ("labshd.station", "open_station"),
        ("labshd.recorder", "record"),
        ("labshd.runs", "open_run"),
        ("labshd.runs", "series_of"),
        ("labshd.fitting", "fit_run"),
        ("labshd.training", "one_weight"),
        ("instruments.bench", "Bench"),
        ("instruments.bench", "BenchCrosspoints"),
        ("instruments.drivers.keithley_2450", "Keithley2450"),
        ("sim_device.models", "SoftBounds"),
        ("sim_device.crosspoints", "SimCrosspoints"),
        ("protocols.protocol", "Protocol"),
        ("protocols.symmetry_point", "SymmetryPoint"),
    ],
)
def test_what_scripts_of_version_0_1_import_is_still_there(place, name):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        assert hasattr(importlib.import_module(place), name)


def test_labshd_offers_what_a_script_begins_with():
    assert labshd.open_station is importlib.import_module("labshd.station.station").open_station
    assert labshd.record is importlib.import_module("labshd.recording.recorder").record
    assert labshd.fit is importlib.import_module("labshd.analysis.fit").fit_run
    assert labshd.runs is importlib.import_module("labshd.runs")
    with pytest.raises(AttributeError, match="nothing_of_this_name"):
        _ = labshd.nothing_of_this_name  # type: ignore[attr-defined]


def test_importing_labshd_imports_nothing_heavy():
    code = "import labshd, sys; print(*sorted({m.split('.')[0] for m in sys.modules} & {'numpy', 'pandas', 'pyvisa'}))"
    assert subprocess.run([*RUN, code], capture_output=True, text=True, check=True).stdout.strip() == ""


def test_the_warning_names_the_line_of_the_script(tmp_path):
    script = tmp_path / "mine.py"
    script.write_text("import sys\nfrom labshd.recorder import record\n", encoding="utf-8")
    done = subprocess.run([sys.executable, "-W", "always", str(script)], capture_output=True, text=True, check=True)
    assert f"{script}:2: DeprecationWarning: labshd.recorder has moved to labshd.recording.recorder" in done.stderr
