"""Ageing of virtual devices: each law as its docstring says, and nothing unless asked for."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from sim_device.virtual_bench.devices.ageing import Ageing, Telegraph
from sim_device.virtual_bench.devices.device import ECRAM, VirtualDevice
from sim_device.virtual_bench.devices.noise import Normals

QUIET = replace(ECRAM, cycle_to_cycle=0.0, white_noise=0.0, slow_noise=0.0, volatile=0.0, rest_time=1e30)
UP, DOWN = (2.0, 500e-9), (-2.0, 500e-9)


def test_nothing_ages_unless_asked_for() -> None:
    device = VirtualDevice(QUIET, 1, 30e-6)
    assert [device.read(t) for t in (0.0, 1.0, 1e6)] == pytest.approx([30e-6] * 3, rel=1e-12)
    for _ in range(1000):
        device.pulse(1e6, UP, 100)
        device.pulse(1e6, DOWN, 100)
    fresh = VirtualDevice(QUIET, 1, device.conductance(1e6))
    for one in (device, fresh):
        one.pulse(1e6, UP, 50)
    assert device.conductance(1e6) == pytest.approx(fresh.conductance(1e6), rel=1e-12)


def test_half_of_the_window_is_left_after_the_pulses_that_halve_it() -> None:
    # After n_half pulses the bounds are half as far from their middle, 30 uS: 20 and 40 uS.
    device = VirtualDevice(replace(QUIET, ageing=Ageing(endurance=20_000)), 1, 30e-6)
    device.pulse(0.0, UP, 10_000)
    device.pulse(0.0, DOWN, 8_000)
    device.pulse(0.0, UP, 2_000)
    assert device.conductance(0.0) == pytest.approx(40e-6, rel=1e-3)
    assert Ageing(endurance=20_000).window(10e-6, 50e-6, 20_000) == pytest.approx((20e-6, 40e-6))


def test_each_reading_goes_its_fraction_of_the_way_up() -> None:
    device = VirtualDevice(replace(QUIET, ageing=Ageing(read_disturb=1e-3)), 1, 30e-6)
    readings = [device.read(0.0) for _ in range(1001)]
    assert readings[-1] == pytest.approx(50e-6 - 20e-6 * 0.999**1000, rel=1e-9)


def test_the_loss_is_logarithmic_from_the_last_pulse() -> None:
    device = VirtualDevice(replace(QUIET, ageing=Ageing(log_drift=1e-7, log_drift_start=1e-3)), 1, 30e-6)
    lost = [30e-6 - device.conductance(t) for t in (1e-3, 1.0, 1000.0)]
    assert lost == pytest.approx([1e-7 * np.log(2), 1e-7 * np.log(1001), 1e-7 * np.log(1e6 + 1)], rel=1e-9)
    kept = device.conductance(1000.0)
    device.pulse(1000.0, UP, 1)
    # The pulse goes its fraction of the way from where the device had drifted to; the clock of the loss starts anew.
    assert device.conductance(1000.0) == pytest.approx(kept + 0.004 * (50e-6 - kept), rel=1e-9)


def test_telegraph_noise_dwells_as_long_as_said_however_often_it_is_asked() -> None:
    # Share of the upper level 0.2/(0.2 + 0.6): its standard error over 4000 s is sqrt(2 p (1 - p) tau/4000), with
    # tau = 1/(1/0.2 + 1/0.6) = 0.15 s: 0.0038.
    ageing = Ageing(telegraph=2e-7, telegraph_low_time=0.6, telegraph_high_time=0.2)
    for step in (0.02, 0.5):
        noise = Telegraph(ageing, Normals(3))
        values = np.array([noise.after(step) for _ in range(round(4000 / step))])
        assert sorted(set(values.tolist())) == [-1e-7, 1e-7]
        error = np.sqrt(2 * 0.25 * 0.75 * max(0.15, step / 2) / 4000)
        assert abs(np.mean(values > 0) - 0.25) < 4 * error
        if step == 0.02:
            switches = np.count_nonzero(np.diff(values))
            # 5000 cycles of 0.8 s, each two switches; a few are missed between readings (2 % of the shorter dwell)
            assert switches == pytest.approx(2 * 5000, rel=0.1)
