"""The TSP of twins, and the 707B: statements, errors, channels."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from instruments.bench.wiring import Relay
from instruments.clock import VirtualClock
from sim_device.virtual_bench.boxes.keithley_707b import SETTLING, Keithley707BTwin


class Board:
    """A circuit that only notes what is closed."""

    def __init__(self):
        self.clock = VirtualClock()
        self.closed = []

    def matrix_closes(self, relays):
        self.closed.append(relays)


@pytest.fixture
def box():
    return Keithley707BTwin(Board(), cards=(1, 2))


def ask(box, message):
    box.receive(message)
    return box.transmit()


def next_error(box):
    return float(ask(box, "print(errorqueue.next())").split("\t")[0])


@pytest.mark.parametrize(
    ("code", "printed"),
    [
        ("print(1)", "1.00000e+00"),
        ('print("a", nil, true, -2.5e-3)', "a\tnil\ttrue\t-2.50000e-03"),
        ("print(1 + 2 * 3 - 4 / 2)", "5.00000e+00"),
        ("print((1 + 2) * 3)", "9.00000e+00"),
        ("x = 7 print(x)", "7.00000e+00"),
        ("print('a' .. 'b')", "ab"),
        ("print(2 > 1, 1 == 2, 1 ~= 2)", "true\tfalse\ttrue"),
        ("print(unknown)", "nil"),
        ("print(localnode.model)", "707B"),
        ("print(slot[1].idn)", "7072,8x12 Semi Matrix"),
        ('print(tonumber("1403"))', "1.40300e+03"),
    ],
)
def test_print_writes_as_the_instrument_does(box, code, printed):
    assert ask(box, code) == printed
    assert next_error(box) == 0


@pytest.mark.parametrize(
    "code", ["print(", "1 = 2", "channel..open()", "channel.open", "for", "x = ", "print(1))", "@", "*FOO"]
)
def test_what_cannot_be_parsed_is_a_syntax_error(box, code):
    box.receive(code)
    assert next_error(box) == -285
    assert next_error(box) == 0


@pytest.mark.parametrize(
    "code", ["chanel.open('allslots')", "channel.opn('1A01')", "x = 1 + nil", "localnode.model = 1", "foo()"]
)
def test_what_does_not_exist_is_a_runtime_error(box, code):
    box.receive(code)
    assert next_error(box) == -286


def test_print_gives_nothing_that_could_be_printed(box):
    box.receive("print(print(1))")
    assert [box.transmit(), box.transmit(), box.transmit()] == ["1.00000e+00", "", None]


def test_a_call_gives_all_its_results_in_the_last_place_and_one_before(box):
    assert ask(box, "a, b, c = errorqueue.next() print(a, b, c)") == "0.00000e+00\tQueue Is Empty\t0.00000e+00"
    assert ask(box, "print(errorqueue.next(), 1)") == "0.00000e+00\t1.00000e+00"
    assert ask(box, "x, y = 1 print(x, y)") == "1.00000e+00\tnil"


def test_statements_before_an_error_are_done(box):
    box.receive('channel.close("1A01") foo()')
    assert ask(box, 'print(channel.getclose("allslots"))') == "1A01"
    assert next_error(box) == -286


def test_close_adds_exclusiveclose_replaces_open_removes(box):
    box.receive('channel.close("1A01,1B02")')
    box.receive('channel.close("2H12")')
    assert ask(box, 'print(channel.getclose("allslots"))') == "1A01;1B02;2H12"
    assert ask(box, 'print(channel.getclose("slot2"))') == "2H12"
    assert ask(box, 'print(channel.getstate("1A01:1A03"))') == "1;0;0"
    box.receive('channel.open("1A01")')
    assert ask(box, 'print(channel.getclose("allslots"))') == "1B02;2H12"
    box.receive("channel.exclusiveclose('1C03')")
    assert ask(box, 'print(channel.getclose("allslots"))') == "1C03"
    box.receive('channel.open("allslots")')
    assert ask(box, 'print(channel.getclose("allslots"))') == "nil"
    assert box.circuit.closed[-2:] == [frozenset({Relay(1, "C", 3)}), frozenset()]


@pytest.mark.parametrize("channels", ["1A13", "1I01", "3A01", "7A01", "1A1", "", "1A03:1A01", "1A01:1B02", "nonsense"])
def test_a_channel_that_is_not_there_changes_nothing_and_is_an_error(box, channels):
    box.receive('channel.close("1A01")')
    box.receive(f'channel.close("{channels}")')
    assert next_error(box) == 1107
    assert ask(box, 'print(channel.getclose("allslots"))') == "1A01"


def test_relays_take_their_time_and_only_when_they_move(box):
    box.receive('channel.close("1A01")')
    box.receive('channel.close("1A01")')
    assert box.circuit.clock.now() == pytest.approx(SETTLING)


def test_reset_opens_everything_and_restores_the_rule(box):
    box.receive('channel.close("1A01") channel.connectrule = channel.OFF')
    assert ask(box, "print(channel.connectrule)") == "0.00000e+00"
    box.receive("*RST")
    assert box.closed == frozenset()
    assert ask(box, "print(channel.connectrule)") == "1.00000e+00"
    box.receive("channel.connectrule = 5")
    assert next_error(box) == 1114


def test_the_common_commands_answer(box):
    assert "707B" in ask(box, "*IDN?")
    assert ask(box, "*OPC?") == "1"
    box.receive("foo()")
    assert ask(box, "*STB?") == "4"
    box.receive("*CLS")
    assert ask(box, "print(errorqueue.count)") == "0.00000e+00"


@given(st.text(alphabet=" .,;()[]=+-*/\"'<>~channelopx019_", max_size=40))
def test_no_message_breaks_an_instrument(text):
    box = Keithley707BTwin(Board())
    box.receive(text)
    box.clear()
    assert "707B" in ask(box, "*IDN?")
