"""What columns are: counts, currents, cycles and devices become points in SI units."""

from __future__ import annotations

import numpy as np
import pytest
from table_files import of

from instruments.crosspoints import Status
from labshd.runs.importing import import_table
from protocols.common.protocol import UNKNOWN_COUNT

pytest_plugins = ["table_fixtures"]


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
