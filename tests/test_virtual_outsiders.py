"""Drivers that others wrote, unmodified, talk to the twins: what their manuals allow is answered as the manuals say."""

import numpy as np
import pytest
from pymeasure.adapters import VISAAdapter
from pymeasure.instruments.agilent import Agilent33500
from pymeasure.instruments.keithley import Keithley2400, Keithley2450, Keithley2600
from pymeasure.instruments.keysight import Keysight81160A

from instruments.bench.wiring import Kind, MatrixCabling, Terminal, Wiring
from sim_device.virtual_bench import VirtualBench, make_devices

GENERATOR, SMU, MATRIX = "TCPIP0::gen::inst0::INSTR", "TCPIP0::smu::inst0::INSTR", "GPIB0::16::INSTR"


@pytest.fixture
def bench():
    columns = {("a", Terminal.GATE): 1, ("a", Terminal.CHANNEL): 2}
    wiring = Wiring(Kind.THREE_TERMINAL, MatrixCabling(1, "A", "B", "C", columns))
    instruments = {GENERATOR: "keysight-81160a", SMU: "keithley-2450", MATRIX: "keithley-707b"}
    return VirtualBench(wiring, make_devices(["a"], "ecram", seed=1), instruments)


def adapter(bench, name):
    return VISAAdapter(name, visa_library=bench.library(), read_termination="\n", write_termination="\n")


def close(bench, channels):
    bench.twins[MATRIX].receive(f'channel.exclusiveclose("{channels}")')


def test_pymeasure_2450_sources_voltage_and_measures_the_current_of_the_device(bench):
    smu = Keithley2450(adapter(bench, SMU))
    close(bench, "1B02")
    smu.apply_voltage(voltage_range=0.2, compliance_current=1e-4)
    smu.measure_current(nplc=1, auto_range=True)
    smu.source_voltage = 0.1
    smu.enable_source()
    conductance = bench.devices["a"].conductance(bench.clock.now())
    assert smu.current == pytest.approx(0.1 * conductance, rel=0.01)
    assert smu.source_voltage == pytest.approx(0.1)
    assert smu.compliance_current == pytest.approx(1e-4)
    smu.disable_source()
    assert bench.outputs_on() == []
    assert smu.check_errors() == []


def test_pymeasure_2450_sources_current_and_measures_voltage_and_resistance(bench):
    smu = Keithley2450(adapter(bench, SMU))
    close(bench, "1B02")
    smu.apply_current(current_range=1e-5, compliance_voltage=1.0)
    smu.measure_voltage(nplc=1, auto_range=True)
    smu.source_current = 2e-6
    smu.enable_source()
    resistance = 1 / bench.devices["a"].conductance(bench.clock.now())
    assert smu.voltage == pytest.approx(2e-6 * resistance, rel=0.01)
    smu.measure_resistance(nplc=1, auto_range=True)
    assert smu.resistance == pytest.approx(resistance, rel=0.01)
    smu.source_current_range = 1e-4
    smu.source_current = 1e-4  # would need some 3 V
    smu.measure_voltage(nplc=1, auto_range=True)
    assert smu.voltage == pytest.approx(1.0, rel=1e-3)
    assert smu.ask(":SOUR:CURR:VLIM:TRIP?") == "1"
    assert smu.check_errors() == []


def test_pymeasure_2450_settings_are_what_was_set(bench):
    smu = Keithley2450(adapter(bench, SMU))
    smu.current_nplc = 0.1
    smu.voltage_nplc = 5
    smu.current_filter_count = 3
    smu.current_output_off_state = "HIMP"
    smu.source_voltage_delay = 0.01
    assert (smu.current_nplc, smu.voltage_nplc, smu.current_filter_count) == (0.1, 5, 3)
    assert smu.current_output_off_state == "HIMP"
    assert smu.source_voltage_delay == 0.01
    assert smu.check_errors() == []


def test_pymeasure_81160a_pulses_the_device(bench):
    generator = Keysight81160A(adapter(bench, GENERATOR))
    generator.reset()
    close(bench, "1A01,1C02")
    channel = generator.ch_1
    channel.trigger_mode = "MAN"
    channel.shape = "PULS"
    channel.output_load = 1e6
    channel.voltage_high = 2.0
    channel.voltage_low = 0.0
    channel.pulse_width = 500e-9
    channel.trigger_count = 1
    channel.output = True
    generator.trigger()
    (applied,) = bench.applied
    assert (applied.pulses, applied.width) == (1, pytest.approx(5e-7))
    assert applied.voltage == pytest.approx(2.0, rel=1e-4)
    assert channel.pulse_width == pytest.approx(5e-7)
    assert (channel.amplitude, channel.offset) == (pytest.approx(2.0), pytest.approx(1.0))
    channel.trigger_count = 7
    generator.trigger()
    assert bench.applied[-1].pulses == 7
    channel.output = False
    assert bench.outputs_on() == []
    assert generator.check_errors() == []


def test_pymeasure_81160a_left_free_running_is_noted(bench):
    generator = Keysight81160A(adapter(bench, GENERATOR))
    generator.reset()
    close(bench, "1A01,1C02")
    generator.ch_1.apply_pulse(1e5, 2.0, 1.0)  # APPLy switches the output on
    assert bench.outputs_on() == [GENERATOR]
    assert any("runs freely" in fault for fault in bench.faults)


def test_pymeasure_81160a_inverts_its_burst_flag_and_the_twin_shows_it(bench):
    generator = Keysight81160A(adapter(bench, GENERATOR))
    generator.ch_1.burst_state = True  # sends :BURS1:STAT 0
    assert generator.ask(":BURS1:STAT?").strip() == "0"


