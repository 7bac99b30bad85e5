"""The virtual bench: what reaches a device, what is measured, what is refused, and what the observer notices."""

import numpy as np
import pytest
import pyvisa

from instruments.bench.wiring import Kind, MatrixCabling, Relay, Terminal, Wiring
from instruments.crosspoints import Pulse, PulsePair, Status
from instruments.drivers import known, load
from instruments.errors import CommandRefused, InputError
from instruments.limits import Limits
from instruments.wire import Wire
from sim_device.virtual_bench import VirtualBench, make_devices
from sim_device.virtual_bench.boxes.twins import twins
from sim_device.virtual_bench.devices.device import ECRAM, RRAM, DeviceParameters, VirtualDevice
from sim_device.virtual_bench.devices.device import known as kinds

LIMITS = Limits(pulse_voltage=5.0, pulse_width=1e-3, read_voltage=0.5, current=1e-3, pulses_per_crosspoint=10_000)
GENERATOR, SMU, MATRIX = "TCPIP0::gen::inst0::INSTR", "USB0::0x05E6::0x2450::04412345::0::INSTR", "GPIB0::16::INSTR"
INSTRUMENTS = {GENERATOR: "keysight-81160a", SMU: "keithley-2450", MATRIX: "keithley-707b"}
PULSES = ECRAM.reference
COLUMNS = {("a", Terminal.GATE): 1, ("a", Terminal.CHANNEL): 2, ("b", Terminal.GATE): 3, ("b", Terminal.CHANNEL): 4}


def three_terminal(ground="C"):
    wiring = Wiring(Kind.THREE_TERMINAL, MatrixCabling(1, "A", "B", ground, COLUMNS))
    return VirtualBench(wiring, make_devices(["a", "b"], "ecram", seed=1), INSTRUMENTS)


def two_terminal():
    columns = {("a", Terminal.TOP): 1, ("b", Terminal.TOP): 2}
    wiring = Wiring(Kind.TWO_TERMINAL, MatrixCabling(1, "A", "B", None, columns))
    return VirtualBench(wiring, make_devices(["a", "b"], "rram", seed=1), INSTRUMENTS)


def driver(bench, resource):
    wire = Wire(resource, bench.library(), instrument="it", clock=bench.clock)
    instrument = load(INSTRUMENTS[resource])(wire, LIMITS)
    instrument.prepare()
    return instrument


def state(bench, name):
    return bench.devices[name].conductance(bench.clock.now())


def opened(bench):
    return driver(bench, GENERATOR), driver(bench, SMU), driver(bench, MATRIX)


# -- what reaches a device ---------------------------------------------------------------------------------------------


def test_a_pulse_reaches_only_the_device_that_is_connected():
    bench = three_terminal()
    generator, _, matrix = opened(bench)
    before = state(bench, "a"), state(bench, "b")
    matrix.close(["1A01", "1C02"])
    generator.configure(PULSES.up)
    generator.output_on()
    generator.fire(10)
    assert state(bench, "a") > before[0] + 5e-7  # ten steps of some 0.1 uS
    assert state(bench, "b") == pytest.approx(before[1], abs=1e-12)
    assert [(one.crosspoint, one.pulses) for one in bench.applied] == [("a", 10)]
    assert bench.faults == []


@pytest.mark.parametrize("missing", ["output", "gate", "ground"])
def test_a_pulse_needs_output_gate_and_grounded_channel(missing):
    bench = three_terminal()
    generator, _, matrix = opened(bench)
    matrix.close([relay for relay, part in (("1A01", "gate"), ("1C02", "ground")) if part != missing])
    generator.configure(PULSES.up)
    if missing != "output":
        generator.output_on()
    before = state(bench, "a")
    generator.fire(10)
    assert state(bench, "a") == pytest.approx(before, abs=1e-12)
    assert bench.applied == []
    assert bool(bench.faults) is (missing == "ground")  # a pulsed gate over a floating channel is noted


