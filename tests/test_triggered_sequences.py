"""A generator that the source-measure unit triggers over a cable: the bytes, the station file, the device, the ends."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pymeasure.test import expected_protocol
from rehearsed import STATIONS, rehearsed

from instruments.crosspoints import Crosspoints, Pulse, PulsePair, Status
from instruments.drivers.keysight_33500b import Keysight33500B
from instruments.drivers.keysight_b2902b.list_sweep import TriggeredBursts
from instruments.drivers.keysight_b2902b.smu import KeysightB2902B
from instruments.errors import InputError, LimitError
from instruments.limits import Limits
from instruments.sequences import Plan
from labshd.recording.recorder import record
from labshd.station.station_file import read_station_file
from protocols.update_response import UpdateResponse

STATION = "ecram-triggered.toml"
LIMITS = Limits(pulse_voltage=3.0, pulse_width=1e-3, read_voltage=0.2, current=1e-4, pulses_per_crosspoint=10**6)
PAIR = PulsePair(Pulse(2.0, 1e-6), Pulse(-2.0, 1e-6))
NONE = '+0,"No error"'


def plan_of(counts):
    counts = np.asarray(counts)
    return Plan(counts, PAIR, 1e-2, 0.1, 5e-5, 0.1, 1e-4, int(np.abs(counts).max(initial=0)))


def test_the_generator_waits_for_edges_and_a_reset_ends_that() -> None:
    """1 us wide: edges 50 ns, period 2 us and 84 ns; the width is that of `prepare` already."""
    pairs = [
        (":SOUR1:VOLT:HIGH 2.000000e+00;:SOUR1:VOLT:LOW 0;:SYST:ERR?", NONE),
        (":SOUR1:BURS:NCYC 3", None),
        (":TRIG1:SLOP POS;:TRIG1:SOUR EXT;:SYST:ERR?", NONE),
        (":SOUR1:VOLT:HIGH 2.000000e+00;:SOUR1:VOLT:LOW 0;:SYST:ERR?", NONE),  # the next part: it waits already
        (":OUTP1 ON", None),
        (":OUTP1 OFF", None),
        ("*RST;*CLS", None),
        (
            ":OUTP1 OFF;:TRIG1:SOUR BUS;:OUTP1:LOAD INF;:SOUR1:FUNC PULS;:SOUR1:FUNC:PULS:HOLD WIDT;"
            ":SOUR1:BURS:MODE TRIG;:SOUR1:BURS:NCYC 1;:SOUR1:BURS:STAT ON;:SOUR1:VOLT:HIGH 2.000000e-03;"
            ":SOUR1:VOLT:LOW 0;:SOUR1:VOLT:LIM:HIGH 3.000000e+00;:SOUR1:VOLT:LIM:LOW -3.000000e+00;"
            ":SOUR1:VOLT:LIM:STAT ON;:OUTP1:POL NORM;:SOUR1:FUNC:PULS:WIDT 1.000000e-07;"
            ":SOUR1:FUNC:PULS:PER 2.084000e-06;:SOUR1:FUNC:PULS:WIDT 1.000000e-06;"
            ":SOUR1:FUNC:PULS:TRAN:LEAD 5.000000e-08;:SOUR1:FUNC:PULS:TRAN:TRA 5.000000e-08;:SYST:ERR?",
            NONE,
        ),
        (":SOUR1:VOLT:HIGH 2.000000e+00;:SOUR1:VOLT:LOW 0;:SYST:ERR?", NONE),
    ]
    with expected_protocol(Keysight33500B, pairs, limits=LIMITS) as generator:
        assert generator.arm_by_cable(PAIR.up, 3) == pytest.approx(2 * 2.084e-6 + 1.05e-6)
        generator.arm_by_cable(PAIR.up, 3)
        generator.output_on()
        generator.off()
        with pytest.raises(LimitError):
            generator.arm_by_cable(Pulse(3.1, 1e-6), 1)
        generator.configure(PAIR.up)  # for bursts on its own trigger again: reset first


def test_the_unit_triggers_holds_the_read_voltage_and_measures() -> None:
    pairs = [
        ("*RST;*CLS", None),
        (
            ":OUTP1 OFF;:OUTP1:ON:AUTO OFF;:OUTP1:OFF:AUTO OFF;:SOUR1:FUNC:MODE VOLT;:SOUR1:VOLT:MODE FIX;"
            ':SENS1:FUNC "VOLT","CURR";:SENS1:REM OFF;:FORM:ELEM:SENS VOLT,CURR,STAT;:TRIG1:SOUR AINT;:TRIG1:COUN 1'
            ";:SYST:ERR?",
            NONE,
        ),
        (
            ":SENS1:CURR:PROT 5.000000e-05;:SENS1:CURR:RANG:AUTO OFF;:SENS1:CURR:RANG 1.000000e-04;"
            ":SOUR1:VOLT:RANG:AUTO OFF;:SOUR1:VOLT:RANG 2.000000e-01;:SOUR1:VOLT 1.000000e-01;"
            ":SENS1:CURR:NPLC 1.000000e-01;:SYST:ERR?",
            NONE,
        ),
        (":SENS1:CURR:PROT?", "+5.000000E-05"),
        (":SYST:LFR?", "50"),
        (
            ":SOUR1:VOLT:MODE LIST;:SOUR:DIG:EXT1:FUNC TOUT;:SOUR:DIG:EXT1:POL POS;:SOUR:DIG:EXT1:TOUT:EDGE:POS BEF;"
            ":SOUR:DIG:EXT1:TOUT:EDGE:WIDT 1.000000e-04;:SOUR1:TOUT:SIGN EXT1;"
            # a step: 2 pulses 2.084 us apart, 10 ms of settling, 2 ms of integration, 0.2 ms of room
            ":TRIG1:TRAN:SOUR TIM;:TRIG1:TRAN:TIM 1.220417e-02;:TRIG1:TRAN:DEL 0;"
            ":TRIG1:ACQ:SOUR TIM;:TRIG1:ACQ:TIM 1.220417e-02;:TRIG1:ACQ:DEL 1.000417e-02;"
            ":FORM:ELEM:SENS VOLT,CURR,TIME,STAT;:SYST:TIME:TIM:COUN:RES:AUTO ON;:SYST:ERR?",
            NONE,
        ),
        (
            ":SOUR1:TOUT:STAT ON;:TRAC1:FEED:CONT NEV;:TRAC1:CLE;:TRAC1:POIN 2;:TRAC1:FEED SENS;:TRAC1:FEED:CONT NEXT;"
            ":TRIG1:TRAN:COUN 2;:TRIG1:ACQ:COUN 2;:SOUR1:LIST:VOLT 1.000000e-01,1.000000e-01;:SYST:ERR?",
            NONE,
        ),
        (":OUTP1 ON;:INIT (@1)", None),
    ]

    class Generator:
        def __init__(self) -> None:
            self.asked: list[object] = []

        def period(self, width: float) -> float:
            return 2 * width + 84e-9

        def prepare(self) -> None:
            self.asked.append("prepare")

        def arm_by_cable(self, pulse: Pulse, count: int) -> None:
            self.asked.append((pulse, count))

        def output_on(self) -> None:
            self.asked.append("on")

    generator = Generator()
    with expected_protocol(KeysightB2902B, pairs, limits=LIMITS) as unit:
        sequence = TriggeredBursts(unit, generator)  # type: ignore[arg-type]
        plan = plan_of([-2, -2])
        sequence.begin(plan)
        assert sequence.load(plan) == pytest.approx(2 * 1.220417e-2, rel=1e-5)
        sequence.start()
    assert generator.asked == ["prepare", (PAIR.down, 2), "on"]


def test_ramps_are_sequences_and_alternating_pulses_are_not() -> None:
    sequence = TriggeredBursts(KeysightB2902B, Keysight33500B)  # type: ignore[arg-type] - asks neither
    sequence.generator = type("Generator", (), {"period": staticmethod(lambda width: 2 * width)})()
    assert sequence.refusal(plan_of(np.repeat([1, -1], 50))) is None
    assert sequence.refusal(plan_of(np.zeros(3))) is None
    assert "more often than every 8 steps" in str(sequence.refusal(plan_of(np.tile([1, -1], 50))))
    plan = plan_of([1] * 30 + [-1] * 20)
    sequence._slots = sequence._slots_of(plan)  # as `begin` does
    assert sequence.holds(plan) == 30
    assert sequence.holds(plan.part(30, 50)) == 20


def test_a_run_of_ramps_is_timed_by_the_boxes_and_has_the_steps_of_the_device(tmp_path: Path) -> None:
    with rehearsed(STATION) as station:
        run = record(UpdateResponse(pulses=150, cycles=2), station.first, runs=tmp_path, station=station)
        virtual = station.virtual
        assert virtual is not None
        truth = virtual.devices["A1"].truth(station.first.pulses)
        assert virtual.is_safe()
    assert run.info["origin"]["details"]["traces"] == "sequences: bursts that the source-measure unit triggers"
    assert len(virtual.applied) == 600
    assert run.info["pulses_per_crosspoint"] == [[600]]
    series = run.series()
    ramp = series.readings.time[series.phases == "up"].ravel()[:150]
    assert np.diff(ramp) == pytest.approx(np.diff(ramp)[0], abs=2e-6)  # 7 digits of the time of the instrument
    middle = run.info["result"]["step_at_mid_range"]
    g = middle["conductance_S"]
    assert middle["up_S"] == pytest.approx(truth.s_up * (truth.g_max_S - g), abs=4 * middle["up_std_S"])
    assert middle["down_S"] == pytest.approx(truth.s_down * (truth.g_min_S - g), abs=4 * middle["down_std_S"])


def test_bursts_without_pulses_and_step_by_step_on_one_bench() -> None:
    with rehearsed(STATION) as station:
        block, virtual = station.first, station.virtual
        assert virtual is not None
        readings = block.trace(np.repeat([0, 3, 0, -2], [8, 10, 12, 9]))
        assert len(readings) == 39
        assert [one.pulses for one in virtual.applied] == [1] * (30 + 18)
        assert len(list(Crosspoints.stream(block, [2, 0, -1]))) == 3
        assert sum(one.pulses for one in virtual.applied) == 30 + 18 + 3
        assert len(block.trace([1, -1, 1])) == 3
        assert block.bench.pulses_applied == {"A1": 30 + 18 + 3 + 3}  # type: ignore[attr-defined]


def test_an_interrupted_sequence_has_both_outputs_off_first() -> None:
    with rehearsed(STATION) as station:
        block, virtual = station.first, station.virtual
        assert virtual is not None
        wait = virtual.clock.wait

        def interrupted(seconds: float) -> None:
            if seconds > 0.5:
                wait(seconds / 2)
                assert len(virtual.outputs_on()) == 2
                raise KeyboardInterrupt
            wait(seconds)

        virtual.clock.wait = interrupted  # type: ignore[method-assign]
        stream = block.stream(np.ones(100, dtype=int))
        readings = next(stream)
        assert virtual.is_safe()
        with pytest.raises(KeyboardInterrupt):
            next(stream)
        virtual.clock.wait = wait  # type: ignore[method-assign]
        read = int(np.isfinite(readings.conductance).sum())
        assert 48 <= read <= 50
        assert np.all(readings.status[read:] & Status.UNCERTAIN)
        assert len(virtual.applied) <= read + 1
        assert block.bench.pulses_applied == {"A1": 100}  # type: ignore[attr-defined]
        block.pulse(1)  # by its own trigger again
        assert virtual.applied[-1].pulses == 1


def test_without_a_word_of_a_cable_traces_go_step_by_step() -> None:
    with rehearsed(STATION, edit={"trigger = true # the cable": ""}) as station:
        assert "step by step" in station.first.origin.details["traces"]
        station.first.trace(np.ones(3, dtype=int))
        assert sum(one.pulses for one in station.virtual.applied) == 3  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"keysight-b2902b": "keithley-2450"}, "have no trigger that is known here"),
        ({"keysight-33500b": "keysight-81160a"}, "have no trigger that is known here"),
    ],
)
def test_a_cable_between_boxes_that_do_not_know_each_other_is_refused(
    tmp_path: Path, change: dict[str, str], said: str
) -> None:
    text = (STATIONS / STATION).read_text(encoding="utf-8")
    for old, new in change.items():
        text = text.replace(old, new)
    path = tmp_path / "wrong.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=said):
        read_station_file(path)


def test_a_cable_is_of_no_use_beside_a_matrix(tmp_path: Path) -> None:
    text = (STATIONS / "ecram.toml").read_text(encoding="utf-8")
    path = tmp_path / "wrong.toml"
    path.write_text(
        text.replace('kind = "three-terminal"', 'kind = "three-terminal"\ntrigger = true'), encoding="utf-8"
    )
    with pytest.raises(InputError, match="relays move between a pulse and a reading"):
        read_station_file(path)
