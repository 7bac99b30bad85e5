"""The bytes that the Keithley 7001 driver sends, and how it notices a relay that did not move."""

import pytest
from pymeasure.test import expected_protocol

from instruments.drivers.keithley_7001 import Keithley7001
from instruments.errors import CommandRefused, InputError, InstrumentError
from instruments.limits import Limits

LIMITS = Limits(pulse_voltage=5.0, pulse_width=1e-3, read_voltage=0.5, current=1e-3, pulses_per_crosspoint=1000)
CLOSE = ":ROUT:OPEN ALL;:ROUT:CLOS (@1!1!1,1!3!2);*OPC?;:ROUT:CLOS:STAT?"
NONE = '0,"No error"'


def matrix(*pairs):
    return expected_protocol(Keithley7001, list(pairs), limits=LIMITS)


def test_prepare_opens_everything_and_ends_with_an_empty_error_queue():
    with matrix(("*RST;*CLS", None), (":ROUT:OPEN ALL;:SYST:ERR?", NONE)) as instrument:
        instrument.prepare()


def test_close_opens_first_and_verifies_in_the_same_message():
    with matrix((CLOSE, "1;(@1!1!1,1!3!2)")) as instrument:
        instrument.close(["1!3!2", "1!1!1"])


def test_a_relay_that_stays_open_or_closed_is_noticed():
    for reply in ("1;(@1!1!1)", "1;(@1!1!1,1!2!2,1!3!2)", "1;(@)"):
        with matrix((CLOSE, reply), (":SYST:ERR?", NONE)) as instrument, pytest.raises(InstrumentError, match="stuck"):
            instrument.close(["1!1!1", "1!3!2"])


def test_an_error_of_the_instrument_is_read_and_raised():
    pairs = ((CLOSE, "1;(@)"), (":SYST:ERR?", '-222,"Parameter data out of range"'), (":SYST:ERR?", NONE))
    with matrix(*pairs) as instrument, pytest.raises(CommandRefused, match="-222"):
        instrument.close(["1!1!1", "1!3!2"])


def test_closing_nothing_opens_everything():
    with matrix((":ROUT:OPEN ALL;*OPC?;:ROUT:CLOS:STAT?", "1;(@)")) as instrument:
        instrument.close([])


@pytest.mark.parametrize("name", ["1!1", "3!1!1", "1!5!1", "1!1!11", "1!1!0", "1A01", "1!1!1);*RST;(@1!1!1", ""])
def test_what_is_no_relay_is_refused_before_a_byte_is_sent(name):
    with matrix() as instrument, pytest.raises(InputError, match="written like 1!1!2"):
        instrument.close([name])


def test_rows_are_letters_for_the_station_and_numbers_for_the_instrument():
    with matrix() as instrument:
        assert instrument.channel(2, "D", 10) == "2!4!10"


def test_off_writes_and_asks_nothing():
    with matrix((":ROUT:OPEN ALL", None)) as instrument:
        instrument.off()
