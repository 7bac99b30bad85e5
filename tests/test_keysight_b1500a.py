"""Keysight B1500A: the bytes of both its roles, one connection for two of them, and a twin that speaks FLEX."""

import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymeasure.test import expected_protocol

from instruments.bench.wiring import Kind, Wiring
from instruments.crosspoints import Pulse, Status
from instruments.drivers import load
from instruments.drivers.keysight_b1500a.smu import KeysightB1500ASmu
from instruments.drivers.keysight_b1500a.spgu import KeysightB1500ASpgu
from instruments.errors import CommandRefused, InputError, InstrumentError, LimitError, WrongInstrument
from instruments.limits import Limits
from instruments.wire import Wire
from sim_device.virtual_bench import VirtualBench, make_devices
from sim_device.virtual_bench.boxes.twins import Cabled
from sim_device.virtual_bench.languages.flex import shown

LIMITS = Limits(pulse_voltage=40.0, pulse_width=0.1, read_voltage=40.0, current=0.1, pulses_per_crosspoint=10_000)
NAME = "GPIB0::17::INSTR"
SPGU = "keysight-b1500a-spgu"
NONE = '+0,"No Error."\r'
UNITS = "B1525A,0;B1517A,0;0,0;B1510A,0;0,0;0,0;0,0;0,0;0,0;0,0\r"
SPGU_SETUP = "SIM 0;SPRM 1,1;SER 101,1000000;SPM 101,1;SPV 101,1,0,0;ODSW 101,0;ERRX?"
UP = (
    "SIM 0;SPRM 1,1;SER 101,1000000;SPM 101,1;SPPER 10;SPT 101,1,0,5E-07,2.4E-08,2.4E-08;"
    "SPPER 1.07E-06;SPV 101,1,0,2;ERRX?"
)
FIRE = ("SPRM 1,3;SPUPD 101;SRP;ERRX?", NONE)
ON = "CN 2;DV 2,5,0.1,5E-05,0,16;ERRX?"
LEARNT = "DV2,5,+1.0000E-01,+5.0000E-05,0,16\r"
BIAS = (("AAD 2,0;AIT 0,2,1;ERRX?", NONE), (ON, NONE), ("*LRN? 2", LEARNT))


def pulses(*pairs):
    return expected_protocol(KeysightB1500ASpgu, list(pairs), limits=LIMITS)


def unit(*pairs, channel=2):
    return expected_protocol(KeysightB1500ASmu, list(pairs), limits=LIMITS, channel=channel)


# -- bytes: the mainframe ----------------------------------------------------------------------------------------------


def test_prepare_resets_reads_the_error_queue_empty_and_looks_for_the_module():
    pairs = [("*RST", None), ("ERRX?", '+100,"Undefined GPIB command."\r'), ("ERRX?", NONE), ("UNT?", UNITS)]
    with pulses(*pairs, (SPGU_SETUP, NONE)) as instrument:
        instrument.prepare()


def test_a_channel_without_the_module_that_the_role_needs_is_refused_with_what_there_is():
    pairs = [("*RST", None), ("ERRX?", NONE), ("UNT?", UNITS)]
    with unit(*pairs, channel=1) as instrument, pytest.raises(WrongInstrument) as refused:
        instrument.prepare()
    for part in ("B1517A", "channel 1", "slot 1 has B1525A", "2: B1517A, 4: B1510A"):
        assert part in str(refused.value)
    with pytest.raises(InputError, match="no channel 11"):
        KeysightB1500ASmu(None, LIMITS, channel=11)


def test_two_roles_on_one_connection_reset_the_box_once_and_the_last_one_switches_all_of_it_off():
    first = [("*RST", None), ("ERRX?", NONE), ("UNT?", UNITS), (SPGU_SETUP, NONE), ("FMT 11,0;TSR;ERRX?", NONE)]
    used = [*BIAS, ("CN 101;ERRX?", NONE), ("CL 101", None), ("CL", None), ("*LRN? 0", "CL\r")]
    again = [("*RST", None), ("ERRX?", NONE), (SPGU_SETUP, NONE)]
    with pulses(*first, *used, *again) as generator:
        smu = KeysightB1500ASmu(generator.adapter, LIMITS)
        generator.prepare()
        smu.prepare()
        smu.configure(0.1, 5e-5, 1.0)
        smu.output_on()
        generator.output_on()
        generator.off()
        smu.off()
        assert smu.is_off()
        with pytest.raises(InputError, match="output is off"):
            smu.measure()
        generator.prepare()  # again: the box is reset, and the other role has no compliance any more
        with pytest.raises(InputError, match="no compliance"):
            smu.output_on()


