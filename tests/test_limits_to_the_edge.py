"""Limits to the edge: what is exactly at one passes, the next number is refused, of either sign, in every role."""

import math
from collections.abc import Callable

import pytest
from pydantic import ValidationError
from test_bench import LIMITS, TWO, Generator, Journal, Smu, bench

from instruments.bench.wiring import Kind, Wiring
from instruments.crosspoints import Pulse
from instruments.errors import InputError, LimitError, NotAnswering
from instruments.limits import GateLimits, Limits

WIDE = LIMITS.model_copy(update={"gate_voltage": 1.5, "sweep_voltage": 3.0})
GATE = WIDE.at_gate()
SHORT = 1e-6  # [A] a compliance within the limits


def beyond(value: float) -> float:
    return math.nextafter(value, math.inf)


@pytest.mark.parametrize(
    ("check", "most"),
    [
        (lambda volts: WIDE.check_pulse(Pulse(volts, 1e-6)), 5.0),
        (lambda volts: WIDE.check_bias(volts, SHORT), 0.2),
        (lambda volts: WIDE.check_gate(volts, SHORT), 1.5),
        (lambda volts: GATE.check_bias(volts, SHORT), 1.5),
        (lambda volts: GATE.check_sweep(volts, SHORT), 1.5),
        (lambda volts: WIDE.check_sweep(volts, SHORT), 3.0),
    ],
    ids=["pulse", "bias", "gate", "bias at a gate", "sweep at a gate", "sweep"],
)
def test_a_voltage_at_its_limit_passes_and_the_next_one_is_refused(check: Callable[[float], None], most: float) -> None:
    for sign in (1.0, -1.0):
        check(sign * most)
        with pytest.raises(LimitError, match="beyond the limit"):
            check(sign * beyond(most))


def test_a_width_at_its_limit_passes_and_the_next_one_is_refused() -> None:
    LIMITS.check_pulse(Pulse(1.0, 1e-3))
    with pytest.raises(LimitError, match=r"limits\.pulse_width"):
        LIMITS.check_pulse(Pulse(1.0, beyond(1e-3)))


@pytest.mark.parametrize(
    "check",
    [
        lambda amps: WIDE.check_bias(0.1, amps),
        lambda amps: WIDE.check_gate(1.0, amps),
        lambda amps: WIDE.check_sweep(0.1, amps),
        lambda amps: WIDE.check_sweep(2.0, amps),
        lambda amps: GATE.check_bias(1.0, amps),
        lambda amps: GATE.check_bias(0.0, amps),
        lambda amps: GATE.check_sweep(1.0, amps),
    ],
    ids=["bias", "gate", "sweep that may be read at", "sweep", "bias at a gate", "0 V at a gate", "sweep at a gate"],
)
def test_a_compliance_is_checked_wherever_something_is_held(check: Callable[[float], None]) -> None:
    check(1e-4)
    for wrong in (beyond(1e-4), 0.0, -1e-6, math.nan, math.inf):
        with pytest.raises(LimitError, match=r"compliance .* is beyond the limit of 100 uA"):
            check(wrong)


@pytest.mark.parametrize("volts", [math.nan, math.inf, -math.inf])
def test_what_is_no_voltage_is_held_nowhere(volts: float) -> None:
    for check in (WIDE.check_bias, WIDE.check_gate, WIDE.check_sweep, GATE.check_bias, GATE.check_sweep):
        with pytest.raises(LimitError):
            check(volts, SHORT)


def test_a_station_that_names_no_gate_voltage_holds_no_gate() -> None:
    for limits in (LIMITS, LIMITS.at_gate()):
        with pytest.raises(LimitError, match=r"names no limits\.gate_voltage"):
            limits.check_gate(0.1, SHORT)
    with pytest.raises(LimitError, match=r"names no limits\.gate_voltage"):
        LIMITS.at_gate().check_bias(0.1, SHORT)
    LIMITS.at_gate().check_bias(0.0, SHORT)  # to rest at 0 V needs none
    assert isinstance(LIMITS.at_gate(), GateLimits)


def test_a_power_is_that_of_either_sign() -> None:
    limits = LIMITS.model_copy(update={"power": 1e-5, "sweep_voltage": 3.0})
    for sign in (1.0, -1.0):
        limits.check_sweep(sign * 1.0, 1e-5)
        with pytest.raises(LimitError, match=r"limits\.power"):
            limits.check_sweep(sign * 2.0, 1e-5)
        with pytest.raises(LimitError, match=r"limits\.power"):
            limits.check_bias(sign * 0.2, 1e-4)


