"""Measured data from elsewhere: what is right becomes a run, what is wrong is named, nothing is guessed."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from instruments.errors import InputError
from labshd.runs.importing import import_files
from labshd.runs.tables_in import SHOWN
from protocols.common.protocol import UNKNOWN_COUNT, segments

DATA = Path(__file__).parents[2] / "shared" / "data"
measured = pytest.mark.skipif(not DATA.exists(), reason="the measured data sets lie beside the project, not in it")


@pytest.fixture
def write(tmp_path):
    def written(text, name="trace.csv"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return written


def test_a_trace_becomes_a_run_in_siemens(tmp_path, write):
    path = write("pulses,conductance_uS,time_s,remark\n0,10.0,0.5,x\n3,12.5,1,y\n-2,11,1.5,\n,20,2,z\n1,21,2.5,z\n")
    run = import_files([path], runs=tmp_path / "runs")
    series = run.series()
    assert (run.kind, run.name, run.status, run.unit) == ("import", "trace", "finished", "S")
    assert series.counts.ravel().tolist() == [0, 3, -2, UNKNOWN_COUNT, 1]
    assert np.allclose(series.readings.conductance.ravel(), [10e-6, 12.5e-6, 11e-6, 20e-6, 21e-6], rtol=1e-15)
    assert series.readings.time.ravel().tolist() == [0.5, 1.0, 1.5, 2.0, 2.5]
    assert series.phases.tolist() == ["read", "up", "down", "read", "up"]
    assert segments(series) == [slice(0, 3), slice(3, 5)]
    assert (run.pulses, run.readings, run.crosspoint) == (6, 5, "trace")
    assert run.info["settings"]["ignored_columns"] == ["remark"]
    data = path.read_bytes()
    described = {"file": str(path.resolve()), "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    assert run.info["settings"]["files"] == [described]


def test_the_points_of_a_run_can_be_imported_again(tmp_path, write):
    first = import_files([write("pulses,conductance_S\n,1e-5\n1,2e-5\n-1,1.5e-5\n")], runs=tmp_path / "runs")
    again = import_files([first.folder / "points.csv"], runs=tmp_path / "runs")
    assert again.series().counts.tolist() == first.series().counts.tolist()
    assert again.series().readings.conductance.tolist() == first.series().readings.conductance.tolist()


@settings(deadline=None, max_examples=25)
@given(
    st.lists(st.tuples(st.integers(-1000, 1000), st.floats(1e-9, 0.9, allow_subnormal=False)), min_size=1, max_size=9)
)
def test_numbers_of_a_trace_come_through_exactly(tmp_path_factory, rows):
    folder = tmp_path_factory.mktemp("import")
    path = folder / "trace.csv"
    path.write_text("pulses,conductance_S\n" + "".join(f"{pulses},{value!r}\n" for pulses, value in rows))
    series = import_files([path], runs=folder / "runs").series()
    assert list(zip(series.counts.ravel(), series.readings.conductance.ravel(), strict=True)) == rows


@pytest.mark.parametrize(
    "text",
    [
        b"\xef\xbb\xbfpulses,conductance_S\r\n1,1e-5\r\n-1,2e-5\r\n\r\n",
        "pulses,conductance_S\n1,1e-5\n-1,2e-5\n".encode("utf-16"),
        b"pulses , conductance_S\n 1 , 1e-5 \n -1,2e-5",
        b'"pulses","conductance_S"\n"1","1e-5"\n"-1","2e-5"\n',
        b"pulses,conductance_S\r1.0,1e-5\r-1.0,2e-5\r",
        b"pulses,conductance_S,\xb0C\n1,1e-5,20\n-1,2e-5,21\n",
    ],
)
def test_marks_line_ends_and_blanks_of_other_programs_are_taken(tmp_path, write, text):
    series = import_files([write(text)], runs=tmp_path / "runs").series()
    assert series.counts.ravel().tolist() == [1, -1]
    assert series.readings.conductance.ravel().tolist() == [1e-5, 2e-5]


def test_columns_are_ups_then_downs_in_normalised_units(tmp_path, write):
    run = import_files([write("-0.5,0.9\n-0.4,0.7\n-0.3,0.5\n")], "columns", runs=tmp_path / "runs")
    series = run.series()
    assert run.unit == "normalised"
    assert series.phases.tolist() == ["up"] * 3 + ["down"] * 3
    assert series.counts.ravel().tolist() == [UNKNOWN_COUNT, 1, 1, UNKNOWN_COUNT, -1, -1]
    assert series.readings.conductance.ravel().tolist() == [-0.5, -0.4, -0.3, 0.9, 0.7, 0.5]
    assert "conductance_S" not in run.table()


def test_ramps_alternate_and_currents_become_conductance(tmp_path, write):
    up = write("a,b\n1e-6,1.2e-6\n2e-6,2.2e-6\n3e-6,\n", "up.csv")
    down = write("a\n3e-6\n1.1e-6\n", "down.csv")
    run = import_files(
        [], "ramps", up=up, down=down, quantity="current", read_voltage=0.5, name="A1", runs=tmp_path / "runs"
    )
    series = run.series()
    assert series.phases.tolist() == ["up 1"] * 3 + ["down 1"] * 2 + ["up 2"] * 2
    currents = [1e-6, 2e-6, 3e-6, 3e-6, 1.1e-6, 1.2e-6, 2.2e-6]
    assert series.readings.conductance.ravel().tolist() == [current / 0.5 for current in currents]
    assert series.readings.current.ravel().tolist() == currents
    assert set(series.readings.voltage.ravel()) == {0.5}
    assert [part.stop - part.start for part in segments(series)] == [3, 2, 2]
    assert (run.crosspoint, run.info["settings"]["read_voltage_V"]) == ("A1", 0.5)


def test_ramps_of_conductance_need_no_voltage(tmp_path, write):
    up, down = write("a\n1e-6\n2e-6\n", "up.csv"), write("a\n2e-6\n1e-6\n", "down.csv")
    run = import_files([], "ramps", up=up, down=down, quantity="conductance", runs=tmp_path / "runs")
    assert run.series().readings.conductance.ravel().tolist() == [1e-6, 2e-6, 2e-6, 1e-6]
    assert np.isnan(run.series().readings.current).all()


@measured
def test_the_rram_data_set_comes_in_whole(tmp_path):
    run = import_files([DATA / "gong_reram" / "gong_et_al.csv"], "columns", runs=tmp_path)
    g = run.series().readings.conductance.ravel()
    # first and last rows of the file: -0.84444,0.76667 and 1.0667,-1.3556; 1000 rows
    assert (len(g), g[0], g[999], g[1000], g[1999]) == (2000, -0.84444, 1.0667, 0.76667, -1.3556)
    assert (run.unit, run.pulses) == ("normalised", 1998)


@measured
def test_the_alternating_ramps_come_in_whole(tmp_path):
    folder = DATA / "alternating_ramps"
    options = {"up": folder / "set.csv", "down": folder / "reset.csv", "quantity": "current", "read_voltage": 0.1}
    run = import_files([], "ramps", **options, runs=tmp_path)
    series = run.series()
    lengths = [part.stop - part.start for part in segments(series)]
    # 39 ramps up of 185 to 192 readings, 40 down of 149 to 153
    assert len(lengths) == 79
    assert (min(lengths[0::2][:39]), max(lengths[0::2][:39])) == (185, 192)
    assert series.phases[0] == "up 1"
    assert series.phases[-1] == "down 40"
    assert 1.6e-3 < series.readings.conductance.min() < series.readings.conductance.max() < 2.5e-3


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty"),
        ("pulses,conductance_S\n", "no readings"),
        ("a,b\n1,2\n", r"line 1: the columns are 'a', 'b'; a trace needs the columns pulses and conductance_S"),
        ("pulses,conductance\n1,2\n", "a trace needs the columns"),
        ("pulses,conductance_kg\n1,2\n", "unknown unit 'kg'"),
        ("pulses,pulses,conductance_S\n1,1,2\n", "'pulses' is there twice"),
        ("pulses,conductance_S,conductance_uS\n1,1,2\n", "a trace needs the columns"),
        ("pulses;conductance_S\n1;0,5\n", "separated by semicolons"),
        ("pulses\tconductance_S\n1\t0.5\n", "separated by tabs"),
        ("pulses conductance_S\n1 0.5\n", "separated by blanks"),
        ('pulses,conductance_uS\n1,"0,5"\n', r"line 2: column conductance_uS: '0,5' has a decimal comma.*0\.5"),
        ("pulses,conductance_uS\n1,0,5\n", "line 2: 3 cells, 2 are needed"),
        ("pulses,conductance_uS\n1\n", "line 2: 1 cells, 2 are needed"),
        ("pulses,conductance_uS\n1,\n", "holds no reading at all"),
        ("pulses,conductance_uS\n1,inf\n", "'inf' is not a reading"),
        ("pulses,conductance_uS\n1,1e999\n", "'1e999' is not a reading"),
        ("pulses,conductance_uS\n1,12 uS\n", "'12 uS' carries a unit"),
        ("pulses,conductance_uS\n1,abc\n", "'abc' is not a number"),
        ("pulses,conductance_uS\n1,1_0\n", "'1_0' is not a number"),
        ("pulses,conductance_uS\n1.5,1\n", "column pulses: '1.5' must be a whole number"),
        ("pulses,conductance_uS\ninf,1\n", "column pulses: 'inf' must be a whole number"),
        ("pulses,conductance_uS\nup,1\n", "column pulses: 'up' must be a whole number"),
        ("pulses,conductance_S\n1,12\n1,13\n", "reaches 13 S; a memory device conducts less"),
        ("pulses,conductance_uS\n1,-12\n1,-13\n", "is negative"),
        ("pulses,conductance_uS\n" + "1,5\n" * 10, "is 5e-06 in all 10 readings"),
        (b"\x89PNG\x00\xff\xfe", r"a picture \(PNG\), not a table"),
        (b"\x7fELF\x00\xff\xfe", "not a text file"),
        (b"pulses,conductance_S\n1,\x00\n", "zero bytes"),
        ('pulses,conductance_S\n1,"2\n', "line 2"),
    ],
)
def test_a_trace_that_is_wrong_is_refused_with_place_and_rule(tmp_path, write, text, said):
    with pytest.raises(InputError, match=said) as caught:
        import_files([write(text)], runs=tmp_path / "runs")
    assert "trace.csv" in str(caught.value)
    assert not (tmp_path / "runs").exists()


def test_all_problems_come_at_once_in_order_and_bounded(tmp_path, write):
    path = write("pulses,conductance_S\n" + "x,y\n" * 50)
    with pytest.raises(InputError) as caught:
        import_files([path], runs=tmp_path)
    lines = str(caught.value).splitlines()
    assert len(lines) == SHOWN + 2
    assert "line 2:" in lines[1]
    assert lines[-1].endswith("and 80 more")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("up,down\n1,2\n", "looks like a header"),
        ("1,2,3\n1,2,3\n", "3 cells, 2 are needed"),
        ("1,2\n3\n", "line 2: 1 cells"),
        ("1;2\n", "semicolons"),
        ("0.5,1\n" * 10, "column 0 .up. is 0.5 in all"),
        ("1,x\n", r"column 1 \(down\): 'x' is not a number"),
    ],
)
def test_columns_that_are_wrong_are_refused(tmp_path, write, text, said):
    with pytest.raises(InputError, match=said):
        import_files([write(text)], "columns", runs=tmp_path / "runs")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("1e-6,2e-6\n1e-6,2e-6\n", "a header with a name for each ramp"),
        ("a,b\n1e-6,\n2e-6,\n", "column b holds no reading"),
        ("a\n5\n6\n", "reaches 60 S"),
    ],
)
def test_ramps_that_are_wrong_are_refused(tmp_path, write, text, said):
    good = write("a\n1e-6\n2e-6\n", "good.csv")
    with pytest.raises(InputError, match=said):
        import_files(
            [], "ramps", up=write(text, "up.csv"), down=good, quantity="current", read_voltage=0.1, runs=tmp_path
        )


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"files": ["a"], "layout": "spiral"}, "no layout 'spiral'; known: trace, columns, ramps"),
        ({"files": []}, "takes one file, not 0"),
        ({"files": ["a", "b"]}, "takes one file, not 2"),
        ({"files": ["a"], "read_voltage": 0.1}, "belong to layout ramps"),
        ({"files": ["a"], "layout": "ramps"}, "takes --up FILE and --down FILE.*needs --quantity"),
        ({"files": [], "layout": "ramps", "up": "a", "down": "b"}, "--quantity current or"),
        ({"files": [], "layout": "ramps", "up": "a", "down": "b", "quantity": "current"}, "--read-voltage V"),
        (
            {"files": [], "layout": "ramps", "up": "a", "down": "b", "quantity": "current", "read_voltage": 0.0},
            "0.0 V gives no conductance",
        ),
        (
            {"files": [], "layout": "ramps", "up": "a", "down": "b", "quantity": "conductance", "read_voltage": 0.1},
            "conductance needs none",
        ),
        ({"files": ["nowhere.csv"]}, "nowhere.csv: there is no such file"),
    ],
)
def test_options_that_do_not_fit_are_refused_before_a_file_is_read(tmp_path, options, said):
    with pytest.raises(InputError, match=said):
        import_files(**options, runs=tmp_path)


def test_missing_readings_are_kept_as_missing(tmp_path, write):
    run = import_files([write("pulses,conductance_uS\n0,5\n1,\n1,nan\n1,6\n")], runs=tmp_path / "runs")
    series = run.series()
    assert np.isnan(series.readings.conductance[:, 0, 0]).tolist() == [False, True, True, False]
    assert series.counts[:, 0, 0].tolist() == [0, 1, 1, 1]
    assert run.result == {"missing_readings": 2}


def test_one_ramp_alone_and_ramps_of_unequal_length_are_taken(tmp_path, write):
    up = write("a,b\n1e-6,1e-6\n2e-6,\n3e-6,\n", "up.csv")
    run = import_files([], "ramps", up=up, quantity="conductance", runs=tmp_path / "runs")
    assert len(run.series()) == 4
    assert set(run.series().phases) == {"up 1", "up 2"}