@pytest.mark.parametrize(("answer", "off"), [("CL\r", True), ("CN2,101\r", False), ("CN101\r", False)])
def test_whether_the_box_is_off_is_asked_of_the_box(answer, off):
    with unit(("*LRN? 0", answer)) as instrument:
        assert instrument.is_off() is off


def test_an_answer_that_is_none_is_an_error():
    with unit(("*LRN? 0", "FRONT PANEL\r")) as instrument, pytest.raises(InstrumentError, match="CL or CN"):
        instrument.is_off()


def test_errors_are_named_and_a_message_is_never_longer_than_the_input_buffer():
    with pulses(
        (SPGU_SETUP, '+120,"Incorrect parameter value."\r'), ("ERRX?", '+200,"Channel output switch must be ON."\r'),
        ("ERRX?", NONE),
    ) as instrument, pytest.raises(CommandRefused, match=r"SIM 0;.*\+120.*\+200"):  # fmt: skip
        instrument.settle(instrument._setup())
    sent = []

    class Deaf(KeysightB1500ASpgu):
        def ask(self, command, query_delay=None):
            sent.append(command)
            return NONE

    Deaf(generator_adapter(), LIMITS).settle([f"SPV 101,1,0,{number}" for number in range(60)])
    assert len(sent) > 2
    assert all(len(message) < 256 and message.endswith(";ERRX?") for message in sent)
    assert sum(message.count("SPV") for message in sent) == 60


def generator_adapter():
    with pulses() as instrument:
        return instrument.adapter


# -- bytes: the pulse generator ----------------------------------------------------------------------------------------


def test_a_pulse_is_said_with_everything_it_depends_on_and_numbers_that_stay_what_they_are():
    with pulses((UP, NONE)) as instrument:
        instrument.configure(Pulse(2.0, 5e-7))


def test_the_shortest_pulse_of_the_data_sheet_and_a_negative_one_have_no_zero_in_them():
    shortest = (
        "SIM 0;SPRM 1,1;SER 101,1000000;SPM 101,1;SPPER 10;SPT 101,1,0,5E-08,2E-08,2E-08;"
        "SPPER 1.6E-07;SPV 101,1,0,-1.25;ERRX?"
    )
    with pulses((shortest, NONE)) as instrument:
        instrument.configure(Pulse(-1.25, 50e-9))


def test_a_width_between_the_steps_of_the_box_becomes_the_next_shorter_one():
    with pulses((UP, NONE)) as instrument:
        instrument.configure(Pulse(2.0, 5.02e-7))


@pytest.mark.parametrize(
    ("pulse", "says"),
    [
        (Pulse(1.0, 40e-9), "below the shortest"),
        (Pulse(12.0, 60e-9), "too short for 12 V"),
        (Pulse(-30.0, 140e-9), "too short for -30 V"),
        (Pulse(0.04, 1e-6), "below this generator's least"),
        (Pulse(41.0, 1e-6), "limits.pulse_voltage"),
        (Pulse(-40.0, 1e-6), "beyond this generator, 39.9 V"),
    ],
)
def test_a_pulse_beyond_the_generator_sends_nothing(pulse, says):
    with pulses() as instrument, pytest.raises(LimitError, match=re.escape(says)):
        instrument.configure(pulse)


def test_a_burst_is_started_once_and_asked_for_until_it_is_over():
    fired = [(UP, NONE), ("CN 101;ERRX?", NONE), FIRE, ("SPST?", "1\r"), ("SPST?", "0\r")]
    with pulses(*fired) as instrument:
        instrument.configure(Pulse(2.0, 5e-7))
        instrument.output_on()
        assert instrument.fire(3) == pytest.approx(3 * 1.07e-6)