@pytest.mark.parametrize(
    ("duty", "rest"), [(None, None), (1.0, None), (0.5, None), (0.4, 1.5), (0.25, 3.0), (0.1, 9.0)]
)
def test_below_the_duty_of_a_burst_pulses_rest_as_long_as_it_takes(duty: float | None, rest: float | None) -> None:
    width = 2e-6
    found = LIMITS.model_copy(update={"duty": duty}).rest_after(Pulse(1.0, width))
    assert found == (None if rest is None else pytest.approx(rest * width))
    if found is not None:
        assert width / (width + found) == pytest.approx(duty)


def test_limits_are_what_the_file_says_and_stay_so() -> None:
    with pytest.raises(ValidationError, match="pulse_volts"):
        Limits.model_validate({**LIMITS.model_dump(), "pulse_volts": 9.0})
    with pytest.raises(ValidationError, match="frozen"):
        LIMITS.pulse_voltage = 50.0  # type: ignore[misc]


def test_a_generator_is_sent_no_pulse_beyond_the_limits_or_itself() -> None:
    journal = Journal()
    generator = Generator(journal, "generator")
    for pulse in (Pulse(beyond(5.0), 1e-6), Pulse(-6.0, 1e-6), Pulse(1.0, 2e-3), Pulse(1.0, 9e-9)):
        with pytest.raises(LimitError):
            generator.configure(pulse)
    for count in (0, -1):
        with pytest.raises(InputError, match="is none; give"):
            generator.fire(count)
    assert journal == []
    generator.configure(Pulse(1.0, 1e-8))
    assert generator.fire(1) == 1e-6


@pytest.mark.parametrize(
    "ask",
    [
        lambda smu: smu.configure(0.3, 1e-5, 1.0),
        lambda smu: smu.configure(0.1, 1e-3, 1.0),
        lambda smu: smu.configure_sweep(0.3, 1e-5, 1.0),
        lambda smu: smu.configure_sweep(0.1, 1e-3, 1.0),
        lambda smu: smu.output_on(),
    ],
)
def test_a_source_measure_unit_is_sent_nothing_beyond_the_limits(ask: Callable[[Smu], None]) -> None:
    journal = Journal()
    with pytest.raises(InputError):  # of which a LimitError is one
        ask(Smu(journal, "smu"))
    assert journal == []


def test_a_level_is_within_the_span_and_within_the_limits_of_now() -> None:
    journal = Journal()
    smu = Smu(journal, "smu")
    smu.configure_sweep(0.2, 1e-5, 1.0)
    assert journal == ["smu set 0.2 V", "smu set 0 V"]  # ranges first, and it rests at 0 V
    smu.level(0.2)
    smu.level(-0.2)
    smu.limits = LIMITS.model_copy(update={"read_voltage": 0.1})
    del journal[:]
    for volts in (0.2, -0.2):
        with pytest.raises(LimitError, match="no sweep to"):
            smu.level(volts)
    assert journal == []


@pytest.mark.parametrize(
    "ask", [lambda smu: smu.configure(0.1, 1e-5, 1.0), lambda smu: smu.configure_sweep(0.1, 1e-5, 1.0)]
)
def test_after_a_compliance_that_may_not_have_come_no_output_goes_on(ask: Callable[[Smu], None]) -> None:
    journal = Journal()
    smu = Smu(journal, "smu")
    smu.configure(0.1, 1e-5, 1.0)
    smu.output_on()
    journal.fails = "smu set"
    with pytest.raises(NotAnswering):
        ask(smu)
    journal.fails = None
    del journal[:]
    with pytest.raises(InputError, match="no compliance is set"):
        smu.output_on()
    assert journal == []


def test_an_instrument_without_a_better_way_is_asked_for_its_errors_at_the_end_of_a_block() -> None:
    journal = Journal()
    Smu(journal, "smu").end_block()
    assert journal == ["smu errors?"]


def test_a_crossbar_is_not_swept_between_its_two_sources() -> None:
    block, journal, _ = bench(Wiring(Kind.CROSSBAR, TWO.matrix))
    with pytest.raises(InputError, match="neither of which may be swept"):
        next(block.sweep([0.1], 1e-5))
    assert journal == []
