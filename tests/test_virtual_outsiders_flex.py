"""PyMeasure's own B1500 driver, unmodified, talks to the twin: in this process, and over TCP.

What the guide allows is answered as it says. What of that driver is refused is shown, too: `period` and a duration in
seconds are written with too few digits, which leaves nothing of a short pulse.
"""

import threading

import pytest
from pymeasure.adapters import VISAAdapter
from pymeasure.instruments.agilent import AgilentB1500
from pymeasure.instruments.agilent.agilentB1500 import (
    ADCMode,
    ADCType,
    MeasMode,
    MeasOpMode,
    SPGUChannelOutputMode,
    SPGUOperationMode,
    SPGUOutputMode,
    SweepMode,
)

from instruments.bench.wiring import Kind, Wiring
from sim_device.virtual_bench import VirtualBench, make_devices
from sim_device.virtual_bench.boxes.twins import Cabled
from sim_device.virtual_bench.reach.server import BenchServer, SkippingClock

NAME = "GPIB0::17::INSTR"
ROLES = [Cabled("keysight-b1500a-spgu", 101), Cabled("keysight-b1500a-smu", 2)]
ENDS = {"read_termination": "\r\n", "write_termination": "\r\n"}


@pytest.fixture(params=["in process", "TCP"])
def outsider(request):
    """The driver of others, initialised as its documentation says, and the bench behind it."""
    clock = SkippingClock() if request.param == "TCP" else None
    bench = VirtualBench(Wiring(Kind.THREE_TERMINAL, None), make_devices(["a"], "ecram", seed=1), {NAME: ROLES}, clock)
    if request.param == "in process":
        yield started(VISAAdapter(NAME, visa_library=bench.library(), **ENDS)), bench
        return
    with BenchServer({"box": bench.ports()[NAME]}) as server:
        thread = threading.Thread(target=server.serve)
        thread.start()
        driver = started(VISAAdapter(server.resources()["box"], visa_library="@py", **ENDS))
        yield driver, bench
        driver.adapter.close()
        server.stop()
        thread.join(5)


def started(adapter):
    driver = AgilentB1500(adapter)
    driver.reset()
    driver.initialize_all_smus()
    driver.initialize_all_spgus()
    driver.data_format(11)
    return driver


def test_its_modules_are_found(outsider):
    driver, _ = outsider
    assert "B1500A" in driver.id
    assert driver.query_modules() == {1: "SPGU", 2: "HRSMU", 3: "HRSMU", 4: "HRSMU"}
    assert driver.smu_names == {2: "SMU1", 3: "SMU2", 4: "SMU3"}
    driver.check_errors()


def test_it_sources_a_voltage_and_measures_the_current_of_the_device(outsider):
    driver, bench = outsider
    smu = driver.smu1
    smu.enable()
    smu.force("Voltage", "2 V", 0.1, 1e-5)
    driver.adc_setup(ADCType.HSADC, ADCMode.PLC, 1)
    driver.time_stamp = True
    driver.meas_mode(MeasMode.SPOT, smu)
    driver.clear_timer()
    driver.send_trigger()
    told = [driver._data_format.format_single(part) for part in driver.read().split(",")]
    assert [(status, name) for status, _, name, _ in told] == [("N", "Time (s)"), ("N", "Current (A)")]
    conductance = bench.devices["a"].conductance(bench.clock.now())
    assert told[1][3] == pytest.approx(0.1 * conductance, rel=0.01)
    smu.disable()
    driver.check_errors()  # a question after it: over TCP a command takes its time
    assert bench.outputs_on() == []
    assert bench.faults == []


def test_its_settings_are_what_was_set(outsider):
    driver, _ = outsider
    smu = driver.smu1
    smu.enable()
    smu.force("Voltage", "20 V", 5, 1e-3, 0, "1 mA")
    assert smu.status["SMU1"]["Voltage Output (V)"] == "+5.0000E+00"
    assert smu.status["SMU1"]["Compliance Current (A)"] == "+1.0000E-03"
    smu.meas_op_mode = MeasOpMode.VOLTAGE
    smu.filter = True
    smu.adc_type = ADCType.HRADC
    driver.adc_auto_zero = True
    driver.adc_setup(ADCType.HRADC, ADCMode.PLC, 3)
    assert (smu.meas_op_mode, smu.filter, smu.adc_type) == (MeasOpMode.VOLTAGE, True, ADCType.HRADC)
    assert (smu.series_resistor, driver.adc_auto_zero, driver.time_stamp) == (False, True, False)
    assert driver.query_learn(56)["AIT1"] == ["2", "3"]
    smu.force_gnd()
    assert smu.status["SMU1"]["Voltage Output (V)"] == "+0.0000E+00"
    smu.restore_settings()
    assert smu.status["SMU1"]["Voltage Output (V)"] == "+5.0000E+00"
    driver.check_errors()


