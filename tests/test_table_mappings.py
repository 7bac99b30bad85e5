"""A mapping in a file says what flags say."""

from __future__ import annotations

from pathlib import Path

import pytest
from table_files import COUNTED, of

from instruments.errors import InputError
from labshd.runs.importing import understand_table

pytest_plugins = ["table_fixtures"]


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
        ('[units]\ncurrent = "kg"\n', "current = 'kg' is not a unit of current"),
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