def test_without_a_ground_row_the_channel_is_grounded_for_good():
    bench = three_terminal(ground=None)
    generator, _, matrix = opened(bench)
    matrix.close(["1A01"])
    generator.configure(PULSES.down)
    generator.output_on()
    generator.fire(1)
    assert [one.voltage for one in bench.applied] == [pytest.approx(-2.0, rel=1e-4)]


def test_up_and_down_pulses_rest_at_zero_and_have_the_voltage_that_was_asked_for():
    bench = three_terminal()
    generator, _, matrix = opened(bench)
    matrix.close(["1A01", "1C02"])
    generator.output_on()
    for pulse in (Pulse(1.5, 5e-7), Pulse(-2.5, 2e-6), Pulse(0.5, 1e-8), Pulse(-1.0, 1e-3)):
        generator.configure(pulse)
        generator.fire(1)
    assert [one.voltage for one in bench.applied] == pytest.approx([1.5, -2.5, 0.5, -1.0], rel=1e-6)
    assert [one.width for one in bench.applied] == pytest.approx([5e-7, 2e-6, 1e-8, 1e-3])
    assert bench.faults == []
    assert bench.largest_voltage["a"] == pytest.approx(2.5)


def test_a_burst_takes_its_time_and_a_trigger_during_it_is_ignored():
    bench = three_terminal()
    generator, _, matrix = opened(bench)
    matrix.close(["1A01", "1C02"])
    generator.configure(Pulse(2.0, 1e-3))
    generator.output_on()
    start = bench.clock.now()
    taken = generator.fire(100)
    assert bench.clock.now() - start == pytest.approx(taken)
    assert taken == pytest.approx(0.2, rel=0.01)  # 99 periods of 2 ms and one pulse
    generator.write("*TRG")
    generator.write("*TRG")
    assert sum(one.pulses for one in bench.applied) == 200


def test_the_programmed_load_matters():
    bench = three_terminal()
    generator, _, matrix = opened(bench)
    matrix.close(["1A01", "1C02"])
    # Told 50 ohm, the box gives twice the level to a gate of high impedance.
    generator.settle(":OUTP1:LOAD 50;:VOLT1:HIGH 1;:VOLT1:LOW 0;:OUTP1 ON")
    generator.write("*TRG")
    assert bench.applied[-1].voltage == pytest.approx(2.0, rel=1e-4)


# -- what is measured --------------------------------------------------------------------------------------------------


def test_the_smu_measures_ohms_law_of_the_connected_device():
    bench = three_terminal()
    _, smu, matrix = opened(bench)
    matrix.close(["1B04"])
    smu.configure(0.1, 1e-5, 1.0)
    smu.output_on()
    readings = smu.measure(200)
    measured = np.array([one.current / one.voltage for one in readings])
    noise = bench.devices["b"].truth(PULSES).read_noise_S
    # Slow noise does not average out within the 12 s of 200 readings: 4 sigma of it, not of the mean.
    assert abs(measured.mean() - state(bench, "b")) < 4 * noise
    assert measured.std() == pytest.approx(noise, rel=0.5)
    assert all(one.status == Status.OK for one in readings)
    assert bench.faults == []


def test_compliance_clamps_the_current_and_drops_the_voltage():
    bench = two_terminal()
    _, smu, matrix = opened(bench)
    matrix.close(["1B01"])
    smu.configure(0.5, 1e-6, 1.0)  # 0.5 V over some 100 uS would be 50 uA
    smu.output_on()
    (reading,) = smu.measure()
    assert reading.status == Status.COMPLIANCE
    assert reading.current == pytest.approx(1e-6, rel=1e-3)
    assert reading.voltage == pytest.approx(1e-6 / state(bench, "a"), rel=0.02)
    assert smu.ask(":SOUR:VOLT:ILIM:TRIP?") == "1"


