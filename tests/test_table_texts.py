"""Tables as text: how they are cut and what they say of it; what can be read in two ways is refused."""

from __future__ import annotations

import hashlib

import pytest
from table_files import COUNTED, of

from instruments.errors import InputError
from labshd.runs.importing import import_table, understand_table, write_table
from protocols.common.protocol import UNKNOWN_COUNT

pytest_plugins = ["table_fixtures"]


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
            r"may be separated at commas \(--delimiter comma\) or nothing \(one column\) \(--delimiter none\)",
        ),
        ("time_s;G_uS\n0;1,234\n1;1,250\n", {}, r"'1,234' may be 1.234 \(--decimal comma\) or 1234 \(--decimal point"),
        ("time_s;G_uS\n0;1,5\n1.5;2\n", {}, "'1,5' has a decimal comma and '1.5' a decimal point"),
        ("time_s;G_uS\n0;1.234,5\n1;2\n2;3\n3;4\n4;5\n", {}, "'1.234,5' has thousands separators"),
        ("time_s;G_uS\n0;1\n1;2;3\n2;3\n3;4\n4;5\n5;6\n", {}, "line 3: 3 cells where 2 are expected: '1;2;3'"),
        ("nothing here\nbut words\n", {}, "it contains no table of numbers; its last line is 'but words'"),
        ("time_s,G_uS\n0,1\n", {"delimiter": "tab"}, "separated at tabs, the last lines form no table of numbers"),
        ("a,b\n0,1\n", {"header_line": 1}, "no column of conductance, current or resistance was recognised"),
        (b"\xd0\xcf\x11\xe0rest", {}, r"an old Excel workbook \(.xls\).*save it as .xlsx"),
        (b"\x89PNG\r\n", {}, r"a picture \(PNG\), not a table"),
        (b"%PDF-1.7", {}, "a PDF, not a table"),
        (b"PK\x03\x04rest", {}, "the workbook is incomplete or damaged"),
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


def test_a_file_that_changes_after_it_was_understood_is_imported_as_it_was(write, tmp_path):
    path = write(COUNTED)
    understood = understand_table(path)
    write(COUNTED.replace("12", "13"))
    (run,) = write_table(understood, runs=tmp_path / "runs")
    assert of(run)[1] == [10e-6, 11e-6, 12e-6, 11e-6, 10.5e-6]
    assert run.info["settings"]["files"][0]["sha256"] == hashlib.sha256(COUNTED.encode()).hexdigest()


def test_readings_that_a_quote_runs_through_are_told_not_a_fault(write):
    with pytest.raises(InputError):
        understand_table(write('t (s),G (uS)\n0,1\n1,"' + "2" * 200_000 + "\n"))
