"""What every instrument of a role does, whichever it is: each driver against its twin, in the same circuit."""

import math
from contextlib import suppress

import pytest

from instruments.bench.wiring import Kind, MatrixCabling, Relay, Terminal, Wiring
from instruments.crosspoints import Pulse, Status
from instruments.drivers import known, load
from instruments.errors import InputError, LimitError
from instruments.limits import Limits
from instruments.wire import Wire
from sim_device.virtual_bench import VirtualBench, make_devices

LIMITS = Limits(pulse_voltage=4.0, pulse_width=0.1, read_voltage=0.5, current=1e-3, pulses_per_crosspoint=10_000)
NAME = "TCPIP0::it::inst0::INSTR"


def drivers_of(role):
    return [name for name, driver in known().items() if driver.role == role]


def alone(driver, kind=Kind.THREE_TERMINAL, device="ecram"):
    """A bench on which the instrument stays on one device, both outputs of a half-select source on its two lines."""
    if driver.endswith("-halves"):
        lines = {("a", Terminal.ROW): 1, ("a", Terminal.COLUMN): 2}
        wiring = Wiring(Kind.CROSSBAR, MatrixCabling(1, "A", "C", "D", lines, bias="E", inverse="B"))
        bench = VirtualBench(wiring, make_devices(["a"], device, seed=1), {NAME: driver})
        bench.matrix_closes(frozenset({Relay(1, "A", 1), Relay(1, "B", 2)}))
    else:
        bench = VirtualBench(Wiring(kind, None), make_devices(["a"], device, seed=1), {NAME: driver})
    return bench, prepared(bench, driver)


def prepared(bench, driver):
    instrument = load(driver)(Wire(NAME, bench.library(), instrument="it", clock=bench.clock), LIMITS)
    instrument.prepare()
    return instrument


def state(bench):
    return bench.devices["a"].conductance(bench.clock.now())


# -- every instrument --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("driver", known())
def test_an_instrument_is_who_it_says_and_off_after_it_was_prepared(driver):
    columns = {("a", Terminal.GATE): 1, ("a", Terminal.CHANNEL): 2}
    wiring = Wiring(Kind.THREE_TERMINAL, MatrixCabling(1, "A", "B", "C", columns))
    bench = VirtualBench(wiring, make_devices(["a"], "ecram", seed=1), {NAME: driver})
    instrument = prepared(bench, driver)
    assert known()[driver].identity.lower() in instrument.identity().lower()
    assert instrument.is_off()
    assert bench.is_safe()
    instrument.check_errors()
    instrument.off()
    instrument.off()
    instrument.check_errors()
    assert bench.faults == []
    instrument.disconnect()
    instrument.disconnect()


# -- generators --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("driver", drivers_of("generator"))
def test_pulses_of_either_sign_have_the_voltage_and_width_that_were_asked_for_and_rest_at_zero(driver):
    bench, generator = alone(driver)
    pulses = ((1.5, 1e-6), (-2.5, 1e-6), (-0.5, 2e-7), (4.0, 0.1), (-4.0, 1e-4), (1.0, 0.0))
    asked = [Pulse(voltage, max(width, generator.shortest_width)) for voltage, width in pulses]
    generator.output_on()
    for pulse in asked:
        generator.configure(pulse)
        generator.fire(1)
    assert [one.voltage for one in bench.applied] == pytest.approx([pulse.voltage for pulse in asked], rel=2e-4)
    assert [one.width for one in bench.applied] == pytest.approx([pulse.width for pulse in asked], rel=1e-6)
    assert bench.faults == []
    assert bench.largest_voltage["a"] <= 4.0 * (1 + 2e-4)
    assert not generator.is_off()


@pytest.mark.parametrize("driver", drivers_of("generator"))
def test_a_burst_has_its_number_of_pulses_and_takes_its_time(driver):
    bench, generator = alone(driver)
    width = max(1e-3, generator.shortest_width)
    generator.configure(Pulse(2.0, width))
    generator.output_on()
    start = bench.clock.now()
    taken = generator.fire(100)
    generator.fire(1)
    assert sum(one.pulses for one in bench.applied) == 101
    assert taken == pytest.approx(200 * width, rel=0.01)
    assert bench.clock.now() - start >= taken
    assert bench.faults == []


@pytest.mark.parametrize("driver", drivers_of("generator"))
def test_with_the_output_off_no_pulse_arrives(driver):
    bench, generator = alone(driver)
    before = state(bench)
    width = max(1e-6, generator.shortest_width)
    generator.configure(Pulse(2.0, width))
    with suppress(InputError):  # a B1500A refuses to pulse then
        generator.fire(10)
    assert bench.applied == []
    generator.output_on()
    generator.off()
    generator.configure(Pulse(-2.0, width))
    with suppress(InputError):
        generator.fire(10)
    assert bench.applied == []
    assert state(bench) == pytest.approx(before, abs=1e-12)
    assert bench.outputs_on() == []


@pytest.mark.parametrize("driver", drivers_of("generator"))
@pytest.mark.parametrize(
    "pulse", [Pulse(4.1, 1e-6), Pulse(-4.1, 1e-6), Pulse(1.0, 0.11), Pulse(1.0, 1e-10), Pulse(1e-4, 1e-6)]
)
def test_a_pulse_that_may_or_can_not_be_changes_nothing(driver, pulse):
    bench, generator = alone(driver)
    sent = []
    generator.adapter._sink = sent.append
    with pytest.raises(LimitError):
        generator.configure(pulse)
    assert sent == []
    assert bench.applied == []