def test_it_sweeps_a_voltage(outsider):
    driver, bench = outsider
    smu = driver.smu1
    smu.enable()
    driver.data_format(11, mode=1)
    driver.meas_mode(MeasMode.STAIRCASE_SWEEP, smu)
    smu.staircase_sweep_source("Voltage", SweepMode.LINEAR_DOUBLE, "Auto Ranging", -0.1, 0.1, 5, 1e-4)
    driver.sweep_timing(0.1, 0.01)
    driver.sweep_auto_abort(True, post="START")
    driver.adc_setup(ADCType.HSADC, ADCMode.PLC, 1)
    assert driver.query_staircase_sweep_settings()["SMU1"]["Number of Steps"] == "5"
    start = bench.clock.now()
    driver.send_trigger()
    told = [driver._data_format.format_single(part) for part in driver.read().split(",")]
    there = [-0.1, -0.05, 0.0, 0.05, 0.1]
    assert [name for _, _, name, _ in told] == ["Current (A)", "Voltage (V)"] * 10
    assert [value for *_, value in told[1::2]] == pytest.approx([*there, *reversed(there)])
    conductance = bench.devices["a"].conductance(bench.clock.now())
    expected = [conductance * level for level in (*there, *reversed(there))]
    assert [value for *_, value in told[::2]] == pytest.approx(expected, abs=2e-8)
    assert bench.clock.now() - start >= 0.1 + 10 * (0.01 + 0.02)  # hold, delays, and a line cycle of 50 Hz each
    assert smu.status["SMU1"]["Voltage Output (V)"] == "-1.0000E-01"
    smu.disable()
    driver.check_errors()  # a question after it: over TCP a command takes its time
    assert bench.outputs_on() == []


def pulsing(driver):
    spgu, channel = driver.spgu1, driver.spgu1.ch1
    spgu.operation_mode = SPGUOperationMode.PG
    spgu.set_output_mode(SPGUOutputMode.COUNT, 3)
    channel.load_impedance = 1e6
    channel.output_mode = SPGUChannelOutputMode.SIGNAL_SOURCE_1
    channel.set_pulse_timings(source=1, delay=0, width=5e-7, rise_time=2e-8)
    channel.set_output_voltage(source=1, base_voltage=0, peak_voltage=2.0)
    return spgu, channel


def test_it_pulses_the_device(outsider):
    driver, bench = outsider
    spgu, channel = pulsing(driver)
    channel.enabled = True
    channel.apply_setup()
    spgu.output = True
    driver.check_errors()
    ((applied),) = bench.applied
    assert (applied.pulses, applied.width) == (3, pytest.approx(5e-7))
    assert applied.voltage == pytest.approx(2.0, rel=1e-4)
    bench.clock.wait(1e-3)
    assert spgu.complete
    assert (spgu.period, spgu.get_output_mode()) == (1e-6, (SPGUOutputMode.COUNT, 3.0))
    assert channel.get_pulse_timings() == (0.0, 5e-7, 2e-8, 2e-8)
    assert (channel.get_output_voltage(), channel.load_impedance) == ((0.0, 2.0), 1e6)
    channel.enabled = False
    driver.check_errors()
    assert bench.outputs_on() == []
    assert bench.faults == []


def test_it_may_not_pulse_with_its_output_switch_open(outsider):
    driver, bench = outsider
    spgu, _ = pulsing(driver)
    spgu.output = True
    with pytest.raises(OSError, match="200: Channel output switch must be ON"):
        driver.check_errors()
    assert bench.applied == []


def test_what_it_loses_in_its_numbers_is_refused_and_changes_nothing(outsider):
    driver, bench = outsider
    spgu, channel = pulsing(driver)
    spgu.period = 1e-7  # sends SPPER 0.000000
    with pytest.raises(OSError, match="120: Incorrect parameter value"):
        driver.check_errors()
    assert spgu.period == 1e-6
    spgu.set_output_mode(SPGUOutputMode.DURATION, 0.5)  # sends SPRM 2, 0
    with pytest.raises(OSError, match="120: Incorrect parameter value"):
        driver.check_errors()
    assert spgu.get_output_mode() == (SPGUOutputMode.COUNT, 3.0)
    spgu.set_output_mode(SPGUOutputMode.FREE_RUN)
    channel.enabled = True
    spgu.output = True  # nothing in that driver ends it by itself
    assert not spgu.complete
    assert any("runs freely" in fault for fault in bench.faults)


def test_what_the_twin_does_not_model_is_refused_as_unknown(outsider):
    driver, _ = outsider
    driver.pause(0.1)
    driver.check_errors()
    with pytest.raises(OSError, match="100: Undefined GPIB command"):
        driver.sampling_auto_abort(False, post="BIAS")
    with pytest.raises(OSError, match="120: Incorrect parameter value"):
        driver.meas_mode(MeasMode.SAMPLING, driver.smu1)
