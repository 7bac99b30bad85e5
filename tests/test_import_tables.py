"""Tables as laboratories have them: what is right becomes a run in SI units, what is ambiguous or wrong is named."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from instruments.crosspoints import Status
from instruments.errors import InputError
from labshd.cli.command_line import main
from labshd.runs.importing import import_table, understand_table
from labshd.runs.tables.cells import numbers
from labshd.runs.tables.units_of_columns import split_header, unit_of
from protocols.common.protocol import UNKNOWN_COUNT

COUNTED = "Pulse number,Polarity,G (uS)\n1,up,10\n2,up,11\n3,up,12\n4,down,11\n5,down,10.5\n"


@pytest.fixture
def write(tmp_path):
    def written(text, name="table.csv"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return written


@pytest.fixture
def workbook(tmp_path):
    def written(sheets, name="table.xlsx"):
        import openpyxl

        book = openpyxl.Workbook()
        book.remove(book.active)
        for title, rows in sheets.items():
            sheet = book.create_sheet(title)
            for row in rows:
                sheet.append(row)
        book.save(tmp_path / name)
        return tmp_path / name

    return written


@pytest.fixture
def take(tmp_path):
    def taken(path, **said):
        (run,) = import_table(path, runs=tmp_path / "runs", **said)
        return run

    return taken


def of(run, row=0, column=0):
    """Counts, conductance and phases of one device."""
    series = run.series()
    return (
        series.counts[:, row, column].tolist(),
        pytest.approx(series.readings.conductance[:, row, column].tolist(), rel=1e-12, nan_ok=True),
        series.phases.tolist(),
    )


# Numbers and units


@settings(deadline=None, max_examples=200)
@given(st.lists(st.floats(-1e30, 1e30, allow_nan=False), min_size=1, max_size=8))
def test_numbers_with_a_decimal_comma_come_through_exactly(values):
    found, wrong = numbers([repr(value).replace(".", ",") for value in values], "comma")
    assert found.tolist() == values
    assert wrong == {}
    assert numbers([repr(value) for value in values], "point")[0].tolist() == values


@settings(deadline=None)
@given(
    st.sampled_from(["f", "p", "n", "u", "µ", "m", "", "k", "M"]),
    st.sampled_from(["s", "A", "V", "S", "Ohm", "Ω"]),
    st.sampled_from(["G ({})", "G [{}]", "G/{}", "G / {}", "G_{}", "G, {}"]),
)
def test_units_are_read_out_of_headers(prefix, symbol, form):
    factor = {"f": 1e-15, "p": 1e-12, "n": 1e-9, "u": 1e-6, "µ": 1e-6, "m": 1e-3, "": 1, "k": 1e3, "M": 1e6}[prefix]
    name, unit = split_header(form.format(prefix + symbol))
    assert name == "G"
    assert unit_of(unit).factor == factor
    assert unit_of(unit).si == {"Ohm": "ohm", "Ω": "ohm"}.get(symbol, symbol)


@pytest.mark.parametrize("header", ["V/I", "Device (A1)", "Cycle", "G (device 1)", "pulse_number", "R (kg)"])
def test_what_is_no_unit_stays_in_the_name(header):
    assert split_header(header) == (header, "")


@pytest.mark.parametrize(
    ("cell", "why"),
    [
        ("abc", "'abc' is not a number"),
        ("1,5", "'1,5' has a comma, the decimal sign here is the point"),
        ("12 uS", "the unit into the header"),
        ("10:30:00", "seconds since the first reading"),
        ("inf", "is not a reading"),
        ("1_0", "not a number as files hold it"),
    ],
)
def test_cells_that_are_no_numbers_say_why(cell, why):
    assert why in numbers([cell, "1"], "point")[1][0]


def test_missing_readings_and_the_overflow_of_instruments_are_missing():
    found, wrong = numbers(["", "nan", "#N/A", "--", "9.91E37", "-9.9e37", "2"], "point")
    assert np.isnan(found).tolist() == [True] * 6 + [False]
    assert wrong == {}


# Text files


@pytest.mark.parametrize(
    ("text", "delimiter", "decimal"),
    [
        (COUNTED, "commas", "decimal point"),
        (COUNTED.replace(",", ";").replace(".", ","), "semicolons", "decimal comma"),
        (COUNTED.replace(",", "\t").replace(".", ","), "tabs", "decimal comma"),
        (COUNTED.replace(" number", "_number").replace(" (uS)", "_uS").replace(",", "  "), "blanks", "decimal point"),
        (COUNTED.replace(",", "|"), "bars (|)", "decimal point"),
        ("Operator: Miller\nSample;W12\n\n" + COUNTED.replace(",", ";"), "semicolons", "decimal point"),
        ("% made by a script\n# another remark\n" + COUNTED, "commas", "decimal point"),
        ("# " + COUNTED, "commas", "decimal point"),
        (COUNTED.replace(" (uS)", "").replace("\n1,", "\n,,uS\n1,", 1), "commas", "decimal point"),
        ("\ufeff" + COUNTED.replace("\n", ",\r\n"), "commas", "decimal point"),
        (COUNTED.replace("uS", "µS").encode("cp1252"), "commas", "decimal point"),
        (COUNTED.replace("uS", "μS").encode("utf-16"), "commas", "decimal point"),
        (COUNTED.replace("10.5", '"10,5"').replace("10\n", '"10,0"\n'), "commas", "decimal comma"),
    ],
)
def test_the_form_of_a_text_is_recognised_and_told(write, take, text, delimiter, decimal):
    run = take(write(text))
    counts, conductance, phases = of(run)
    assert counts == [UNKNOWN_COUNT, 1, 1, -1, -1]
    assert conductance == [10e-6, 11e-6, 12e-6, 11e-6, 10.5e-6]
    assert phases == ["read", "up", "up", "down", "down"]
    assert (run.name, run.unit, run.crosspoint) == ("table", "S", "table")
    understood = run.info["settings"]["understood"]
    assert (understood["delimiter"], understood["decimal"]) == (delimiter, decimal)
    assert understood["pulses"] == "2 up, 2 down"
    assert understood["conductance"] == "10 uS to 12 uS, as given"
    assert len(run.info["settings"]["files"][0]["sha256"]) == 64


@pytest.mark.parametrize(
    ("text", "said", "message"),
    [
        (
            "1,5\n2,5\n3,7\n",
            {},
            r"may be cut at commas \(--delimiter comma\) or nothing: one column \(--delimiter none\)",
        ),
        ("time_s;G_uS\n0;1,234\n1;1,250\n", {}, r"'1,234' may be 1.234 \(--decimal comma\) or 1234 \(--decimal point"),
        ("time_s;G_uS\n0;1,5\n1.5;2\n", {}, "'1,5' has a decimal comma and '1.5' a decimal point"),
        ("time_s;G_uS\n0;1.234,5\n1;2\n2;3\n3;4\n4;5\n", {}, "'1.234,5' has thousands separators"),
        ("time_s;G_uS\n0;1\n1;2;3\n2;3\n3;4\n4;5\n5;6\n", {}, "line 3: 3 cells, 2 are needed: '1;2;3'"),
        ("nothing here\nbut words\n", {}, "no table of numbers is in it; its last line is 'but words'"),
        ("time_s,G_uS\n0,1\n", {"delimiter": "tab"}, "cut at tabs, the last lines are no table of numbers"),
        ("a,b\n0,1\n", {"header_line": 1}, "no column of conductance, current or resistance was recognised"),
        (b"\xd0\xcf\x11\xe0rest", {}, r"an old Excel workbook \(.xls\).*save it as .xlsx"),
        (b"\x89PNG\r\n", {}, r"a picture \(PNG\), not a table"),
        (b"%PDF-1.7", {}, "a PDF, not a table"),
        (b"PK\x03\x04rest", {}, "not a whole workbook"),
        (b"a\0b", {}, "zero bytes"),
        ("", {}, "is empty"),
    ],
)
def test_files_that_cannot_be_read_in_one_way_are_refused(write, tmp_path, text, said, message):
    with pytest.raises(InputError, match=message) as caught:
        import_table(write(text), runs=tmp_path / "runs", **said)
    assert "table.csv" in str(caught.value)
    assert not (tmp_path / "runs").exists()


def test_a_file_without_headers_is_mapped_by_numbers(write, take):
    path = write("0 10.5\n1 10.7\n2 10.6\n")
    named = {"columns": {"time": "#1", "conductance": "#2"}, "units": {"time": "ms", "conductance": "nS"}}
    run = take(path, **named, header_line=0)
    assert run.series().readings.time.ravel().tolist() == pytest.approx([0, 1e-3, 2e-3])
    assert of(run)[1] == [10.5e-9, 10.7e-9, 10.6e-9]


# Roles and units


def test_currents_become_conductance_with_the_voltage_of_a_column_or_a_flag(write, take):
    expected = [1.5e-9, -0.1e-9, 1.6e-9]
    rest = "time_ms\tCurrent [nA]\tVread (mV)\n0\t1.5\t100\n1\t-0.1\t100\n2\t1.6\t200\n"
    first = take(write(rest, "rest.tsv"))
    assert of(first) == ([0, 0, 0], [1.5e-8, -1e-9, 0.8e-8], ["rest"] * 3)
    assert first.series().readings.current.ravel().tolist() == pytest.approx(expected)
    assert first.series().readings.voltage.ravel().tolist() == pytest.approx([0.1, 0.1, 0.2])
    bare = "t (s);I\n0;1.5\n1;-0.1\n2;1.6\n"
    second = take(write(bare), units={"current": "nA"}, read_voltage=-0.1, one_device=True)
    assert of(second)[1] == [-value / 0.1 for value in expected]
    assert second.info["settings"]["read_voltage_V"] == -0.1


def test_resistances_become_conductance(write, take):
    run = take(write("R/kOhm,pulses\n100,\n50,1\n80,-2\n"))
    assert of(run) == ([UNKNOWN_COUNT, 1, -2], [1e-5, 2e-5, 1.25e-5], ["read", "up", "down"])


def test_the_sign_of_the_pulse_voltage_gives_the_direction_and_is_kept_with_the_width(write, take):
    run = take(write("Vpulse (V),Pulse width (us),G (uS)\n0,0,10\n2,1,11\n2.5,1,12\n-2,2,11\n"))
    assert of(run) == ([0, 1, 1, -1], [10e-6, 11e-6, 12e-6, 11e-6], ["read", "up", "up", "down"])
    assert run.series().pulse_voltage.ravel().tolist()[1:] == [2.0, 2.5, -2.0]
    assert run.series().pulse_width.ravel().tolist()[1:] == pytest.approx([1e-6, 1e-6, 2e-6])


def test_a_pulse_width_that_no_column_tells_is_given(write, take):
    run = take(write("Pulse voltage (V),G (uS)\n2,11\n-2,10\n"), pulse_width=5e-7)
    assert run.series().pulse_width.ravel().tolist() == [5e-7, 5e-7]
    without = take(write("Pulse voltage (V),G (uS)\n2,11\n-2,10\n"))
    assert np.isnan(without.series().pulse_voltage).all()  # a pulse is voltage and width


def test_potentiation_and_depression_in_two_columns(write, take):
    run = take(write("Pulse,Potentiation (uS),Depression (uS)\n1,10,30\n2,20,22\n3,28,\n"))
    assert of(run) == (
        [UNKNOWN_COUNT, 1, 1, UNKNOWN_COUNT, -1],
        [10e-6, 20e-6, 28e-6, 30e-6, 22e-6],
        ["up 1", "up 1", "up 1", "down 1", "down 1"],
    )


def test_several_columns_are_cycles_or_devices(write, take):
    text = "Pulse no,G1 (uS),G2 (uS)\n1,10,20\n2,11,21\n3,12,\n"
    cycles = take(write(text), columns_are="cycles", pulses_are="up")
    assert of(cycles) == (
        [UNKNOWN_COUNT, 1, 1, UNKNOWN_COUNT, 1],
        [10e-6, 11e-6, 12e-6, 20e-6, 21e-6],
        ["read 1", "up 1", "up 1", "read 2", "up 2"],
    )
    devices = take(write(text), columns_are="devices", pulses_are="up")
    assert devices.shape == (1, 2)
    assert of(devices, 0, 1)[:2] == ([UNKNOWN_COUNT, 1, 0], [20e-6, 21e-6, np.nan])
    assert devices.series().readings.status[:, 0, 1].tolist() == [0, 0, int(Status.INVALID)]
    assert [one["name"] for one in devices.info["settings"]["devices"]] == ["G1", "G2"]


def test_a_device_column_becomes_a_block(write, take):
    text = "Device;pulses;G (uS)\nA1;1;10\nB7;1;20\nA1;1;11\nB7;1;21\nA1;-1;10\n"
    run = take(write(text))
    assert run.shape == (1, 2)
    assert of(run, 0, 0)[:2] == ([1, 1, -1], [10e-6, 11e-6, 10e-6])
    assert of(run, 0, 1)[1] == [20e-6, 21e-6, np.nan]
    assert run.info["settings"]["devices"] == [
        {"row": 0, "column": 0, "name": "A1"},
        {"row": 0, "column": 1, "name": "B7"},
    ]


def test_devices_whose_pulses_differ_become_a_run_each(write, tmp_path):
    text = "Device,Vpulse (V),Pulse width (us),G (uS)\nA,2,1,10\nA,2,1,11\nB,3,1,20\nB,3,1,21\n"
    runs = import_table(write(text), runs=tmp_path / "runs")
    assert [run.crosspoint for run in runs] == ["table A", "table B"]
    assert [run.shape for run in runs] == [(1, 1), (1, 1)]
    assert [set(run.series().pulse_voltage.ravel().tolist()) for run in runs] == [{2.0}, {3.0}]
    assert "their pulses differ at the same step" in runs[0].info["settings"]["understood"]["runs"]


def test_normalised_conductance_stays_normalised(write, take):
    run = take(write("pulses,G (a.u.)\n1,0.1\n1,2.5\n-1,0.4\n"))
    assert run.unit == "normalised"
    assert of(run)[1] == [0.1, 2.5, 0.4]


def test_the_time_of_later_cycles_is_left_out_where_it_starts_again(write, take):
    run = take(write("time_s,cycle,pulses,G_uS\n0,1,1,10\n1,1,1,11\n0,2,1,10\n1,2,1,11\n"))
    assert np.isnan(run.series().readings.time.ravel()).tolist() == [False, False, True, True]
    assert run.series().phases.tolist() == ["up 1", "up 1", "up 2", "up 2"]
    assert "starts again with each cycle" in run.info["settings"]["understood"]["time"]


@pytest.mark.parametrize(
    ("text", "said", "message"),
    [
        ("t (s),I (A)\n0,1e-6\n1,2e-6\n", {}, 'current becomes conductance with the read voltage: --column voltage='),
        ("t,G\n0,1\n1,2\n", {}, r"column 't' \(time\) has no unit; give it, such as --unit time=ms"),
        ("t (s),G (mV)\n0,1\n1,2\n", {"columns": {"conductance": "G"}}, r"column 'G .mV.' is in mV, conductance is"),
        ("t (s),I (A),V (V)\n0,1e-6,1\n1,1e-6,1\n", {}, "may be voltage or pulse_voltage; say which"),
        ("pulse,G (uS)\n1,2\n2,3\n", {}, "column 'pulse' may be pulses or pulse_number"),
        ("pulse number,G (uS)\n1,2\n2,3\n", {}, "pulse numbers tell no direction.*--pulses-are up or"),
        ("G (uS)\n2\n3\n", {}, "no column tells pulses or time; say what was done before each reading"),
        ("t (s),G1 (uS),G2 (uS)\n0,2,5\n1,3,6\n", {}, "are all conductance; take one.*--columns-are cycles or"),
        ("t (s),G (uS)\n0,2\n1,3\n", {"columns": {"time": "tim"}}, "--column time=tim: no such column; they are 't"),
        ("t (s),G (uS)\n0,2\n1,3\n", {"columns": {"time": "#7"}}, "columns are #1 to #2"),
        ("t (s),G (uS)\n0,2\n1,3\n", {"columns": {"tme": "t"}}, "--column tme=...: no such role; did you mean 'time'"),
        ("t (s),G (uS)\n0,2\n1,3\n", {"units": {"time": "uA"}}, "time = 'uA' is no unit of time"),
        ("t (s),Vread (V),I (A)\n0,1,1e-6\n1,1,1e-6\n", {"read_voltage": 0.1}, "the read voltage is given twice"),
        ("t (s),I (A)\n0,1e-6\n1,1e-6\n", {"read_voltage": 0.0}, "read voltage of 0 V gives no conductance"),
    ],
)  # fmt: skip
def test_what_is_ambiguous_is_refused_with_the_flag_that_decides(write, tmp_path, text, said, message):
    with pytest.raises(InputError, match=message):
        import_table(write(text), runs=tmp_path / "runs", **said)
    assert not (tmp_path / "runs").exists()


RISING = "pulses,G (uS)\n" + "".join(f"{n},{10 + n}\n" for n in range(1, 13))
IN_TURN = "t (s),G (uS)\n" + "".join(f"{n},{10 if n % 2 else 50}.{n % 7}\n" for n in range(40))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("pulses,G (S)\n1,10\n1,11\n-1,12\n", r"line 4: column 'G \(S\)': conductance is 12 S; .* less than 1 S"),
        ("pulses,G (fS)\n1,.10\n1,.11\n", "conductance is 105 aS in the middle; less than 1 fS was hardly measured"),
        ("pulses,I (mA),Vread (uV)\n1,1,1\n1,2,1\n", "line 3: .*less than 1 S: check the units .*--read-voltage"),
        ("pulses,G (mS),R (kOhm)\n1,10,100\n1,11,90.9\n", "conductance is 1e.03 times 1 / resistance.*a unit is wrong"),
        ("pulses,G (uS)\n" + "1,5\n" * 10, "all 10 readings are 5e-06"),
        ("pulses,G (uS)\n" + "".join(f"1,-{n}\n" for n in range(1, 12)), "negative in nearly all readings"),
        ("pulses,G (uS)\n1.5,5\n1,6\n", "line 2: pulses is 1.5; pulses are counted in whole numbers"),
        (RISING, r"line 2: pulses go 1, 2, 3, ...: .*--column pulse_number=NAME"),
        ("Pulse number,polarity,G (uS)\n8,up,5\n9,up,6\n4,up,5\n", "line 4: the pulse number falls from 9 to 4"),
        ("polarity,G (uS)\nup,5\nleft,6\n", "line 3: column of the pulse sign: 'left' is no direction"),
        ("pulses,polarity,G (uS)\n-1,up,5\n1,up,6\n", "line 2: pulses is -1, but their sign is .1"),
        ("t (s),G (uS)\n0,1\n5,2\n1,3\n", "line 4: time runs backwards, from 5 s to 1 s: two devices or two cycles"),
        (IN_TURN, "as if two devices were read in turn; name the column that tells them apart, --column device=NAME"),
        ("cycle,pulses,G (uS)\n1,1,5\n2,1,6\n1,1,7\n", "line 4: cycle 1 comes again after cycle 2"),
        ("device,pulses,G (uS)\nA,1,5\n,1,6\n", "line 3: the name of the device is empty"),
        ("pulses,R (Ohm)\n1,5e4\n1,0\n", "line 3: the resistance is zero"),
        ("pulses,G (uS)\n1,\n1,nan\n1,\n-1,5\n".replace("5", "--"), "no table of numbers|holds no reading"),
    ],
)
def test_readings_that_cannot_be_are_refused_with_line_and_what_to_try(write, tmp_path, text, message):
    with pytest.raises(InputError, match=message) as caught:
        import_table(write(text), runs=tmp_path / "runs")
    assert "table.csv" in str(caught.value)
    assert not (tmp_path / "runs").exists()


def test_all_problems_come_at_once(write):
    text = "t,pulses,G (uS)\n" + "".join(f"{n},1,{10 + n}\n" for n in range(9)) + "9,x,y\n"
    with pytest.raises(InputError) as caught:
        understand_table(write(text))
    assert "3 problems" in str(caught.value)
    assert "has no unit" in str(caught.value)
    assert "line 11: column pulses: 'x' is not a number" in str(caught.value)


def test_one_device_that_goes_back_and_forth_is_taken_when_said(write, take):
    assert take(write(IN_TURN), one_device=True).readings == 40


# A mapping in a file


def test_a_mapping_file_says_what_flags_say_and_flags_go_before_it(write, take):
    mapping = write(
        'read_voltage = "100 mV"\n[columns]\ncurrent = "I*"\npulse_sign = "Richtung"\n[units]\ncurrent = "uA"\n',
        "m.toml",
    )
    table = write("Strom;Richtung;I_read\n1;up;2\n1;down;3\n")
    run = take(table, mapping=mapping)
    assert of(run) == ([1, -1], [2e-5, 3e-5], ["up", "down"])
    assert of(take(table, mapping=mapping, units={"current": "nA"}, read_voltage=0.2))[1] == [1e-8, 1.5e-8]


@pytest.mark.parametrize(
    ("toml", "message"),
    [
        ("colums = 1\n", "line 1, colums = 1: unknown key; did you mean 'columns'"),
        ('[columns]\ncurent = "I"\n', "line 2, .*no such role; did you mean 'current'"),
        ('[units]\ncurrent = "kg"\n', "current = 'kg' is no unit of current"),
        ("read_voltage = 0.1\n", "0.1 has no unit"),
        ("[columns\n", "not valid TOML"),
    ],
)
def test_a_mapping_that_is_wrong_is_refused_with_its_line(write, toml, message):
    with pytest.raises(InputError, match=message):
        understand_table(write(COUNTED), mapping=write(toml, "m.toml"))


def test_the_mapping_of_the_manual_takes_a_table(write, take):
    page = (Path(__file__).parents[1] / "docs" / "measured-elsewhere.md").read_text(encoding="utf-8")
    mapping = write(page.split("```toml\n")[1].split("```")[0], "our_setup.toml")
    run = take(write("I_read;U_Puls;t_Puls\n1,5;2;1\n1,6;-2;1\n"), mapping=mapping)
    assert of(run) == ([1, -1], [1.5e-8, 1.6e-8], ["up", "down"])
    assert run.series().pulse_voltage.ravel().tolist() == [2.0, -2.0]


def test_readings_that_a_quote_runs_through_are_told_not_a_fault(write):
    with pytest.raises(InputError):
        understand_table(write('t (s),G (uS)\n0,1\n1,"' + "2" * 200_000 + "\n"))


# Workbooks


def test_a_workbook_is_taken(workbook, take):
    rows = [
        ["Sample W12"],
        [],
        ["Pulse number", "Polarity", "G (uS)", "Remark"],
        [1, "up", 10, None],
        [2, "up", 11.5, "x"],
    ]
    run = take(workbook({"Sheet1": rows}))
    assert of(run)[:2] == ([UNKNOWN_COUNT, 1], [10e-6, 11.5e-6])
    assert run.info["settings"]["ignored_columns"] == ["Remark"]


def test_several_sheets_are_cycles_devices_or_one_is_chosen(workbook, take):
    rows = [["pulses", "G (uS)"], [1, 10], [1, 11]]
    path = workbook({"first": rows, "second": [["pulses", "G (uS)"], [1, 20], [1, 21]]})
    with pytest.raises(InputError, match=r"2 tables are in it, 'first', 'second'; take one with --sheet NAME"):
        understand_table(path)
    assert of(take(path, sheet="second"))[1] == [20e-6, 21e-6]
    assert of(take(path, sheets_are="cycles"))[0] == [1, 1, UNKNOWN_COUNT, 1]
    block = take(path, sheets_are="devices")
    assert [one["name"] for one in block.info["settings"]["devices"]] == ["first", "second"]
    with pytest.raises(InputError, match="there is no sheet 'third'; it has 'first', 'second'"):
        understand_table(path, sheet="third")


def test_a_clarius_workbook_leaves_calc_and_settings_out(workbook, take):
    data = [["Time", "AnodeI", "AnodeV"], [0.0, 1e-7, 0.1], [0.1, 1.1e-7, 0.1]]
    path = workbook({"Data": data, "Calc": [["x", "y"], [1, 2], [3, 4]], "Settings": [["Test Name", "rest"], [1, 2]]})
    run = take(path, columns={"current": "AnodeI", "voltage": "AnodeV"})
    assert of(run) == ([0, 0], [1e-6, 1.1e-6], ["rest", "rest"])


def test_formulas_without_a_value_are_refused_by_cell(workbook, tmp_path):
    path = workbook({"Sheet1": [["pulses", "I (uA)", "G (uS)"], [1, 2, "=B2/0.1"], [1, 3, "=B3/0.1"]]})
    with pytest.raises(
        InputError, match=r"formulas without a value; open the workbook(.|\n)*cell C2: '=B2/0.1'"
    ) as caught:
        import_table(path, runs=tmp_path / "runs")
    assert "line 3: sheet 'Sheet1', cell C3" in str(caught.value)
    assert not (tmp_path / "runs").exists()


def test_a_workbook_without_a_table_is_refused(workbook):
    with pytest.raises(InputError, match="no table of numbers in sheet 'Sheet1'"):
        understand_table(workbook({"Sheet1": [["only", "words"]]}))


# Files of instruments

EASYEXPERT = """SetupTitle, I/V-t Sampling
PrimitiveTest, I/V-t Sampling
TestParameter, Channel.UnitType, SMU, SMU
TestParameter, Channel.VName, V1, V2
AnalysisSetup, Analysis.Setup.Vector.Graph.Enabled, True
Dimension1, 3, 3, 3
Dimension2, 1, 1, 1
DataName, Time, I1, V1
DataValue, 0.01, 1.0E-07, 0.1
DataValue, 0.02, 1.1E-07, 0.1
DataValue, 0.03, 1.2E-07, 0.1
"""
CLASSIC = """Setup title,rest
Classic test name,"I/V-t Sampling"
Test date,2025/03/03
Channel.UnitType,SMU,SMU
AutoAnalysis.Marker.Data.StartCondition,
Time,I1,V1
0.01,1.0E-07,0.1
0.02,1.1E-07,0.1
0.03,1.2E-07,0.1
"""


@pytest.mark.parametrize("text", [EASYEXPERT, CLASSIC])
def test_easyexpert_files_are_in_si(write, take, text):
    run = take(write(text), columns={"voltage": "V1"})
    assert of(run) == ([0, 0, 0], [1e-6, 1.1e-6, 1.2e-6], ["rest"] * 3)
    assert run.series().readings.time.ravel().tolist() == [0.01, 0.02, 0.03]
    assert run.info["settings"]["understood"]["written by"] == "EasyEXPERT"


def test_several_records_of_easyexpert_are_chosen_or_cycles(write, take):
    path = write(EASYEXPERT + EASYEXPERT.replace("1.0E-07", "5.0E-07"))
    with pytest.raises(InputError, match=r"2 tables are in it, 'I/V-t Sampling 1', 'I/V-t Sampling 2'"):
        understand_table(path)
    run = take(path, columns={"voltage": "V1"}, sheet="I/V-t Sampling 2")
    assert run.series().readings.current[0, 0, 0] == 5e-7
    assert len(take(path, columns={"voltage": "V1"}, sheets_are="cycles").series()) == 6


def test_a_session_of_arc_one_becomes_a_block_of_its_array(write, take):
    names = "Wordline,Bitline,Resistance,Amplitude (V),Pulse width (s),Tag,ReadTag,ReadVoltage"
    head = f"My session\nTue Mar  5 10:00:00 2024\n{names}\n"
    rows = [
        f"{w},{b},{r},{a},{pw},{tag},R2,0.5\n"
        for w in (3, 8)
        for b in (1, 2)
        for r, a, pw, tag in ((10000.0 * w * b, 0.5, 0, "S R2 V=0.5"), (9000.0 * w * b, 1.2, 1e-6, "P"))
    ]
    run = take(write(head + "".join(rows)))
    assert run.shape == (2, 2)
    assert of(run, 1, 0) == ([0, 1], [1 / 80000, 1 / 72000], ["read", "up"])
    assert run.series().pulse_voltage[1, 0, 1] == 1.2
    assert run.info["settings"]["devices"][-1] == {"row": 1, "column": 1, "name": "W08B02"}


def test_a_data_set_of_arc_two(tmp_path, take):
    h5py = pytest.importorskip("h5py")
    kinds = [
        ("current", "<f4"),
        ("voltage", "<f4"),
        ("pulse_width", "<f4"),
        ("read_voltage", "<f4"),
        ("op_type", "<u4"),
    ]
    path = tmp_path / "set.h5"
    with h5py.File(path, "w") as file:
        file.attrs["H5DS_VERSION_MAJOR"] = 0
        for name, current in (("W03B07", 1e-6), ("W03B08", 2e-6)):
            rows = np.zeros(10, dtype=kinds)
            rows[:2] = [(current, 0.5, 0, 0.5, 1), (2 * current, 1.5, 1e-6, 0.5, 3)]
            table = file.create_dataset(f"crosspoints/{name}/timeseries", data=rows)
            table.attrs["NROWS"] = 2
    run = take(path)
    assert run.shape == (1, 2)
    assert run.series().counts[:, 0, 1].tolist() == [0, 1]
    assert run.series().readings.conductance[:, 0, 1].tolist() == pytest.approx([4e-6, 8e-6], rel=1e-6)
    assert run.series().pulse_voltage[1, 0, 0] == 1.5
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["x"] = [1.0]
    with pytest.raises(InputError, match="HDF5, but no data set of ArC TWO"):
        understand_table(tmp_path / "other.h5")


# The command


def test_dry_run_shows_everything_and_writes_nothing(write, tmp_path, capsys):
    path = write(COUNTED.replace(",", ";"))
    code = main(["import", str(path), "--dry-run", "--runs", str(tmp_path / "runs")])
    out = capsys.readouterr().out
    assert code == 0
    for said in (
        "semicolons",
        "line 1",
        "decimal point",
        "conductance [uS]: 10  11  12",
        "2 up, 2 down",
        "10 uS to 12 uS",
    ):
        assert said in out
    assert "nothing was written" in out
    assert not (tmp_path / "runs").exists()


def test_the_command_maps_with_flags_and_tells_the_same_as_json(write, tmp_path, capsys):
    path = write("x;y\n1;2\n-1;3\n1;2.5\n")
    said = ["--column", "pulses=x", "--column", "current=y", "--unit", "current=uA", "--read-voltage", "100 mV"]
    assert main(["import", str(path), *said, "--json", "--runs", str(tmp_path / "runs")]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["layout"], told["pulses"], told["readings"], len(told["runs"])) == ("table", 3, 3, 1)
    assert told["understood"]["conductance"] == "20 uS to 30 uS, current / read voltage"


def test_a_trace_is_still_a_trace_and_anything_else_a_table(write, tmp_path, capsys):
    runs = ["--json", "--runs", str(tmp_path / "runs")]
    assert main(["import", str(write("pulses,conductance_uS\n1,5\n-1,6\n")), *runs]) == 0
    assert json.loads(capsys.readouterr().out)["layout"] == "trace"
    assert main(["import", str(write("pulses;conductance_uS\n1;5\n-1;6\n")), *runs]) == 0
    assert json.loads(capsys.readouterr().out)["layout"] == "table"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--layout", "trace", "--dry-run"], "--dry-run: only for layout table, not for trace"),
        (["--layout", "table", "--quantity", "current"], "those belong to layout ramps"),
        (["--column", "pulses"], "--column pulses: write ROLE=TEXT"),
        (["--pulse-width", "500"], "--pulse-width '500' has no unit"),
    ],
)
def test_options_that_do_not_fit_are_refused(write, capsys, arguments, message):
    assert main(["import", str(write(COUNTED)), *arguments]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_a_pipe_is_refused_and_not_waited_for(tmp_path, capsys):
    os.mkfifo(tmp_path / "pipe.csv")
    assert main(["import", str(tmp_path / "pipe.csv"), "--runs", str(tmp_path / "runs")]) == 2
    assert "pipe.csv" in capsys.readouterr().err
    assert not (tmp_path / "runs").exists()


def test_a_data_set_that_links_elsewhere_or_claims_too_much_is_refused(tmp_path):
    h5py = pytest.importorskip("h5py")
    kind = [("current", "f4"), ("voltage", "f4"), ("pulse_width", "f4"), ("read_voltage", "f4"), ("op_type", "u4")]
    for name, told in (("link", "is a link to elsewhere"), ("large", "rows, more than 20000000")):
        path = tmp_path / f"{name}.h5"
        with h5py.File(path, "w") as file:
            file.attrs["H5DS_VERSION_MAJOR"] = 0
            group = file.create_group("crosspoints")
            if name == "link":
                group["W01B02"] = h5py.ExternalLink(str(tmp_path / "large.h5"), "/")
            else:
                group.create_dataset("W01B02/timeseries", shape=(10**10,), dtype=kind, chunks=(1000,))
        with pytest.raises(InputError, match=told):
            understand_table(path)