def test_a_burst_that_was_refused_is_an_error_and_not_waited_for():
    refused = ("SPRM 1,3;SPUPD 101;SRP;ERRX?", '+200,"Channel output switch must be ON."\r')
    pairs = [(UP, NONE), ("CN 101;ERRX?", NONE), refused, ("ERRX?", NONE)]
    with pulses(*pairs) as instrument:
        instrument.configure(Pulse(2.0, 5e-7))
        instrument.output_on()
        with pytest.raises(CommandRefused, match="SRP"):
            instrument.fire(3)


def test_an_end_that_is_not_told_leaves_the_number_of_pulses_unknown():
    with pulses((UP, NONE), ("CN 101;ERRX?", NONE), FIRE, ("SPST?", "FRONT PANEL\r")) as instrument:
        instrument.configure(Pulse(2.0, 5e-7))
        instrument.output_on()
        with pytest.raises(InstrumentError, match="whether 3 pulses came is unknown"):
            instrument.fire(3)


def test_pulses_need_a_pulse_and_a_closed_switch():
    with pulses((UP, NONE)) as instrument:
        with pytest.raises(InputError, match="no pulse"):
            instrument.fire(1)
        instrument.configure(Pulse(2.0, 5e-7))
        with pytest.raises(InputError, match="output switch is open"):
            instrument.fire(1)


# -- bytes: the source-measure unit ------------------------------------------------------------------------------------


def test_the_bias_goes_out_with_its_compliance_as_the_switch_closes_and_is_read_back_once():
    off_on = [("CL", None), (ON, NONE)]
    with unit(*BIAS, *off_on) as instrument:
        instrument.configure(0.1, 5e-5, 1.0)
        instrument.output_on()
        instrument.off()
        instrument.output_on()


def test_a_compliance_that_was_not_taken_switches_off():
    wrong = ("*LRN? 2", LEARNT.replace("+5.0000E-05", "+1.0000E-04"))
    with unit(*BIAS[:2], wrong, ("CL", None)) as instrument:
        instrument.configure(0.1, 5e-5, 1.0)
        with pytest.raises(InstrumentError, match="limits at 100 uA"):
            instrument.output_on()
        assert not instrument.on


def test_a_level_of_a_sweep_changes_the_level_alone():
    limits = LIMITS.model_copy(update={"sweep_voltage": 2.0})
    levels = [
        ("AAD 2,0;AIT 0,1,13;ERRX?", NONE),
        ("CN 2;DV 2,20,0,1E-05,0,15;ERRX?", NONE),
        ("*LRN? 2", "DV2,20,+0.0000E+00,+1.0000E-05,0,15\r"),
        ("DV 2,20,-0.5,1E-05,0,15;ERRX?", NONE),
    ]
    with expected_protocol(KeysightB1500ASmu, levels, limits=limits) as instrument:
        instrument.configure_sweep(2.0, 1e-5, 0.1)
        instrument.output_on()
        instrument.level(-0.5)


@pytest.mark.parametrize(
    ("reply", "current", "voltage", "status"),
    [
        ("NAT+1.200000E-03,NBI+1.234567E-06,NBV+100.0001E-03\r", 1.234567e-6, 0.1000001, Status.OK),
        ("NBV+100.0001E-03,TBI-1.2E-09,NAT+0.0E+00\r", -1.2e-9, 0.1000001, Status.OK),
        ("NAT+0.0E+00,CBI+50.0000E-06,CBV+20.000E-03\r", 5e-5, 0.02, Status.COMPLIANCE),
        ("NAT+0.0E+00,XBI+50.0000E-06,NBV+100.0E-03\r", 5e-5, 0.1, Status.INVALID),
        ("NAT+0.0E+00,VBI+199.9990E+99,NBV+100.0E-03\r", math.nan, math.nan, Status.OVERRANGE | Status.INVALID),
        ("NAT+0.0E+00,NBI+9.910000E+37,NBV+100.0E-03\r", math.nan, math.nan, Status.INVALID),
    ],
)
def test_a_reading_has_the_status_that_came_with_it(reply, current, voltage, status):
    with unit(*BIAS, ("TTIV 2,-16,-5", reply)) as instrument:
        instrument.configure(0.1, 5e-5, 1.0)
        instrument.output_on()
        (one,) = instrument.measure()
    assert one.current == pytest.approx(current, nan_ok=True)
    assert one.voltage == pytest.approx(voltage, nan_ok=True)
    assert one.status == status