def test_integration_takes_time_and_averages_the_noise_of_the_instrument():
    bench = three_terminal()
    _, smu, matrix = opened(bench)
    matrix.close(["1B02"])
    for cycles in (0.01, 10.0):
        smu.configure(0.1, 1e-5, cycles)
        start = bench.clock.now()
        smu.measure()
        assert bench.clock.now() - start == pytest.approx(3 * cycles / 50)  # zero and reference are measured as well


def test_nothing_connected_or_output_off_measures_nothing():
    bench = three_terminal()
    _, smu, matrix = opened(bench)
    smu.configure(0.1, 1e-5, 1.0)
    smu.output_on()
    (reading,) = smu.measure()
    assert abs(reading.current) < 1e-10
    smu.off()
    matrix.close(["1B02"])
    (reading,) = smu.measure()
    assert abs(reading.current) < 1e-10


# -- what is refused ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("resource", "command", "error"),
    [
        (SMU, ":CALC:MATH ON", -113),
        (SMU, ":SOUR:VOLT:ILIM 2", -222),
        (SMU, ":SENS:CURR:RANG 1E-3;:SOUR:VOLT:ILIM 1E-9", -222),
        (SMU, ":SOUR:VOLT 300", -222),
        (SMU, ":SENS:CURR:NPLC 20", -222),
        (GENERATOR, ":VOLT1:HIGH 20", -222),
        (GENERATOR, ":VOLT1:LOW 0.09", -221),
        (GENERATOR, ":VOLT1:HIGH 5.5", -221),
        (GENERATOR, ":PULS:WIDT1 1MS", -221),
        (GENERATOR, ":FUNC1:PULS:TRAN 1US", -221),
        (GENERATOR, ":OUTP3 ON", -114),
    ],
)
def test_a_twin_refuses_what_the_box_refuses(resource, command, error):
    bench = three_terminal()
    instrument = driver(bench, resource)
    instrument.write(command)
    with pytest.raises(CommandRefused, match=str(error)):
        instrument.check_errors()


def test_after_refusing_nothing_is_on():
    bench = three_terminal()
    for resource in INSTRUMENTS:
        driver(bench, resource).write(":FOO:BAR 1" if resource != MATRIX else "foo.bar = 1")
    assert bench.is_safe()


# -- what the observer notices -----------------------------------------------------------------------------------------


def test_generator_and_smu_on_one_electrode_is_a_fault():
    bench = two_terminal()
    generator, smu, matrix = opened(bench)
    matrix.close(["1A01", "1B01"])
    generator.configure(Pulse(1.0, 1e-7))
    generator.output_on()
    assert bench.faults == []
    smu.configure(0.1, 1e-4, 1.0)
    smu.output_on()
    assert "drive one electrode" in bench.faults[0]


def test_relays_that_move_under_voltage_are_a_fault():
    bench = three_terminal()
    _, smu, matrix = opened(bench)
    smu.configure(0.1, 1e-5, 1.0)
    smu.output_on()
    matrix.close(["1B02"])
    assert "relays move" in bench.faults[0]


def test_a_generator_that_rests_at_a_voltage_is_a_fault():
    bench = three_terminal()
    generator, _, matrix = opened(bench)
    matrix.close(["1A01", "1C02"])
    generator.settle(":VOLT1:HIGH 2;:VOLT1:LOW 1;:OUTP1 ON")
    assert "rests at 1" in bench.faults[0]
    assert bench.largest_voltage["a"] == pytest.approx(1.0, rel=1e-3)


def test_the_observer_knows_outputs_and_relays():
    bench = three_terminal()
    generator, smu, matrix = opened(bench)
    assert bench.is_safe()
    matrix.close(["1A01"])
    generator.output_on()
    smu.configure(0.1, 1e-5, 1.0)
    smu.output_on()
    assert bench.outputs_on() == [GENERATOR, SMU]
    assert bench.closed_relays() == {Relay(1, "A", 1)}
    for instrument in (generator, smu, matrix):
        assert not instrument.is_off()
        instrument.off()
        assert instrument.is_off()
    assert bench.is_safe()


