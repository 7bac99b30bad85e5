"""The SCPI of twins: both forms, any case, optional keywords, chains, suffixes, queues and status, as the standards."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim_device.virtual_bench.languages.scpi import ScpiTwin
from sim_device.virtual_bench.languages.scpi_common import common_commands
from sim_device.virtual_bench.languages.scpi_settings import Choice, Flag, Number, SettingsTwin, add_settings
from sim_device.virtual_bench.languages.scpi_values import ScpiError, number, split_outside_quotes

SETTINGS = (
    Number("[:SOURce]:VOLTage#2[:LEVel][:IMMediate]:HIGH", "high", "V", -5, 5, 0.5),
    Number("[:SOURce]:PULSe:WIDTh#2", "width", "S", 1e-9, 10, 1e-6),
    Number(":OUTPut#2:LOAD", "load", "OHM", 0.3, float("inf"), 50),
    Choice(":SENSe:FUNCtion", "sense", ("CURRent", "VOLTage"), quoted=True),
    Flag(":OUTPut#2[:STATe]", "output"),
)


class Box(SettingsTwin):
    settings = SETTINGS
    channels = 2
    identity = "MAKER,BOX,1,1.0"
    tree = add_settings(common_commands(), SETTINGS)


def ask(box, message):
    box.receive(message)
    return box.transmit()


def errors(box):
    codes = []
    while box.errors:
        codes.append(int(ask(box, "SYST:ERR?").split(",")[0]))
    return codes


@pytest.mark.parametrize(
    "header",
    [
        ":SOURce:VOLTage:LEVel:IMMediate:HIGH",
        "SOUR:VOLT:LEV:IMM:HIGH",
        "volt:high",
        ":Voltage1:High",
        "SOUR:VOLTAGE1:IMM:HIGH",
        "VOLT:LEV:HIGH",
    ],
)
def test_one_command_has_many_spellings(header):
    box = Box()
    box.receive(f"{header} 1.5")
    assert float(ask(box, f"{header}?")) == 1.5
    assert errors(box) == []


def test_a_numeric_suffix_chooses_the_channel():
    box = Box()
    box.receive("VOLT2:HIGH 2")
    assert float(ask(box, "VOLT2:HIGH?")) == 2.0
    assert float(ask(box, "VOLT:HIGH?")) == 0.5
    box.receive("VOLT3:HIGH 2")
    assert errors(box) == [-114]


@pytest.mark.parametrize(
    "header", ["VOLTA:HIGH", "VOL:HIGH", "HIGH", "VOLT:HIG", "VOLT", "OUTP:STATE1:X", "*FOO", "SOUR2:VOLT:HIGH"]
)
def test_what_is_not_modelled_is_an_undefined_header(header):
    box = Box()
    box.receive(f"{header} 1")
    assert errors(box) == [-113]


def test_a_chain_continues_the_path_and_a_colon_starts_anew():
    box = Box()
    box.receive(":SOUR:PULS:WIDT1 500NS;WIDT2 2 US;:OUTP1:STAT ON;*CLS;LOAD 1KOHM")
    assert float(ask(box, "PULS:WIDT1?")) == pytest.approx(5e-7)
    assert float(ask(box, "PULS:WIDT2?")) == pytest.approx(2e-6)
    assert ask(box, "OUTP1?;:OUTP2?;:PULS:WIDT?") == "1;0;5.000000E-07"
    box.receive(":PULS:WIDT 1US;VOLT:HIGH 1")  # PULSe:VOLTage is no command
    assert errors(box) == [-113]


def test_after_an_unknown_header_the_rest_of_the_message_is_discarded_and_what_came_before_is_done():
    box = Box()
    box.receive("VOLT:HIGH 1;:FOO 2;:VOLT:HIGH 3")
    assert float(ask(box, "VOLT:HIGH?")) == 1.0
    assert errors(box) == [-113]


def test_after_a_refused_value_the_message_goes_on():
    box = Box()
    box.receive("VOLT:HIGH 9;:OUTP ON")
    assert ask(box, "OUTP?") == "1"
    assert float(ask(box, "VOLT:HIGH?")) == 0.5
    assert errors(box) == [-222]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("VOLT:HIGH abc", -224),
        ("VOLT:HIGH 1A", -131),
        ("VOLT:HIGH", -109),
        ("VOLT:HIGH 1,2", -108),
        ("VOLT:HIGH 6", -222),
        ("VOLT:HIGH 1 2", -104),
        ("OUTP MAYBE", -224),
        ('SENS:FUNC "RES"', -224),
        ("SENS:FUNC CURR", -104),
        ("*RST 1", -108),
        ("!", -102),
        ("VOLT::HIGH 1", -102),
    ],
)
def test_a_wrong_parameter_has_its_own_error(text, code):
    box = Box()
    box.receive(text)
    assert errors(box) == [code]


def test_minimum_maximum_and_default_can_be_set_and_asked():
    box = Box()
    assert [float(ask(box, f"VOLT:HIGH? {word}")) for word in ("MIN", "MAXimum", "def")] == [-5, 5, 0.5]
    box.receive("VOLT:HIGH MAX")
    assert float(ask(box, "VOLT:HIGH?")) == 5
    box.receive("OUTP:LOAD INF")
    assert ask(box, "OUTP:LOAD?") == "9.900000E+37"


@pytest.mark.parametrize(
    ("text", "unit", "value"),
    [
        ("500NS", "S", 5e-7),
        ("5 mv", "V", 5e-3),
        ("1MOHM", "OHM", 1e6),
        ("2MHZ", "HZ", 2e6),
        ("3MAHZ", "HZ", 3e6),
        (".5", "V", 0.5),
        ("-1.5E-3V", "V", -1.5e-3),
        ("+2", "", 2.0),
    ],
)
def test_numbers_carry_units_as_ieee_488_2_writes_them(text, unit, value):
    assert number(text, unit) == pytest.approx(value)


@given(st.floats(allow_nan=False, allow_infinity=False, width=32))
def test_a_number_written_by_python_is_read_as_it_is(value):
    assert number(f"{value:.9e}", "V") == pytest.approx(value, rel=1e-8)


@given(st.text(alphabet=" :;,*?\"'()#ABCabc0123.-+eE\n", max_size=40))
def test_no_message_breaks_an_instrument(text):
    box = Box()
    box.receive(text)
    box.clear()
    box.errors.clear()
    assert ask(box, "*IDN?") == "MAKER,BOX,1,1.0"


def test_quotes_protect_separators():
    assert split_outside_quotes('a;"b;c";d', ";") == ["a", '"b;c"', "d"]
    assert split_outside_quotes("(@1,2),3", ",") == ["(@1,2)", "3"]


def test_errors_queue_first_in_first_out_and_say_when_they_overflow():
    box = Box()
    for _ in range(25):
        box.receive("FOO")
    codes = errors(box)
    assert codes == [-113] * 19 + [-350]
    assert ask(box, "SYST:ERR?") == '0,"No error"'


def test_a_query_that_is_not_read_is_interrupted_and_a_read_without_a_query_unterminated():
    box = Box()
    box.receive("*IDN?")
    box.receive("OUTP ON")
    assert errors(box) == [-410]
    assert box.transmit() is None
    assert errors(box) == [-420]


def test_the_event_register_tells_classes_of_errors_once():
    box = Box()
    assert ask(box, "*ESR?") == "128"  # power on
    box.receive("FOO")
    box.receive("VOLT:HIGH 99")
    box.receive("*OPC")
    assert ask(box, "*ESR?") == str(32 + 16 + 1)
    assert ask(box, "*ESR?") == "0"


def test_the_status_byte_sums_up():
    box = Box()
    box.receive("*CLS;*ESE 32;*SRE 32")
    assert box.status_byte() == 0
    box.receive("FOO")
    assert box.status_byte() == 64 + 32 + 4
    box.receive("*IDN?")
    assert box.status_byte() & 16


def test_reset_restores_only_what_it_should():
    class Resetting(Box):
        def reset(self):
            self.restore_defaults()

    box = Resetting()
    box.receive("VOLT:HIGH 2;FOO")
    box.receive("*RST")
    assert float(ask(box, "VOLT:HIGH?")) == 0.5
    assert errors(box) == [-113]  # *RST leaves the error queue alone, *CLS empties it


def test_a_setting_that_conflicts_is_refused_and_stays_as_it_was():
    class Picky(Box):
        def changed(self, name, channel):
            if self.value("high") > 4:
                raise ScpiError(-221, "Settings conflict")

    box = Picky()
    box.receive("VOLT:HIGH 4.5")
    assert errors(box) == [-221]
    assert float(ask(box, "VOLT:HIGH?")) == 0.5


def test_an_instrument_without_triggers_says_so():
    class Plain(ScpiTwin):
        identity = "P"
        tree = common_commands()

    plain = Plain()
    plain.receive("*TRG")
    assert errors(plain) == [-211]