@pytest.mark.parametrize(
    "reply",
    [
        "FRONT PANEL\r",
        "NAT+0.0E+00,NBI+1.0E-06\r",
        "NAT+0.0E+00,NCI+1.0E-06,NCV+1.0E-01\r",
        "NBI+1.0E-06,NBI+1.0E-06\r",
    ],
)
def test_what_is_no_reading_of_this_channel_is_an_error(reply):
    with unit(*BIAS, ("TTIV 2,-16,-5", reply)) as instrument:
        instrument.configure(0.1, 5e-5, 1.0)
        instrument.output_on()
        with pytest.raises(InstrumentError, match="TTIV"):
            instrument.measure()


@pytest.mark.parametrize(
    ("cycles", "sent"),
    [(1.0, "AIT 0,2,1"), (10.0, "AIT 0,2,10"), (0.1, "AIT 0,1,13"), (0.01, "AIT 0,1,1"), (2.5, "AIT 0,1,320")],
)
def test_integration_is_in_line_cycles_or_in_samples(cycles, sent):
    with unit((f"AAD 2,0;{sent};ERRX?", NONE)) as instrument:
        instrument.configure(0.1, 5e-5, cycles)


@pytest.mark.parametrize(
    ("voltage", "compliance", "cycles"),
    [(0.1, 5e-5, 8.5), (0.1, 5e-5, 0.001), (0.1, 1e-10, 1.0), (39.0, 0.06, 1.0), (0.1, 5e-5, math.nan)],
)
def test_a_bias_beyond_the_module_sends_nothing(voltage, compliance, cycles):
    with unit() as instrument, pytest.raises(InputError):
        instrument.configure(voltage, compliance, cycles)


# -- the twin ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def bench():
    roles = [Cabled("keysight-b1500a-spgu", 101), Cabled("keysight-b1500a-smu", 2)]
    return VirtualBench(Wiring(Kind.THREE_TERMINAL, None), make_devices(["a"], "ecram", seed=1), {NAME: roles})


@pytest.fixture
def box(bench):
    return bench.twins[NAME]


def ask(box, message):
    box.receive(message)
    return (box.transmit() or "").strip()


def errors(box):
    found = []
    while (entry := ask(box, "ERRX?")) != '+0,"No Error."':
        found.append(int(entry.split(",")[0]))
    return found


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("*CLS", 100), ("FOO", 100), (":SPV 101,1,0,1", 100), ("SPV 101,1,0,1 V", 102), ("SPPER", 103),
        ("SPPER 1E-6,2", 103), ("SPPER 1E-9", 120), ("SPPER 0.000000", 120), ("SPM 101,4", 120), ("SIM 1", 120),
        ("SPV 301,1,0,1", 121), ("DV 101,0,1,1E-5", 121), ("SPV 101,1,0,41", 120), ("SPT 101,1,0,5E-9,8E-9", 120),
        ("SPRM 1,0", 120), ("SPRM 1,1000001", 120), ("SRP", 200), ("DV 2,0,0.1,1E-5", 200), ("TTIV 2", 200),
        ("CN 2;DV 2,20,2.1,1E-5", 120), ("CN 2;DV 2,21,1,1E-5", 124), ("CN 2;DV 2,0,1,0.2", 123),
        ("CN 2;DV 2,0,50,1E-3", 202), ("CN 2;DI 2,0,1E-6", 201), ("CN 2;TTIV 2,-16", 124), ("SER 101,2E6", 120),
        ("SER 101,0", 120), ("CN 1,2,3,4,1,2,3,4,1,2,3,4,1,2,3,4", 122), ("X" * 256, 150), ("FMT 5", 120),
    ],
)  # fmt: skip
def test_the_twin_refuses_what_the_box_refuses_with_its_code(box, message, code):
    box.receive(message)
    assert errors(box) == [code]


