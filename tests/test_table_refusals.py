"""Tables that are ambiguous, or hold what cannot be, are refused with line and what to try."""

from __future__ import annotations

import pytest

from instruments.errors import InputError
from labshd.runs.importing import import_table, understand_table

pytest_plugins = ["table_fixtures"]


@pytest.mark.parametrize(
    ("text", "said", "message"),
    [
        ("t (s),I (A)\n0,1e-6\n1,2e-6\n", {}, 'to turn current into conductance: --column voltage='),
        ("t,G\n0,1\n1,2\n", {}, r"column 't' \(time\) has no unit; give it, such as --unit time=ms"),
        ("t (s),G (mV)\n0,1\n1,2\n", {"columns": {"conductance": "G"}}, r"column 'G .mV.' is in mV, conductance is"),
        ("t (s),I (A),V (V)\n0,1e-6,1\n1,1e-6,1\n", {}, "may be voltage or pulse_voltage; choose one"),
        ("pulse,G (uS)\n1,2\n2,3\n", {}, "column 'pulse' may be pulses or pulse_number"),
        ("pulse number,G (uS)\n1,2\n2,3\n", {}, "pulse numbers do not give the direction.*--pulses-are up or"),
        ("G (uS)\n2\n3\n", {}, "no column gives pulses or time; say what was done before each reading"),
        ("t (s),G1 (uS),G2 (uS)\n0,2,5\n1,3,6\n", {}, "are all conductance; take one.*--columns-are cycles or"),
        ("t (s),G (uS)\n0,2\n1,3\n", {"columns": {"time": "tim"}}, "--column time=tim: no such column; they are 't"),
        ("t (s),G (uS)\n0,2\n1,3\n", {"columns": {"time": "#7"}}, "columns are #1 to #2"),
        ("t (s),G (uS)\n0,2\n1,3\n", {"columns": {"tme": "t"}}, "--column tme=...: no such role; did you mean 'time'"),
        ("t (s),G (uS)\n0,2\n1,3\n", {"units": {"time": "uA"}}, "time = 'uA' is not a unit of time"),
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
        ("pulses,G (fS)\n1,.10\n1,.11\n", "the median conductance is 105 aS; less than 1 fS can hardly be measured"),
        ("pulses,I (mA),Vread (uV)\n1,1,1\n1,2,1\n", "line 3: .*less than 1 S: check the units .*--read-voltage"),
        (
            "pulses,G (mS),R (kOhm)\n1,10,100\n1,11,90.9\n",
            "conductance is 1e.03 times 1 / resistance.*one of the units is wrong",
        ),
        ("pulses,G (uS)\n" + "1,5\n" * 10, "all 10 readings are 5e-06"),
        ("pulses,G (uS)\n" + "".join(f"1,-{n}\n" for n in range(1, 12)), "negative in nearly all readings"),
        ("pulses,G (uS)\n1.5,5\n1,6\n", "line 2: pulses is 1.5; pulses are counted in whole numbers"),
        (RISING, r"line 2: pulses go 1, 2, 3, ...: .*--column pulse_number=NAME"),
        ("Pulse number,polarity,G (uS)\n8,up,5\n9,up,6\n4,up,5\n", "line 4: the pulse number falls from 9 to 4"),
        ("polarity,G (uS)\nup,5\nleft,6\n", "line 3: pulse sign: 'left' is not a direction"),
        ("pulses,polarity,G (uS)\n-1,up,5\n1,up,6\n", "line 2: pulses is -1, but the pulse sign is .1"),
        ("t (s),G (uS)\n0,1\n5,2\n1,3\n", "line 4: time runs backwards, from 5 s to 1 s: two devices or two cycles"),
        (IN_TURN, "as if two devices were read in turn; name the column that tells them apart, --column device=NAME"),
        ("cycle,pulses,G (uS)\n1,1,5\n2,1,6\n1,1,7\n", "line 4: cycle 1 comes again after cycle 2"),
        ("device,pulses,G (uS)\nA,1,5\n,1,6\n", "line 3: the name of the device is empty"),
        ("pulses,R (Ohm)\n1,5e4\n1,0\n", "line 3: the resistance is zero"),
        ("pulses,G (uS)\n1,\n1,nan\n1,\n-1,5\n".replace("5", "--"), "column 'G .uS.' contains no readings"),
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