@pytest.fixture
def bench_2400():
    wiring = Wiring(Kind.THREE_TERMINAL, None)
    return VirtualBench(wiring, make_devices(["a"], "ecram", seed=1), {SMU: "keithley-2400"})


def test_pymeasure_2400_lifts_a_compliance_by_measuring_and_the_twin_shows_it(bench_2400):
    smu = Keithley2400(adapter(bench_2400, SMU))
    smu.source_mode = "voltage"
    smu.compliance_current = 1e-6
    smu.source_voltage = 0.1
    assert smu.compliance_current == pytest.approx(1e-6)
    assert bench_2400.outputs_on() == []
    current = smu.current  # sends :MEASURE:CURRENT?
    assert bench_2400.outputs_on() == [SMU]
    assert smu.compliance_current == pytest.approx(1.05e-4)
    assert np.max(current) > 1e-6  # the compliance that was asked for


def test_pymeasure_2400_reads_what_it_configured(bench_2400):
    smu = Keithley2400(adapter(bench_2400, SMU))
    smu.source_mode = "voltage"
    smu.compliance_current = 1e-4
    smu.current_nplc = 0.1
    smu.source_voltage = 0.1
    smu.enable_source()
    smu.write(":FORM:ELEM VOLT,CURR,STAT")
    voltage, current, _ = smu.values(":READ?")
    conductance = bench_2400.devices["a"].conductance(bench_2400.clock.now())
    assert current / voltage == pytest.approx(conductance, rel=0.01)
    assert smu.current_nplc == pytest.approx(0.1)
    smu.disable_source()
    smu.write(":READ?")
    assert smu.adapter.connection.read_stb() == 4  # no reply, an error: not permitted with output off
    assert smu.ask(":SYST:ERR?").startswith("803")


@pytest.mark.filterwarnings("ignore:It is not known whether this device support SCPI:FutureWarning")
def test_pymeasure_2600b_measures_through_the_tsp_twin():
    wiring = Wiring(Kind.THREE_TERMINAL, None)
    bench = VirtualBench(wiring, make_devices(["a"], "ecram", seed=1), {SMU: "keithley-2600b"})
    smu = Keithley2600(adapter(bench, SMU))
    smu.ChA.source_mode = "voltage"
    smu.ChA.compliance_current = 1e-3
    smu.ChA.source_voltage = 0.1
    smu.ChA.source_output = "ON"
    conductance = bench.devices["a"].conductance(bench.clock.now())
    assert smu.ChA.current == pytest.approx(0.1 * conductance, rel=0.01)
    assert smu.ChA.voltage == pytest.approx(0.1, rel=1e-3)
    assert smu.ChB.current == 0.0
    smu.ChA.source_output = "OFF"
    assert bench.outputs_on() == []
    assert smu.ask("print(errorqueue.count)").strip() == "0.00000e+00"


def test_pymeasure_33500_gives_a_burst():
    wiring = Wiring(Kind.THREE_TERMINAL, None)
    bench = VirtualBench(wiring, make_devices(["a"], "ecram", seed=1), {GENERATOR: "keysight-33500b"})
    generator = Agilent33500(adapter(bench, GENERATOR))
    generator.reset()
    channel = generator.ch_1
    channel.shape = "PULS"
    channel.output_load = "INF"
    channel.pulse_period = 1e-3
    channel.pulse_width = 1e-4
    channel.amplitude = 2.0
    channel.offset = 1.0
    channel.burst_state = True
    channel.burst_mode = "TRIG"
    channel.burst_ncycles = 3
    generator.write("TRIG1:SOUR BUS")
    channel.output = True
    generator.trigger()
    assert [(one.pulses, one.width) for one in bench.applied] == [(3, pytest.approx(1e-4))]
    assert bench.applied[0].voltage == pytest.approx(2.0, rel=1e-3)
    assert bench.faults == []
    assert generator.check_errors() == []


def test_a_2450_sweeps_and_gives_its_buffer_as_the_manual_says(bench):
    close(bench, "1B02")
    link = adapter(bench, SMU)

    def ask(text):
        link.write(text)
        return link.read()

    assert ask(":SENSe:FUNCtion?") == '"CURR:DC"'
    link.write(":SOUR:FUNC VOLT;:SOUR:VOLT:RANG 0.2;:SENS:FUNC 'CURR';:SENS:CURR:RANG 1E-4")
    link.write(":TRACe:MAKE 'sweep', 100, ")
    link.write(":SOURce:SWEep:VOLTage:LINear -0.1,0.1,5,1e-3,1,AUTO,ON,OFF,'sweep'")
    link.write(":INITiate")
    link.write("*WAI")
    assert ask(":TRACe:ACTual? 'sweep'") == "5"
    flat = [float(part) for part in ask(":TRAC:DATA? 1,5,'sweep',SOUR,READ,FRAC").split(",")]
    volts, amperes = np.array(flat[0::3]), np.array(flat[1::3])
    conductance = bench.devices["a"].conductance(bench.clock.now())
    assert volts == pytest.approx([-0.1, -0.05, 0.0, 0.05, 0.1], abs=1e-5)
    assert amperes == pytest.approx(conductance * volts, abs=1e-8)
    assert bench.outputs_on() == []
    assert ask(":TRAC:DATA? 1,1,'sweep',DATE,TIME").startswith("01/01/2024,00:00:0")
    link.write(":TRACe:DELete 'sweep'")
    link.write(":*CLS")
    assert ask(":SYST:ERR?").startswith("0,")
    link.write(":TRACe:ACTual? 'sweep'")
    assert ask(":SYST:ERR?").startswith("1115")
