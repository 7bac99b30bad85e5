"""Every line that keeps a limit is missed when it is gone: limits, roles, sweeps, sequences, counts, plans, buffers."""

from __future__ import annotations

import struct
import tracemalloc
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rehearsed import rehearsed

from instruments.bench.pulse_count import PulseCount
from instruments.clock import VirtualClock
from instruments.crosspoints import Pulse, PulsePair
from instruments.errors import InputError, InstrumentError, LimitError
from instruments.foreseen import Foreseen
from instruments.limits import Limits
from instruments.roles import Measurement, PulseSource, SourceMeasureUnit
from instruments.wire import Wire
from labshd.campaign.plan import plan_protocol
from labshd.recording.recorder import record, run_of
from labshd.runs.run import list_runs
from labshd.station.station import Station
from protocols.common import catalogue
from protocols.common.protocol import Protocol
from protocols.endurance import Endurance
from protocols.forming import Forming
from protocols.program import Program
from protocols.read_noise import ReadNoise
from protocols.symmetry_point import SymmetryPoint
from protocols.update_response import UpdateResponse
from sim_device.virtual_bench import bounds
from sim_device.virtual_bench.reach.hislip import Hub, Kind
from sim_device.virtual_bench.reach.server import RawConnection
from sim_device.virtual_bench.reach.visa import Port, VirtualVisaLibrary

ONE_BOX = "rram-one-box.toml"
LIMITS = Limits(
    pulse_voltage=5.0, pulse_width=1e-3, read_voltage=0.2, current=1e-4, pulses_per_crosspoint=1000,
    gate_voltage=2.0, sweep_voltage=3.0,
)  # fmt: skip


# -- limits ------------------------------------------------------------------------------------------------------------


def test_the_compliance_of_a_gate_and_of_a_sweep_is_limited_as_any_other() -> None:
    for check in (LIMITS.check_gate, LIMITS.check_sweep):
        check(1.5, 1e-4)
        for current in (1.01e-4, 0.0, float("nan")):
            with pytest.raises(LimitError, match="compliance"):
                check(1.5, current)


def test_a_gate_has_a_power_too() -> None:
    limits = LIMITS.model_copy(update={"power": 1e-4})
    limits.check_gate(1.0, 1e-4)
    for check in (limits.check_gate, limits.at_gate().check_bias):
        with pytest.raises(LimitError, match="150 uW"):
            check(1.5, 1e-4)


@pytest.mark.parametrize(("duty", "rest"), [(None, None), (1.0, None), (0.5, None), (0.4, 1.5e-6), (0.3, 7e-6 / 3)])
def test_a_rest_is_owed_from_just_below_half_on(duty: float | None, rest: float | None) -> None:
    found = LIMITS.model_copy(update={"duty": duty}).rest_after(Pulse(1.0, 1e-6))
    assert found == (rest if rest is None else pytest.approx(rest))


# -- roles -------------------------------------------------------------------------------------------------------------


class Unit(SourceMeasureUnit):
    """A source-measure unit that notes what it is told, and fails where it is asked to."""

    limits = LIMITS

    def __init__(self) -> None:
        self.told: list[str] = []
        self.fails = ""

    def _note(self, what: str) -> None:
        self.told.append(what)
        if what.startswith(self.fails or "nothing"):
            raise InstrumentError(f"no answer to {what}")

    def _configure(self, voltage: float, compliance: float, integration: float) -> None:
        self._note(f"set {voltage:g} V")

    def _level(self, voltage: float) -> None:
        self._note(f"level {voltage:g} V")

    def _output_on(self) -> None:
        self._note("on")

    def measure(self, count: int = 1) -> list[Measurement]:
        return [Measurement(0.0, 0.0)] * count

    identity = prepare = off = check_errors = is_off = disconnect = lambda self: None  # type: ignore[assignment]


