"""Limits: whatever is beyond is refused, whatever is within passes."""

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from instruments.bench import sequencing
from instruments.bench.wiring import Column, Kind, MatrixCabling, Terminal, Wiring
from instruments.crosspoints import Pulse, PulsePair
from instruments.drivers import known, load
from instruments.errors import InputError, LimitError
from instruments.limits import Limits
from instruments.roles import PulseSource
from instruments.sequences import Plan
from instruments.wire import Wire
from sim_device.virtual_bench import VirtualBench, make_devices

LIMITS = Limits(pulse_voltage=5.0, pulse_width=1e-3, read_voltage=0.2, current=1e-4, pulses_per_crosspoint=1000)
voltages = st.floats(-100, 100).filter(lambda v: v != 0)
widths = st.floats(1e-9, 10)


def _passes(check: Callable[[], None]) -> bool:
    try:
        check()
    except LimitError:
        return False
    return True


@given(voltages, widths)
def test_a_pulse_passes_only_within_both_limits(voltage: float, width: float) -> None:
    within = abs(voltage) <= 5.0 and width <= 1e-3
    assert _passes(lambda: LIMITS.check_pulse(Pulse(voltage, width))) == within


@given(st.floats(-10, 10), st.floats(-1, 1))
def test_a_bias_passes_only_within_both_limits(voltage: float, current: float) -> None:
    within = abs(voltage) <= 0.2 and 0 < current <= 1e-4
    assert _passes(lambda: LIMITS.check_bias(voltage, current)) == within


@pytest.mark.parametrize("voltage", [float("nan"), float("inf"), 0.0])
def test_what_is_no_voltage_is_no_pulse(voltage: float) -> None:
    with pytest.raises(InputError, match="voltage"):
        Pulse(voltage, 1e-6)


def test_nan_bias_is_refused() -> None:
    with pytest.raises(LimitError):
        LIMITS.check_bias(float("nan"), 1e-6)
    with pytest.raises(LimitError):
        LIMITS.check_bias(0.1, float("nan"))


def test_the_budget_counts_what_was_spent() -> None:
    LIMITS.check_budget(900, 100, "A1")
    with pytest.raises(LimitError, match="A1"):
        LIMITS.check_budget(901, 100, "A1")


def test_a_refused_budget_names_the_sum_and_what_was_before() -> None:
    said = r"100 more pulses on A1 after 901 \(850 of these in earlier runs\) make 1001, .* budget of 1000"
    with pytest.raises(LimitError, match=said):
        LIMITS.check_budget(901, 100, "A1", 850)


def test_limits_have_no_defaults() -> None:
    with pytest.raises(ValidationError) as refused:
        Limits.model_validate({})
    asked = [name for name, field in Limits.model_fields.items() if field.is_required()]
    assert [error["loc"] for error in refused.value.errors()] == [(name,) for name in asked]
    assert {"pulse_voltage", "pulse_width", "read_voltage", "current", "pulses_per_crosspoint"} <= set(asked)


@given(st.floats(-0.2, 0.2), st.floats(1e-9, 1e-4), st.floats(1e-12, 1e-4))
def test_a_power_is_never_passed_where_there_is_a_limit_of_it(voltage: float, current: float, power: float) -> None:
    limits = LIMITS.model_copy(update={"power": power, "sweep_voltage": 1.0})
    within = abs(voltage) * current <= power * (1 + 1e-9)
    assert _passes(lambda: limits.check_bias(voltage, current)) == within
    assert _passes(lambda: limits.check_sweep(voltage, current)) == within
    assert _passes(lambda: limits.check_sweep(5 * voltage, current)) == (
        5 * abs(voltage) * current <= power * (1 + 1e-9)
    )


def test_a_refused_power_says_what_it_would_be() -> None:
    with pytest.raises(LimitError, match=r"200 mV with a compliance of 100 uA may give 20 uW, beyond .* 1 uW"):
        LIMITS.model_copy(update={"power": 1e-6}).check_bias(0.2, 1e-4)


DRIVERS = [name for name, one in known().items() if one.role == "generator" and not one.channels]


@pytest.mark.parametrize("driver", DRIVERS)
@pytest.mark.parametrize("duty", [None, 0.6, 0.1, 0.01])
def test_a_duty_is_kept_whichever_generator_it_is(driver: str, duty: float | None) -> None:
    """Pulse by pulse, each with the rest that the duty asks for, as the virtual circuit sees them."""
    limits = Limits(
        pulse_voltage=5.0, pulse_width=0.1, read_voltage=0.2, current=1e-4, pulses_per_crosspoint=1000, duty=duty
    )
    resource = "TCPIP0::it::inst0::INSTR"
    halves = driver.endswith("-halves")
    places = {("a", Terminal.ROW): Column(1, 1), ("a", Terminal.COLUMN): Column(1, 2)}
    cabling = MatrixCabling(1, "A", "B", "C", places, inverse="D")
    wiring = Wiring(Kind.CROSSBAR, cabling) if halves else Wiring(Kind.THREE_TERMINAL, None)
    virtual = VirtualBench(wiring, make_devices(["a"], "ecram", seed=1), {resource: driver})
    source = load(driver)(Wire(resource, virtual.library(), instrument="it", clock=virtual.clock), limits)
    assert isinstance(source, PulseSource)
    source.prepare()
    pulse = Pulse(1.0, max(1e-3, source.shortest_width))
    source.configure(pulse)
    source.output_on()
    begun = virtual.clock.now()
    source.fire(5)
    taken = virtual.clock.now() - begun
    assert taken >= (4 / min(duty or 0.5, 0.5) + 1) * pulse.width * 0.999  # no rest is owed after a burst's last pulse
    applied = [one.pulses for one in virtual.applied]
    if not halves:
        assert sum(applied) == 5
        assert (applied == [1] * 5) or duty in (None, 0.6)
        times = [one.time for one in virtual.applied]
        assert all(b - a >= pulse.width / (duty or 0.5) * 0.999 for a, b in pairwise(times))


def test_a_sequence_is_refused_where_its_pulses_would_be_too_dense() -> None:
    pair = PulsePair(Pulse(1.0, 1e-3), Pulse(-1.0, 1e-3))
    read = {"voltage": 0.1, "compliance": 1e-5, "integration": 0.1, "limit": 1e-4}
    burst = Plan(counts=np.array([3, -3]), pulses=pair, settle=9e-3, burst=3, **read)
    single = Plan(counts=np.array([1, -1]), pulses=pair, settle=9e-3, burst=1, **read)
    for duty, plan, refused in (
        (None, burst, False), (0.4, burst, True), (0.5, burst, False), (0.1, single, False), (0.09, single, True)
    ):  # fmt: skip
        said = sequencing._too_dense(LIMITS.model_copy(update={"duty": duty}), plan)
        assert (said is not None) == refused
