"""The end of a block: what an instrument did not take is raised there, and a restart that no connection was lost by."""

import numpy as np
import pytest
from pymeasure.test import expected_protocol
from rehearsed import rehearsed

from instruments.drivers.keithley_2450.smu import Keithley2450
from instruments.errors import CommandRefused, InstrumentError
from instruments.limits import Limits

LIMITS = Limits(pulse_voltage=5.0, pulse_width=1e-3, read_voltage=0.5, current=2e-3, pulses_per_crosspoint=1000)
ASK = "*ESR?;:SYST:ERR?"


def unit(*pairs):
    return expected_protocol(Keithley2450, list(pairs), limits=LIMITS)


def test_status_and_errors_are_one_message():
    with unit((ASK, '0;0,"No error"')) as instrument:
        instrument.end_block()
    with unit((ASK, '1;+0,"No error"')) as instrument:  # operation complete is no restart
        instrument.end_block()


def test_every_error_is_named():
    pairs = ((ASK, '32;-113,"Undefined header"'), (":SYST:ERR?", '-222,"Data out of range"'), (":SYST:ERR?", '0,"No"'))
    with unit(*pairs) as instrument, pytest.raises(CommandRefused, match=r"-113.*-222"):
        instrument.end_block()


def test_a_restart_is_told_by_the_event_status():
    with unit((ASK, '128;0,"No error"')) as instrument, pytest.raises(InstrumentError, match="off and on again"):
        instrument.end_block()
    with unit((ASK, 'what;0,"No error"')) as instrument, pytest.raises(InstrumentError, match="a number belongs"):
        instrument.end_block()


ROLES = {"generator": "TCPIP0::192.168.0.11::inst0::INSTR", "smu": "TCPIP0::192.168.0.12::inst0::INSTR"}


@pytest.mark.parametrize("role", ROLES)
def test_a_restart_in_the_middle_of_a_trace_ends_it_with_an_error(role: str) -> None:
    with rehearsed("ecram.toml") as station:
        assert station.virtual is not None
        twin = station.virtual.twins[ROLES[role]]
        block = station["A1"]
        list(block.stream(np.ones(3, dtype=int)))
        stream = block.stream(np.ones(6, dtype=int))
        good = [next(stream) for _ in range(3)]
        twin.restart()  # type: ignore[attr-defined]
        after = []
        with pytest.raises(InstrumentError, match="off and on again"):
            after.extend(stream)
        assert all(np.all(readings.status == 0) for readings in good)
        if role == "smu":  # readings without their voltage are none
            assert all(np.all(readings.status != 0) for readings in after)
        station.virtual.faults.clear()  # a generator that has restarted runs freely until the block ends


@pytest.mark.parametrize("role", ROLES)
def test_an_error_in_the_queue_ends_a_trace_and_not_a_pulse(role: str) -> None:
    with rehearsed("ecram.toml") as station:
        assert station.virtual is not None
        block = station["A1"]
        stream = block.stream(np.ones(3, dtype=int))
        next(stream)
        station.virtual.twins[ROLES[role]].push_error(-240, "Hardware error")  # type: ignore[attr-defined]
        assert len([next(stream), next(stream)]) == 2
        with pytest.raises(CommandRefused, match="-240"):
            next(stream)


def test_a_block_without_errors_costs_one_question_an_instrument(tmp_path) -> None:
    with rehearsed("ecram.toml") as station:
        station.keep_wire(tmp_path / "wire.jsonl")
        list(station["A1"].stream(np.ones(5, dtype=int)))
        station.keep_wire(None)
    lines = (tmp_path / "wire.jsonl").read_text(encoding="utf-8").splitlines()
    assert sum("*ESR?" in line for line in lines) == 2  # generator and source-measure unit
    assert sum("errorqueue.next" in line for line in lines) == 1  # the matrix