# -- the library and the registry --------------------------------------------------------------------------------------


def test_other_programs_reach_the_twins_through_pyvisa():
    bench = three_terminal()
    manager = pyvisa.ResourceManager(bench.library())
    assert set(manager.list_resources("?*")) == set(INSTRUMENTS)
    with manager.open_resource(SMU, read_termination="\n", write_termination="\n") as smu:
        assert "MODEL 2450" in smu.query("*IDN?")
        assert smu.read_stb() == 0
        smu.write("FOO")
        assert smu.read_stb() == 4
        smu.clear()
        assert smu.query(":SYST:ERR?").startswith("-113")


def test_every_driver_has_a_twin_and_an_identity_that_it_recognises():
    assert set(twins()) == set(known())
    for name, driver_known in known().items():
        wiring = Wiring(Kind.THREE_TERMINAL, MatrixCabling(1, "A", "B", "C", COLUMNS))
        bench = VirtualBench(wiring, make_devices(["a", "b"], "ecram", seed=1), {SMU: name})
        instrument = load(name)(Wire(SMU, bench.library(), instrument="it", clock=bench.clock), LIMITS)
        assert driver_known.identity.lower() in instrument.identity().lower()


def test_unknown_names_are_answered_with_the_known_ones():
    with pytest.raises(InputError, match="did you mean 'keithley-2450'"):
        load("keithley2450")
    with pytest.raises(InputError, match="keysight-81160a"):
        load("teapot")
    with pytest.raises(InputError, match="ecram, rram"):
        make_devices(["a"], "teapot", seed=1)


def test_without_a_matrix_there_is_one_device():
    with pytest.raises(InputError, match="one device"):
        VirtualBench(Wiring(Kind.THREE_TERMINAL, None), make_devices(["a", "b"], "ecram", seed=1), INSTRUMENTS)


def test_without_a_matrix_generator_and_smu_stay_where_they_are():
    bench = VirtualBench(Wiring(Kind.THREE_TERMINAL, None), make_devices(["a"], "ecram", seed=1), INSTRUMENTS)
    generator, smu = driver(bench, GENERATOR), driver(bench, SMU)
    before = state(bench, "a")
    generator.configure(PULSES.up)
    generator.output_on()
    generator.fire(20)
    smu.configure(0.1, 1e-5, 1.0)
    smu.output_on()
    (reading,) = smu.measure()
    assert reading.current / reading.voltage - before > 1e-6


# -- devices -----------------------------------------------------------------------------------------------------------


def noiseless(kind: DeviceParameters, **other) -> DeviceParameters:
    from dataclasses import replace

    quiet = {"cycle_to_cycle": 0.0, "white_noise": 0.0, "slow_noise": 0.0, "volatile": 0.0, "rest_time": 1e30}
    return replace(kind, **{**quiet, **other})


@pytest.mark.parametrize("kind", [ECRAM, RRAM])
@pytest.mark.parametrize("scale", [1.0, 0.8])
def test_alternating_pulses_settle_where_the_truth_says(kind, scale):
    device = VirtualDevice(noiseless(kind), seed=1)
    up, down = kind.reference.up, kind.reference.down
    pulses = PulsePair(Pulse(up.voltage * scale, up.width * 2), Pulse(down.voltage, down.width))
    truth = device.truth(pulses)
    for _ in range(20_000):
        device.pulse(0.0, (pulses.up.voltage, pulses.up.width), 1)
        device.pulse(0.0, (pulses.down.voltage, pulses.down.width), 1)
    # Fixed point of one pair, read after its down pulse:
    # G = Gmin + (1 - s-) (Gu - Gmin), Gu = G + s+ (Gmax - G).
    up_part, down_part = truth.s_up * (1 - truth.s_down), truth.s_down
    fixed = (up_part * truth.g_max_S + down_part * truth.g_min_S) / (up_part + down_part)
    assert device.conductance(0.0) == pytest.approx(fixed, rel=1e-9)
    # At the symmetry point both steps are the one that the truth states.
    assert truth.s_up * (truth.g_max_S - truth.symmetry_point_S) == pytest.approx(truth.step_S)
    assert truth.s_down * (truth.symmetry_point_S - truth.g_min_S) == pytest.approx(truth.step_S)


