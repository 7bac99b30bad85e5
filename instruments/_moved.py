"""Modules of instruments by their names of version 0.1, and where they are now; kept for one version."""

from __future__ import annotations

MOVED = {
    "instruments.assembled": "instruments.bench.assembled",
    "instruments.capability": "instruments.bench.capability",
    "instruments.drivers.burst_generator": "instruments.drivers.common.burst_generator",
    "instruments.drivers.connected": "instruments.drivers.common.connected",
    "instruments.drivers.fixed_ranges": "instruments.drivers.common.fixed_ranges",
    "instruments.drivers.keithley_2450_list": "instruments.drivers.keithley_2450.list_sweep",
    "instruments.drivers.keithley_2600b_pulses": "instruments.drivers.keithley_2600b.pulses",
    "instruments.drivers.keithley_2600b_trace": "instruments.drivers.keithley_2600b.trace",
    "instruments.drivers.keysight_b1500a_smu": "instruments.drivers.keysight_b1500a.smu",
    "instruments.drivers.keysight_b1500a_spgu": "instruments.drivers.keysight_b1500a.spgu",
    "instruments.drivers.keysight_b2902b_list": "instruments.drivers.keysight_b2902b.list_sweep",
    "instruments.drivers.list_unit": "instruments.drivers.common.list_unit",
    "instruments.drivers.scpi": "instruments.drivers.common.scpi",
    "instruments.drivers.slow_pulses": "instruments.drivers.common.slow_pulses",
    "instruments.drivers.smu_pulses": "instruments.drivers.common.smu_pulses",
    "instruments.drivers.tsp": "instruments.drivers.common.tsp",
    "instruments.drivers.tsp_scripts": "instruments.drivers.common.tsp_scripts",
    "instruments.phases": "instruments.bench.phases",
    "instruments.pulse_count": "instruments.bench.pulse_count",
    "instruments.reading": "instruments.bench.reading",
    "instruments.relay_check": "instruments.bench.relay_check",
    "instruments.sequencing": "instruments.bench.sequencing",
    "instruments.shared_lines": "instruments.bench.shared_lines",
    "instruments.sweeping": "instruments.bench.sweeps",
    "instruments.switching": "instruments.bench.switching",
    "instruments.wiring": "instruments.bench.wiring",
}
