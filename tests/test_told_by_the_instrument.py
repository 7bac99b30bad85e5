"""What an instrument must have said before anything is believed: pulses delivered, relays open, an output off."""

import pytest
from pymeasure.test import expected_protocol
from rehearsed import rehearsed
from test_bench import LIMITS

from instruments.bench.relay_check import RelayCheck
from instruments.clock import VirtualClock
from instruments.crosspoints import Pulse, Status
from instruments.drivers.common.burst_generator import QUICK, BurstGenerator, trigger
from instruments.drivers.common.fixed_ranges import check_count
from instruments.drivers.keithley_2450.pulses import Keithley2450Pulses
from instruments.errors import CommandRefused, InputError, InstrumentError, NotAnswering
from instruments.roles import Measurement

WIDE = LIMITS.model_copy(update={"pulse_width": 1.0})


def raising(error: Exception):
    def fail(command: str) -> None:
        raise error

    return fail


class Answering:
    """A generator that answers whether it is done with `says`."""

    name = "generator"

    def __init__(self, says: str) -> None:
        self.says = says
        self.clock = VirtualClock()
        self.sent: list[str] = []

    def write(self, command: str) -> None:
        self.sent.append(command)

    def ask(self, command: str) -> str:
        self.sent.append(command)
        return self.says


@pytest.mark.parametrize("duration", [QUICK, 2 * QUICK])
def test_a_burst_is_delivered_when_the_generator_says_so_and_triggered_once(duration: float) -> None:
    for says in ("1", "+1", "1\n"):
        trigger(generator := Answering(says), duration, 5)  # type: ignore[arg-type]
        assert ";".join(generator.sent) == "*TRG;*OPC?"
        assert generator.clock.now() == (0.0 if duration <= QUICK else duration)
    for says in ("0", "", "+10"):
        with pytest.raises(InstrumentError, match="whether 5 pulses came is unknown"):
            trigger(Answering(says), duration, 5)  # type: ignore[arg-type]


def test_slow_pulses_are_delivered_when_the_unit_says_so_and_end_at_0_v() -> None:
    level, rest = (":SOUR:VOLT 1.000000e+00", None), (":SOUR:VOLT 0", None)
    with expected_protocol(Keithley2450Pulses, [level, rest, ("*OPC?", "0")], limits=WIDE) as unit:
        unit.configure(Pulse(1.0, 10e-3))
        with pytest.raises(InstrumentError, match="whether 1 pulses came is unknown"):
            unit.fire(1)
    nothing_sent = expected_protocol(Keithley2450Pulses, [], limits=WIDE)
    with nothing_sent as unit, pytest.raises(InputError, match="configure one before firing"):
        unit.fire(1)


def test_a_generator_that_was_switched_off_stays_off_when_its_polarity_changes() -> None:
    with rehearsed() as station:
        generator = station.instruments["generator"].instrument
        assert isinstance(generator, BurstGenerator)
        generator.configure(Pulse(1.0, 1e-6))
        generator.output_on()
        generator.off()
        generator.configure(Pulse(-1.0, 1e-6))
        assert generator.is_off()
        generator.output_on()
        generator.configure(Pulse(1.0, 1e-6))
        assert not generator.is_off()


@pytest.mark.parametrize(("count", "fits"), [(0, False), (1, True), (5, True), (6, False), (-1, False)])
def test_readings_in_one_go_are_as_many_as_the_instrument_can(count: int, fits: bool) -> None:
    if fits:
        check_count(count, 5)
        return
    with pytest.raises(InputError, match="not between 1 and 5"):
        check_count(count, 5)


def test_a_leak_is_judged_by_the_smallest_current_that_was_read() -> None:
    check = RelayCheck(1e-3)
    check.seen("A1", [Measurement(0.1, 1e-4)])
    check.seen("A2", [Measurement(0.1, 5e-5), Measurement(0.1, 6e-5)])
    check.found(Measurement(0.1, 4.9e-7))
    for leak in (Measurement(0.1, 5.1e-7), Measurement(0.1, -5.1e-7), Measurement(0.1, 0.0, Status.COMPLIANCE)):
        with pytest.raises(InstrumentError, match="stuck closed"):
            check.found(leak)
    with pytest.raises(InstrumentError, match=r"Readings of A1, A2 are not kept"):
        check.found(Measurement(0.1, float("nan")))


def test_off_is_sent_once_more_over_the_new_connection_and_the_loss_is_told(monkeypatch) -> None:
    with expected_protocol(Keithley2450Pulses, [(":OUTP OFF", None)], limits=WIDE) as unit:
        tried: list[str] = []
        write = unit.write

        def lost_at_first(command: str) -> None:
            tried.append(command)
            if len(tried) == 1:
                raise NotAnswering("smu was lost at ':OUTP OFF'")
            write(command)

        monkeypatch.setattr(unit, "write", lost_at_first)
        with pytest.raises(NotAnswering, match="was lost"):
            unit.off()
        assert tried == [":OUTP OFF", ":OUTP OFF"]


def test_after_a_pulse_that_was_refused_none_is_fired(monkeypatch) -> None:
    with rehearsed() as station:
        generator = station.instruments["generator"].instrument
        assert isinstance(generator, BurstGenerator)
        generator.configure(Pulse(1.0, 1e-6))
        with monkeypatch.context() as patched:
            patched.setattr(generator, "settle", raising(CommandRefused("-222")))
            with pytest.raises(CommandRefused):
                generator.configure(Pulse(2.0, 1e-6))
        with pytest.raises(InputError, match="no pulse is configured"):
            generator.fire(1)


def test_a_count_that_may_not_have_come_is_sent_again(monkeypatch) -> None:
    with rehearsed() as station:
        generator = station.instruments["generator"].instrument
        assert isinstance(generator, BurstGenerator)
        assert station.virtual is not None
        station["A1"].pulse(1)
        write = generator.write
        with monkeypatch.context() as patched:
            patched.setattr(generator, "write", raising(NotAnswering("lost")))
            with pytest.raises(NotAnswering):
                generator.arm(3)
        sent: list[str] = []
        monkeypatch.setattr(generator, "write", lambda command: (sent.append(command), write(command))[1])
        station["A1"].pulse(3)
        assert ":TRIG1:COUN 3" in sent
        assert [one.pulses for one in station.virtual.applied] == [1, 3]