def test_a_step_grows_with_voltage_and_width_as_the_law_says():
    kind = noiseless(ECRAM)
    (f_ref, _), (f_wide, _), (f_high, _) = (
        kind.fraction(Pulse(2.0, 5e-7)),
        kind.fraction(Pulse(2.0, 1e-6)),
        kind.fraction(Pulse(2.35, 5e-7)),
    )
    assert f_ref == pytest.approx(0.004)
    assert np.log1p(-f_wide) / np.log1p(-f_ref) == pytest.approx(2**0.9)
    assert np.log1p(-f_high) / np.log1p(-f_ref) == pytest.approx(np.e, rel=1e-4)  # one v0 more, far above v0


def test_after_a_pulse_a_share_of_the_step_relaxes():
    device = VirtualDevice(noiseless(ECRAM, volatile=0.25, volatile_time=2e-3), seed=1, conductance=30e-6)
    device.pulse(1.0, (2.0, 5e-7), 1)
    step = 0.004 * 20e-6
    assert device.conductance(1.0) - 30e-6 == pytest.approx(1.25 * step)
    assert device.conductance(1.0 + 2e-3) - 30e-6 == pytest.approx((1 + 0.25 / np.e) * step)
    assert device.conductance(2.0) - 30e-6 == pytest.approx(step)


def test_reading_noise_has_the_stated_size_and_remembers():
    device = VirtualDevice(noiseless(ECRAM, white_noise=10e-9, slow_noise=20e-9), seed=2, conductance=30e-6)
    # Spaced far beyond the slowest time, readings are independent: the deviation of 4,000 is known to 1.1 % (1 sigma).
    apart = np.array([device.read(1e4 * k) for k in range(1, 4001)])
    assert apart.std() == pytest.approx(np.hypot(10e-9, 20e-9), rel=0.05)
    close = np.array([device.read(4.1e7 + 1e-3 * k) for k in range(4000)])
    assert close.std() < apart.std()
    white = np.diff(close).std() / np.sqrt(2)
    assert white == pytest.approx(10e-9, rel=0.1)  # the slow part hardly moves within a millisecond


def test_a_stuck_device_reads_and_never_moves():
    device = make_devices(["a"], "ecram", seed=3, stuck=["a"])["a"]
    before = device.conductance(0.0)
    device.pulse(0.0, (2.0, 5e-7), 1000)
    assert device.conductance(1e6) == before
    assert device.truth(PULSES).stuck


def test_the_seed_alone_decides_what_devices_are():
    first, again, other = (make_devices(["a", "b"], "rram", seed=seed) for seed in (5, 5, 6))
    assert first["a"].truth(RRAM.reference) == again["a"].truth(RRAM.reference)
    assert first["a"].truth(RRAM.reference) != first["b"].truth(RRAM.reference)
    assert first["a"].truth(RRAM.reference) != other["a"].truth(RRAM.reference)
    assert [first["a"].read(k) for k in range(1, 9)] == [again["a"].read(k) for k in range(1, 9)]


def test_pulses_of_one_sign_have_no_symmetry_point():
    device = make_devices(["a"], "ecram", seed=1)["a"]
    with pytest.raises(InputError, match="do not move this device up and down"):
        device.truth(PulsePair(Pulse(1.0, 1e-6), Pulse(2.0, 1e-6)))


def test_the_kinds_of_devices_are_known_by_name():
    assert set(kinds()) == {"ecram", "rram", "rram-pristine"}