def test_commands_are_chained_in_any_case_with_cr_lf_and_one_answer_is_kept(box):
    box.receive(" spper 2e-6 ; Spt 101, 1, 0, 1E-6, 2e-8;SPPER?;SPT? 101,1\r")
    assert box.transmit() == "0.000000E+00,1.000000E-06,2.000000E-08,2.000000E-08\r"
    assert box.transmit() is None
    assert ask(box, "SPPER?") == "2.000000E-06"
    box.receive("FOO;*IDN?")
    assert "B1500A" in box.transmit()
    assert ask(box, "ERR?") == "100,0,0,0"
    assert ask(box, "ERR? 1") == "0"
    assert ask(box, "EMG? 200") == "Channel output switch must be ON."
    assert errors(box) == []


def test_a_reset_keeps_the_errors_and_a_device_clear_resets(bench, box):
    wire = Wire(NAME, bench.library(), instrument="box", clock=bench.clock)
    wire.write("FOO")
    wire.write("CN 2;DV 2,0,0.1,1E-5;*RST")
    assert bench.is_safe()
    wire.write("CN 2;DV 2,0,0.1,1E-5")
    assert bench.outputs_on() == [NAME]
    wire.connection.clear()
    assert bench.is_safe()
    assert errors(box) == [100]


def test_without_a_load_the_pulse_is_twice_as_high_for_a_box_that_believes_in_50_ohm(bench, box):
    box.receive("SPRM 1,2;SPV 101,1,0,1;CN 101;SRP")
    bench.clock.wait(1)
    box.receive("SER 101,1E6;SRP")
    assert errors(box) == []
    assert [one.pulses for one in bench.applied] == [2, 2]
    assert [one.voltage for one in bench.applied] == pytest.approx([2.0, 1.0], rel=1e-3)
    box.receive("SPV 101,1,0,25;SER 101,50")
    assert errors(box) == [120]


def test_what_runs_freely_rests_high_or_is_left_on_is_noted(bench, box):
    box.receive("SER 101,1E6;SPV 101,1,0,1;CN 101;SRP")  # free run is the initial setting
    assert ask(box, "SPST?") == "1"
    box.receive("SPP;SPRM 1,1;SPV 101,1,0.5,1;SPUPD 101")
    assert [fault.split(": ")[1] for fault in bench.faults] == [
        "the generator runs freely",
        "the generator rests at 0.5 V",
    ]
    assert ask(box, "*LRN? 0") == "CN101"
    box.receive("CL")
    assert (ask(box, "SPST?"), ask(box, "*LRN? 0")) == ("0", "CL")


def test_both_sources_pulse_in_turn_and_a_duration_is_a_number_of_periods(bench, box):
    box.receive("SER 101,1E6;SPPER 1E-5;SPM 101,3;SPT 101,1,0,1E-6,2E-8;SPT 101,2,5E-6,2E-6,2E-8")
    box.receive("SPV 101,1,0,1;SPV 101,2,0,-1;SPRM 2,3E-5;CN 101;SRP")
    assert errors(box) == []
    assert [round(one.voltage) for one in bench.applied] == [1, -1, 1, -1, 1, -1]
    assert {round(one.width * 1e9) for one in bench.applied} == {1000, 2000}
    start = bench.clock.now()
    assert ask(box, "*OPC?") == "1"
    assert bench.clock.now() - start == pytest.approx(3e-5)


def test_high_speed_spots_in_the_formats_of_the_guide(bench, box):
    box.receive("CN 2;DV 2,0,0.1,1E-6;TSR")
    conductance = bench.devices["a"].conductance(bench.clock.now())
    assert conductance * 0.1 > 1e-6  # so it is limited
    box.receive("AIT 0,1,1")
    current = r"(?:1\.0000\d+E-06|999\.99\d+E-09)"  # 1 uA, and noise of one sample in 128 of a line cycle
    assert re.fullmatch(rf"CBI\+{current}", ask(box, "TI 2"))
    block = ask(box, "FMT 11;TTIV 2,-14,-5")  # 20 ms / 128 passed, in steps of 0.1 ms
    assert re.fullmatch(rf"NBT\+200\.0000E-06,CBI\+{current},CBV\+\d\d\.\d{{5}}E-03", block)
    assert re.fullmatch(rf"008BI\+{current}", ask(box, "FMT 21;TI 2"))
    assert re.fullmatch(rf"\+{current}", ask(box, "FMT 2;TI 2"))
    assert ask(box, "FMT 1;DV 2,0,0.1,1E-3;TI 2,-11") == "VBI+199.999E+99"
    assert ask(box, "TV 3") == ""
    assert errors(box) == [200]


