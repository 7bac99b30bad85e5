"""Workbooks: sheets are cycles, devices, or one of them is chosen."""

from __future__ import annotations

import pytest
from table_files import of

from instruments.errors import InputError
from labshd.runs.importing import import_table, understand_table
from protocols.common.protocol import UNKNOWN_COUNT

pytest_plugins = ["table_fixtures"]


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
    with pytest.raises(InputError, match=r"it contains 2 tables, 'first', 'second'; take one with --sheet NAME"):
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
        InputError, match=r"formulas without a value; open the workbook(.|\n)*cell C2: the formula '=B2/0.1'"
    ) as caught:
        import_table(path, runs=tmp_path / "runs")
    assert "line 3: sheet 'Sheet1', cell C3" in str(caught.value)
    assert not (tmp_path / "runs").exists()


def test_a_workbook_without_a_table_is_refused(workbook):
    with pytest.raises(InputError, match="no table of numbers in sheet 'Sheet1'"):
        understand_table(workbook({"Sheet1": [["only", "words"]]}))