@pytest.mark.parametrize("driver", [name for name in drivers_of("generator") if hasattr(load(name), "commands")])
def test_the_box_itself_is_told_the_largest_pulse_of_the_station(driver):
    bench, generator = alone(driver)
    generator.output_on()
    commands = generator.commands
    for level in (commands.high.format("5"), commands.low.format("-5")):
        generator.write(level)
        generator.write("*TRG")
        with pytest.raises(Exception, match="-22"):
            generator.check_errors()
    assert bench.largest_voltage["a"] <= 4.0


# -- source-measure units ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("driver", drivers_of("smu"))
def test_a_source_measure_unit_measures_ohms_law(driver):
    bench, smu = alone(driver)
    for voltage in (0.1, -0.2):
        smu.configure(voltage, 1e-4, 1.0)
        smu.output_on()
        (one,) = smu.measure()
        assert one.voltage == pytest.approx(voltage, rel=1e-3)
        assert one.current / one.voltage == pytest.approx(state(bench), rel=0.01)
        assert one.status == Status.OK
        smu.off()
        assert smu.is_off()
    assert bench.faults == []


@pytest.mark.parametrize("driver", drivers_of("smu"))
def test_many_readings_in_one_go_are_that_many_and_take_their_time(driver):
    bench, smu = alone(driver)
    smu.configure(0.1, 1e-4, 0.1)
    smu.output_on()
    start = bench.clock.now()
    readings = smu.measure(20)
    assert len(readings) == 20
    assert bench.clock.now() - start >= 20 * 0.1 / 60
    assert len({one.current for one in readings}) > 10
    assert [one.status for one in smu.measure(2)] == [Status.OK] * 2
    smu.check_errors()


@pytest.mark.parametrize("driver", drivers_of("smu"))
def test_compliance_holds_the_current_back_and_is_told_with_the_reading(driver):
    bench, smu = alone(driver)
    smu.configure(0.5, 1e-6, 1.0)  # some 30 uS would draw 15 uA
    smu.output_on()
    for one in (*smu.measure(), *smu.measure(3)):
        assert one.status & Status.COMPLIANCE
        assert one.current == pytest.approx(1e-6, rel=0.01)
        assert one.voltage == pytest.approx(1e-6 / state(bench), rel=0.02)


@pytest.mark.parametrize("driver", drivers_of("smu"))
@pytest.mark.parametrize(
    ("voltage", "compliance", "cycles"),
    [
        (0.6, 1e-5, 1.0),
        (0.1, 2e-3, 1.0),
        (0.1, 0.0, 1.0),
        (math.nan, 1e-5, 1.0),
        (0.1, 1e-5, 1e4),
        (0.1, 1e-5, math.nan),
    ],
)
def test_a_bias_that_may_or_can_not_be_sends_nothing(driver, voltage, compliance, cycles):
    bench, smu = alone(driver)
    sent = []
    smu.adapter._sink = sent.append
    with pytest.raises(InputError):
        smu.configure(voltage, compliance, cycles)
    assert sent == []
    assert bench.is_safe()


@pytest.mark.parametrize("driver", drivers_of("smu"))
def test_changing_the_bias_leaves_the_output_as_it_was(driver):
    bench, smu = alone(driver)
    smu.configure(0.1, 1e-4, 1.0)
    assert bench.is_safe()
    smu.output_on()
    smu.configure(0.2, 1e-4, 1.0)
    (one,) = smu.measure()
    assert one.voltage == pytest.approx(0.2, rel=1e-3)
    smu.off()
    smu.configure(0.3, 1e-4, 1.0)
    assert bench.is_safe()


# -- matrices ----------------------------------------------------------------------------------------------------------


@pytest.fixture(params=drivers_of("matrix"))
def switched(request):
    columns = {("a", Terminal.GATE): 1, ("a", Terminal.CHANNEL): 2}
    wiring = Wiring(Kind.THREE_TERMINAL, MatrixCabling(1, "A", "B", "C", columns))
    bench = VirtualBench(wiring, make_devices(["a"], "ecram", seed=1), {NAME: request.param})
    return bench, prepared(bench, request.param)


def test_a_matrix_closes_exactly_what_it_is_told(switched):
    bench, matrix = switched
    first, second, third = (matrix.channel(1, row, column) for row, column in (("A", 1), ("C", 2), ("B", 10)))
    matrix.close([first, second])
    assert matrix.closed() == {first, second}
    assert bench.closed_relays() == {Relay(1, "A", 1), Relay(1, "C", 2)}
    matrix.close([second, third])
    assert bench.closed_relays() == {Relay(1, "C", 2), Relay(1, "B", 10)}
    assert not matrix.is_off()
    matrix.close([])
    assert matrix.is_off()
    assert bench.clock.now() > 0


def test_a_relay_that_a_matrix_lacks_is_refused(switched):
    bench, matrix = switched
    for slot, row, column in ((0, "A", 1), (1, "Z", 1), (1, "A", 99), (99, "A", 1)):
        with pytest.raises(InputError):
            matrix.channel(slot, row, column)
    with pytest.raises(InputError):
        matrix.close(["nonsense"])
    assert bench.is_safe()
