"""The bytes that the Keithley 707B driver sends, and how it notices a relay that did not move."""

import pytest
from pymeasure.test import expected_protocol

from instruments.drivers.keithley_707b import Keithley707B
from instruments.errors import CommandRefused, InputError, InstrumentError
from instruments.limits import Limits

LIMITS = Limits(pulse_voltage=5.0, pulse_width=1e-3, read_voltage=0.5, current=1e-3, pulses_per_crosspoint=1000)
CLOSE = 'channel.exclusiveclose("1A01,1C02") print(channel.getclose("allslots"), errorqueue.count)'
EMPTY = "0.00000e+00\tQueue Is Empty\t0.00000e+00\t1.00000e+00"


def matrix(*pairs):
    return expected_protocol(Keithley707B, list(pairs), limits=LIMITS)


def test_prepare_opens_everything_and_ends_with_an_empty_error_queue():
    with matrix(
        ("reset() errorqueue.clear()", None),
        ("channel.connectrule = channel.BREAK_BEFORE_MAKE", None),
        ("print(errorqueue.next())", EMPTY),
    ) as instrument:
        instrument.prepare()


def test_close_is_exclusive_and_verified_in_one_message():
    with matrix((CLOSE, "1A01;1C02\t0.00000e+00")) as instrument:
        instrument.close(["1C02", "1A01"])


def test_a_relay_that_stays_open_or_closed_is_noticed():
    for reply in ("1A01\t0.00000e+00", "1A01;1B02;1C02\t0.00000e+00", "nil\t0.00000e+00"):
        with matrix((CLOSE, reply)) as instrument, pytest.raises(InstrumentError, match="stuck"):
            instrument.close(["1A01", "1C02"])


def test_an_error_of_the_instrument_is_read_and_raised():
    pairs = (
        (CLOSE, "nil\t1.00000e+00"),
        ("print(errorqueue.next())", "1.10700e+03\tParameter error\t2.00000e+01\t1.00000e+00"),
        ("print(errorqueue.next())", EMPTY),
    )
    with matrix(*pairs) as instrument, pytest.raises(CommandRefused, match="Parameter error"):
        instrument.close(["1A01", "1C02"])


def test_closing_nothing_opens_everything():
    opened = 'channel.open("allslots") print(channel.getclose("allslots"), errorqueue.count)'
    with matrix((opened, "nil\t0.00000e+00")) as instrument:
        instrument.close([])


@pytest.mark.parametrize("name", ["1A1", "A01", "7A01", "1I01", 'x") os.exit("', ""])
def test_what_is_no_relay_is_refused_before_a_byte_is_sent(name):
    with matrix() as instrument, pytest.raises(InputError, match="written like 1A02"):
        instrument.close([name])


@pytest.mark.parametrize(("reply", "closed"), [("nil", set()), ("1A01", {"1A01"}), ("1A01;6H12", {"1A01", "6H12"})])
def test_closed_is_what_the_instrument_says(reply, closed):
    with matrix(('print(channel.getclose("allslots"))', reply)) as instrument:
        assert instrument.closed() == closed


def test_off_writes_and_asks_nothing():
    with matrix(('channel.open("allslots")', None)) as instrument:
        instrument.off()


def test_relays_are_named_slot_row_column():
    with matrix() as instrument:
        assert instrument.channel(1, "A", 2) == "1A02"
        assert instrument.channel(6, "H", 12) == "6H12"


@pytest.mark.parametrize(
    ("slot", "row", "column"), [(0, "A", 1), (7, "A", 1), (1, "I", 1), (1, "AB", 1), (1, "A", 13), (1, "", 1)]
)
def test_a_relay_that_the_matrix_lacks_is_refused(slot, row, column):
    with matrix() as instrument, pytest.raises(InputError, match="not in this matrix"):
        instrument.channel(slot, row, column)