def test_no_output_goes_on_that_has_no_compliance() -> None:
    unit = Unit()
    with pytest.raises(InputError, match="compliance"):
        unit.output_on()
    with pytest.raises(LimitError, match="compliance"):
        unit.level(0.0)
    assert unit.told == []


@pytest.mark.parametrize(
    ("fails", "verb"), [("set", "configure"), ("set", "configure_sweep"), ("level", "configure_sweep")]
)
def test_a_configuration_that_failed_half_way_leaves_none(fails: str, verb: str) -> None:
    unit = Unit()
    unit.configure(0.1, 1e-5, 1.0)
    unit.fails = fails
    with pytest.raises(InstrumentError):
        getattr(unit, verb)(0.15, 1e-5, 1.0)
    with pytest.raises(InputError, match="compliance"):
        unit.output_on()
    assert "on" not in unit.told


def test_a_sweep_and_its_levels_are_checked_before_a_byte() -> None:
    unit = Unit()
    for span, current in ((3.1, 1e-5), (1.0, 2e-4), (float("nan"), 1e-5)):
        with pytest.raises(LimitError):
            unit.configure_sweep(span, current, 1.0)
    assert unit.told == []
    unit.configure_sweep(2.5, 1e-5, 1.0)
    told = list(unit.told)
    for volts in (2.6, -2.6, float("nan")):
        with pytest.raises(LimitError):
            unit.level(volts)
    unit.limits = LIMITS.model_copy(update={"sweep_voltage": 1.0})  # tightened while it is open
    with pytest.raises(LimitError, match="sweep_voltage"):
        unit.level(2.0)
    assert unit.told == told


def test_a_burst_is_a_whole_number_of_pulses() -> None:
    with rehearsed("rram.toml") as station:
        generator: PulseSource = station.first.bench.generator  # type: ignore[attr-defined]
        for count in (0, -1, 2.5, True, "3", None, 2**31, float("nan")):
            with pytest.raises(InputError, match="burst"):
                generator.fire(count)  # type: ignore[arg-type]
        assert station.virtual is not None
        assert station.virtual.applied == []


# -- power -------------------------------------------------------------------------------------------------------------

POWERED = {'read_voltage = "200 mV"': 'read_voltage = "200 mV"\npower = "90 uW"'}


@pytest.mark.parametrize("box", ["keysight-b2902b", "keithley-2450", "keithley-2400"])
def test_the_power_limits_pulses_of_a_source_measure_unit(box: str) -> None:
    """0.85 V with a limit of 0.5 mA may give 0.43 mW; a tenth of the voltage passes."""
    with rehearsed(ONE_BOX, edit={"keysight-b2902b": box, **POWERED}) as station:
        block, virtual = station.first, station.virtual
        assert virtual is not None
        for act in (lambda: block.pulse(1), lambda: block.trace([1, -1])):
            with pytest.raises(LimitError, match=r"425 uW.*limits.power"):
                act()
        assert virtual.applied == []
        assert virtual.largest_voltage["A1"] == 0
        low = PulsePair(Pulse(0.17, 1e-2), Pulse(-0.17, 1e-2))
        block.trace([1, -1], low)
        assert sum(one.pulses for one in virtual.applied) == 2


# -- sweeps and sequences ----------------------------------------------------------------------------------------------


def bench_of(station: Station) -> Any:
    return station["A1"].bench  # type: ignore[attr-defined]


def test_levels_of_either_sign_beyond_the_read_voltage_count_as_pulses() -> None:
    with rehearsed("rram.toml") as station:
        list(station["A1"].sweep([0.1, 0.5, -0.5, -0.1, -0.6], 1e-5))
        assert bench_of(station).pulses_applied == {"A1": 3}