def test_a_sweep_that_is_limited_ends_with_values_that_have_no_meaning(bench, box):
    box.receive("CN 2;MM 2,2;WV 2,1,0,0.1,0.3,3,5E-6;WM 2,2")
    parts = ask(box, "FMT 11,1;XE").split(",")
    assert errors(box) == []
    assert [part[:3] for part in parts] == ["NBI", "WBV", "CBI", "WBV", "VBI", "EBV"]  # some 30 uS
    assert parts[4] == "VBI+199.9990E+99"
    assert [float(part[3:]) for part in parts[1::2]] == pytest.approx([0.1, 0.2, 0.3])
    assert ask(box, "*LRN? 2") == "DV2,0,+3.0000E-01,+5.0000E-06,0,0"
    assert (
        ask(box, "*LRN? 33") == "WM2,2;WT0.00,0.0000,0.0000,0.0000,0.0000;WV2,1,0,+1.0000E-01,+3.0000E-01,3,+5.0000E-06"
    )
    box.receive("CL;XE")
    assert errors(box) == [200]


def test_a_sweep_in_equal_factors_keeps_its_sign(bench, box):
    box.receive("CN 2;MM 2,2;WV 2,2,0,-0.01,-1,3,1E-3")
    assert box.staircase.levels() == pytest.approx([-0.01, -0.1, -1.0])
    for refused in ("WV 2,2,0,-0.01,1,3,1E-3", "WV 2,1,20,0,3,3,1E-3", "WV 2,5,0,0,1,3,1E-3", "WT 0,0,0.1", "WM 3"):
        box.receive(refused)
    assert errors(box) == [120] * 5


def test_the_interlock_is_told_and_lets_beyond_42_v(bench, box):
    smu = load("keysight-b1500a-smu")(Wire(NAME, bench.library(), instrument="smu", clock=bench.clock), LIMITS)
    assert str(smu.interlock()) == "interlock open: at most 42 V until it is closed"
    box.receive("CN 2;DV 2,0,50,1E-3")
    assert errors(box) == [202]
    box.close_interlock()
    assert str(smu.interlock()) == "interlock closed"
    box.receive("DV 2,0,50,1E-3")
    assert errors(box) == []


def test_a_replay_takes_the_modules_that_were_there(bench):
    smu = load("keysight-b1500a-smu")(Wire(NAME, bench.library(), instrument="smu", clock=bench.clock), LIMITS)
    smu.prepare()
    assert smu.remembered()["modules"]["2"] == "B1517A"
    sent = []
    smu.adapter._sink = sent.append
    smu.recall({"modules": {"1": "B1525A", "2": "B1510A"}})
    smu.configure(0.1, 1e-5, 1.0)
    smu.output_on()
    forced = [message.text for message in sent if message.text.startswith("CN 2;DV 2")]
    assert forced == ["CN 2;DV 2,20,0.1,1E-05,0,15;ERRX?"]  # an HPSMU has no 0.5 V range


def test_zero_and_restore(bench, box):
    box.receive("CN 2;DV 2,0,0.1,1E-5;DZ 2")
    assert ask(box, "*LRN? 2") == "DV2,12,+0.0000E+00,+1.0000E-04,0,0"
    box.receive("RZ 2")
    assert ask(box, "*LRN? 2") == "DV2,0,+1.0000E-01,+1.0000E-05,0,0"


@given(st.floats(-1e12, 1e12, allow_nan=False), st.sampled_from([6, 7]))
def test_numbers_are_written_with_their_digits_and_exponents_of_three(value, digits):
    written = shown(value, digits)
    mantissa, exponent = written.split("E")
    assert float(written) == pytest.approx(value, rel=10.0 ** (1 - digits), abs=1e-300)
    assert int(exponent) % 3 == 0
    assert sum(char.isdigit() for char in mantissa) == digits