def test_stress_beyond_what_is_left_is_refused_before_it_begins() -> None:
    with rehearsed("rram.toml") as station:
        bench_of(station).count.add_earlier({"A1": bench_of(station).limits.pulses_per_crosspoint - 2})
        assert station.virtual is not None
        with pytest.raises(LimitError, match="3 more pulses"):
            list(station["A1"].sweep([-0.5, -0.6, 0.5], 1e-5))
        assert station.virtual.largest_voltage["A1"] == 0


def test_a_trace_goes_no_denser_than_the_duty_though_there_is_a_sequence() -> None:
    duty = {'read_voltage = "200 mV"': 'read_voltage = "200 mV"\nduty = "10 %"'}
    with rehearsed(ONE_BOX, edit=duty) as station:
        assert station.virtual is not None
        assert station.all.tracing.words.startswith("sequences")
        station.first.trace([1, 2, -1])
        times = [(one.time, one.pulses) for one in station.virtual.applied]
    assert [n for _, n in times] == [1, 1, 1, 1]
    assert all(b - a >= 0.99 * 10e-3 / 0.1 for (a, _), (b, _) in pairwise(times))


# -- counts ------------------------------------------------------------------------------------------------------------


def test_a_pulse_is_noted_before_it_is_counted_and_counted_before_it_is_fired() -> None:
    count, seen = PulseCount(), []
    count.watch = lambda name, more: seen.append((name, more, count.applied.get(name, 0)))
    count.firing("A1", 3)
    count.firing("A1", 2)
    assert seen == [("A1", 3, 0), ("A1", 2, 3)]
    assert count.applied == count.doubtful == {"A1": 5}


def test_nothing_is_fired_that_could_not_be_noted() -> None:
    def full(name: str, more: int) -> None:
        raise OSError("disk full")

    with rehearsed("rram.toml") as station:
        bench_of(station).count.watch = full
        with pytest.raises(OSError, match="disk full"):
            station["A1"].pulse(3)
        assert station.virtual is not None
        assert station.virtual.applied == []


@pytest.mark.parametrize(
    "counts", [[2**62] * 4 + [5], [-(2**63)], [2**31 - 1] * 5, [2**64], np.array([2**63], np.uint64)]
)
def test_no_sum_wraps_past_the_budget(counts: Any) -> None:
    for name in ("ecram.toml", ONE_BOX):
        with rehearsed(name) as station:
            assert station.virtual is not None
            with pytest.raises(InputError):
                station.first.trace(counts)
            with pytest.raises(InputError):
                station.all.pulse(int(counts[0]))
            assert station.virtual.applied == []


# -- what a protocol may do is known before it begins ------------------------------------------------------------------


def messages_of(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    sent: list[str] = []
    monkeypatch.setattr(Wire, "write", lambda _, command, **__: sent.append(command))
    return sent


TOO_MUCH: list[tuple[str, Protocol, str]] = [
    ("rram.toml", UpdateResponse(pulses=200_000, cycles=3), "pulses or cycles"),
    ("rram.toml", Endurance(cycles=100_000), "cycles or pulses"),
    ("rram.toml", Program(levels=1000, most=5000), "most"),
    ("rram.toml", SymmetryPoint(budget=10_000_000), "budget"),
    ("rram.toml", UpdateResponse(ramp="voltage", highest=9.0), "limits.pulse_voltage"),
    ("rram.toml", Forming(stop=50.0, step=0.5), "limits.sweep_voltage"),
    ("rram.toml", Forming(compliance=1.0), "limits.current"),
]


@pytest.mark.parametrize(("file", "protocol", "said"), TOO_MUCH)
def test_a_plan_that_does_not_fit_is_refused_before_a_reading(
    file: str, protocol: Protocol, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with rehearsed(file) as station, monkeypatch.context() as patch:
        sent = messages_of(patch)
        with pytest.raises(LimitError, match=said) as caught:
            record(protocol, station["A1"], runs=tmp_path, station=station)
        assert not any(word in one.upper() for one in sent for word in ("OUTP ON", "OUTP1 ON", "READ", "MEAS", "TRG"))
        assert run_of(caught.value) is None
    assert list_runs(tmp_path) == []


def test_what_was_used_before_counts(tmp_path: Path) -> None:
    protocol = UpdateResponse(pulses=20, cycles=1, rest=2)
    with rehearsed("ecram.toml") as station:
        limits = bench_of(station).limits
        bench_of(station).count.add_earlier({"A1": limits.pulses_per_crosspoint - 39})
        with pytest.raises(LimitError, match=r"up to 40 pulses to A1, which has 39 left .* in earlier runs"):
            record(protocol, station["A1"], runs=tmp_path, station=station)
        record(protocol.model_copy(update={"stop_pulses": 39}), station["A1"], runs=tmp_path, station=station)
        assert bench_of(station).pulses_applied["A1"] <= limits.pulses_per_crosspoint


def test_a_run_that_goes_on_counts_what_it_has_spent_once() -> None:
    limits, foreseen = LIMITS.model_copy(update={"pulses_per_crosspoint": 40}), Foreseen("x", "pulses", 40)
    foreseen.check_budget(limits, "A1", 40, spent=25, counted=25)
    with pytest.raises(LimitError, match="up to 16 pulses to A1, which has 15 left"):
        foreseen.check_budget(limits, "A1", 40, spent=25, counted=24)


def test_a_plan_tells_it_too(tmp_path: Path) -> None:
    stations = Path(__file__).parents[1] / "data" / "stations"
    plan = plan_protocol(SymmetryPoint(budget=10_000_000, target=0.9), stations / "ecram.toml", runs=tmp_path)
    assert not plan.ok
    assert "lower budget" in plan.refused[0]


@pytest.mark.parametrize("name", sorted(catalogue.names()))
def test_every_protocol_tells_what_it_may_do(name: str) -> None:
    with rehearsed("rram.toml") as station:
        foreseen = catalogue.find(name)().foreseen(station["A1"])
        assert isinstance(foreseen, Foreseen)
        assert foreseen.by == name


@pytest.mark.parametrize(
    ("protocol", "exact"),
    [
        (UpdateResponse(pulses=6, cycles=2, rest=2), True),
        (UpdateResponse(pulses=6, cycles=2, rest=2, stop_pulses=10), True),
        (Endurance(pulses=3, cycles=14, settle=1, reads=1), True),
        (SymmetryPoint(budget=200, block=20, drive=50, target=0.001, rest=2), False),
        (Program(drive=20, levels=2, most=10, rest=3, verify=1), False),
        (ReadNoise(reads=10), True),
    ],
)
def test_no_protocol_does_more_than_it_told(protocol: Protocol, exact: bool) -> None:
    with rehearsed("ecram.toml") as station:
        foreseen = protocol.foreseen(station["A1"])
        assert foreseen is not None
        for _ in protocol.run(station["A1"]):
            pass
        done = bench_of(station).pulses_applied.get("A1", 0)
        assert done <= foreseen.pulses
        assert done == foreseen.pulses or not exact


def test_forming_counts_its_levels() -> None:
    protocol = Forming(start=1.0, stop=1.5, step=0.1, reads=2)
    with rehearsed("rram.toml") as station:
        foreseen = protocol.foreseen(station["A1"])
        assert foreseen.stress(bench_of(station).limits) == 6
        assert len(foreseen.levels) == 6 * 3


# -- what has no end ---------------------------------------------------------------------------------------------------


class Echo:
    """Answers a query with itself, `long` times."""

    def __init__(self, long: int = 1) -> None:
        self.long = long
        self.replies: list[str] = []

    def receive(self, message: str) -> None:
        if message.endswith("?"):
            self.replies.append(message[:20] * self.long)

    def transmit(self) -> str | None:
        return self.replies.pop(0) if self.replies else None

    def waiting(self) -> bool:
        return bool(self.replies)

    def clear(self) -> None:
        self.replies.clear()

    def status_byte(self) -> int:
        return 0


def hislip(kind: int, payload: bytes = b"", parameter: int = 0) -> bytes:
    return struct.pack("!2sBBIQ", b"HS", kind, 0, parameter, len(payload)) + payload


def memory_of(act: Callable[[], object]) -> tuple[int, int]:
    """Bytes that are kept afterwards, and at most meanwhile."""
    tracemalloc.start()
    try:
        act()
        return tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()


def test_hislip_data_without_an_end_are_told_to_be_too_large_and_not_kept() -> None:
    link = Hub([Port(Echo())]).connection()  # type: ignore[arg-type]
    link.feed(hislip(Kind.INITIALIZE, b"hislip0"))
    told: list[bytes] = []
    data = hislip(Kind.DATA, b"x" * (1 << 20))

    def send() -> None:
        told.extend(link.feed(data) for _ in range(100))

    kept, most = memory_of(send)
    assert kept < 1 << 20
    assert most < 4 * bounds.LONGEST
    assert [one[2] for one in told if one] == [Kind.ERROR]
    assert b"".join(told).endswith(b"Message too large")
    assert link.feed(hislip(Kind.DATA_END, b"rest?\n")) == b""  # the end of what was refused
    assert link.feed(hislip(Kind.DATA_END, b"*IDN?\n")).endswith(b"*IDN?\n")
    with pytest.raises(ConnectionError, match="longer"):
        link.feed(struct.pack("!2sBBIQ", b"HS", Kind.DATA, 0, 0, 1 << 40))


def test_a_raw_message_without_a_line_feed_is_cut_off_and_not_kept() -> None:
    link = RawConnection(Port(Echo()))  # type: ignore[arg-type]
    chunk = b"x" * (1 << 16)

    def send() -> None:
        with pytest.raises(ConnectionError, match="without an end"):
            list(map(link.feed, [chunk] * 2000))

    kept, most = memory_of(send)
    assert kept < 1 << 20
    assert most < 4 * bounds.LONGEST


def test_answers_that_nobody_reads_are_bounded() -> None:
    link = RawConnection(Port(Echo(long=1 << 18)))  # type: ignore[arg-type]
    with pytest.raises(ConnectionError, match="answers"):
        link.feed(b"twenty characters..?\n" * 100)


def test_a_long_message_is_not_remembered() -> None:
    with rehearsed("ecram.toml") as station:
        assert station.virtual is not None
        for twin in station.virtual.twins.values():
            twin.receive("*IDN? " + "x" * 100_000)
            remembered = getattr(twin, "_parsed", {})
            assert all(len(message) < 10_000 for message in remembered)


def wire_to(twin: Any, name: str = "TCPIP0::it::inst0::INSTR") -> Wire:
    clock = VirtualClock()
    return Wire(name, VirtualVisaLibrary.around({name: Port(twin)}, clock), instrument="smu", clock=clock)


def test_an_answer_without_an_end_is_an_error_and_the_next_one_is_its_own() -> None:
    wire = wire_to(Echo(long=10_000))
    wire.longest_reply = 20_000
    wire.write("LONG?")
    with pytest.raises(InstrumentError, match=r"'LONG\?' without an end: more than 20000 bytes"):
        wire.read()
    wire.longest_reply = 1 << 25
    wire.write("NEXT?")
    assert wire.read() == "NEXT?" * 10_000


def test_a_socket_in_this_process_is_closed_on_a_message_without_an_end() -> None:
    name = "TCPIP0::it::5025::SOCKET"
    wire = wire_to(Echo(), name)
    library, session = wire.connection.visalib, wire.connection.session
    with pytest.raises(Exception, match="VI_ERROR_CONN_LOST"):
        list(map(partial(library.write, session), [b"x" * (1 << 20)] * 100))
    assert library._sessions[session].incoming == b""  # type: ignore[attr-defined]