@given(
    st.one_of(
        st.text(max_size=60),
        st.lists(
            st.tuples(
                st.sampled_from(
                    ["CN", "CL", "DV", "TTIV", "SPV", "SPT", "SPM", "SER", "SRP", "WV", "MM", "XE", "*LRN?"]
                ),
                st.lists(st.sampled_from(["", "1", "2", "101", "-3", "1E9", "0.1", "x", "1E-7"]), max_size=6),
            ),
            max_size=5,
        ).map(lambda units: ";".join(f"{header} {','.join(numbers)}" for header, numbers in units)),
    )
)
def test_whatever_is_sent_is_done_or_refused_and_a_reset_ends_it(message):
    roles = [Cabled("keysight-b1500a-spgu", 101), Cabled("keysight-b1500a-smu", 2)]
    bench = VirtualBench(Wiring(Kind.THREE_TERMINAL, None), make_devices(["a"], "ecram", seed=1), {NAME: roles})
    box = bench.twins[NAME]
    box.receive(message)
    box.device_clear()
    assert bench.is_safe()
    assert "B1500A" in ask(box, "*IDN?")


# -- driver and twin ---------------------------------------------------------------------------------------------------


def test_both_roles_through_one_wire(bench):
    sent = []
    wire = Wire(NAME, bench.library(), instrument="generator+smu", clock=bench.clock, sink=sent.append)
    generator, smu = (load(name)(wire, LIMITS) for name in ("keysight-b1500a-spgu", "keysight-b1500a-smu"))
    for role in (generator, smu):
        role.prepare()
    generator.configure(Pulse(2.0, 5e-7))
    generator.output_on()
    smu.configure(0.1, 1e-5, 1.0)
    smu.output_on()
    before = smu.measure()[0].current
    generator.fire(40)
    (at, first), (later, second) = smu.measure_timed(2)
    assert first.current > before
    assert later - at == pytest.approx(0.02, abs=2e-4)  # one line cycle of 50 Hz
    assert (first.status, second.status) == (Status.OK, Status.OK)
    assert [message.text for message in sent].count("*RST") == 1
    for role in (smu, generator):
        role.off()
    assert [message.text for message in sent][-2:] == ["CL 2", "CL"]
    assert bench.is_safe()
    assert bench.faults == []
    with pytest.raises(InputError, match="output switch is open"):
        generator.fire(1)


@given(st.floats(0.05, 39.9), st.booleans(), st.floats(-7.3, -1.0))
def test_every_pulse_that_is_taken_reaches_the_device_and_is_never_longer_or_higher(voltage, negative, exponent):
    bench = VirtualBench(Wiring(Kind.THREE_TERMINAL, None), make_devices(["a"], "ecram", seed=1), {NAME: SPGU})
    generator = load(SPGU)(Wire(NAME, bench.library(), instrument="box", clock=bench.clock), LIMITS)
    generator.prepare()
    generator.output_on()
    asked = Pulse(-voltage if negative else voltage, 10.0**exponent)
    try:
        generator.configure(asked)
    except LimitError:
        assert asked.width < 150e-9  # what is too short for its edges
        return
    generator.fire(2)
    (one,) = bench.applied
    assert one.pulses == 2
    assert one.voltage == pytest.approx(asked.voltage, rel=1e-6)
    assert asked.width - 2.6e-9 < one.width <= asked.width * (1 + 1e-8)  # eight figures are sent
    assert bench.faults == []


def test_the_longest_pulse_and_the_shortest_reach_the_device_as_they_were_asked_for(bench):
    wire = Wire(NAME, bench.library(), instrument="box", clock=bench.clock)
    generator = load("keysight-b1500a-spgu")(wire, LIMITS)
    generator.prepare()
    generator.output_on()
    asked = [Pulse(1.0, 0.1), Pulse(-1.0, 50e-9), Pulse(15.0, 75e-9), Pulse(1.0, 1.777e-4), Pulse(-35.0, 1e-3)]
    for pulse in asked:
        generator.configure(pulse)
        generator.fire(1)
    assert [one.voltage for one in bench.applied] == pytest.approx([pulse.voltage for pulse in asked], rel=1e-6)
    assert [one.width for one in bench.applied] == pytest.approx([pulse.width for pulse in asked], abs=2.5e-9)
    assert all(one.width <= pulse.width * (1 + 1e-9) for one, pulse in zip(bench.applied, asked, strict=True))
