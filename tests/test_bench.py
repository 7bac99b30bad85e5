"""The bench: who is driven when, relays that move cold, limits before bytes, everything off at the end."""

from collections.abc import Iterable

import numpy as np
import pytest

from instruments.bench.bench import Bench, ReadSetting
from instruments.bench.block import BenchCrosspoints
from instruments.bench.wiring import Kind, MatrixCabling, Terminal, Wiring
from instruments.clock import VirtualClock
from instruments.crosspoints import Origin, Pulse, PulsePair, Status
from instruments.errors import InputError, LimitError, NotAnswering
from instruments.limits import Limits
from instruments.roles import Measurement, PulseSource, SourceMeasureUnit, SwitchMatrix

LIMITS = Limits(pulse_voltage=5.0, pulse_width=1e-3, read_voltage=0.2, current=1e-4, pulses_per_crosspoint=100)
PAIR = PulsePair(Pulse(4.0, 1e-6), Pulse(-4.0, 1e-6))


class Journal(list[str]):
    """What was asked of the instruments, in order; `fails` names a request that is not answered."""

    fails: str | None = None

    def note(self, what: str) -> None:
        self.append(what)
        if self.fails is not None and what.startswith(self.fails):
            raise NotAnswering(f"{what}: no reply")


class Housekeeping:
    def __init__(self, journal: Journal, name: str) -> None:
        self.journal = journal
        self.name = name
        self.limits = LIMITS

    def identity(self) -> str:
        return self.name

    def prepare(self) -> None:
        self.journal.note(f"{self.name} prepare")

    def off(self) -> None:
        self.journal.note(f"{self.name} off")

    def check_errors(self) -> None:
        self.journal.note(f"{self.name} errors?")

    def is_off(self) -> bool:
        return True

    def disconnect(self) -> None:
        self.journal.note(f"{self.name} disconnected")


class Generator(Housekeeping, PulseSource):
    shortest_width = 1e-8
    longest_burst = 30

    def output_on(self) -> None:
        self.journal.note("generator on")

    def _configure(self, pulse: Pulse) -> None:
        self.journal.note(f"generator set {pulse.voltage:g} V")

    def _fire(self, count: int) -> float:
        self.journal.note(f"generator fire {count}")
        return count * 1e-6


class Smu(Housekeeping, SourceMeasureUnit):
    """Measures `reply` where its row of the matrix, B, is connected with a device, else nothing."""

    reply = Measurement(0.1, 5e-7)
    matrix: "Matrix | None" = None

    def _output_on(self) -> None:
        self.journal.note("smu on")

    def measure(self, count: int = 1) -> list[Measurement]:
        self.journal.note(f"smu measure {count}")
        connected = self.matrix is None or any(channel[1] == "B" for channel in self.matrix.channels)
        return [self.reply if connected else Measurement(0.1, 0.0)] * count

    def _configure(self, voltage: float, compliance: float, integration: float) -> None:
        self.journal.note(f"smu set {voltage:g} V")


class Matrix(Housekeeping, SwitchMatrix):
    channels: tuple[str, ...] = ()

    def close(self, channels: Iterable[str]) -> None:
        self.channels = tuple(sorted(channels))
        self.journal.note("matrix " + (",".join(self.channels) or "none"))

    def closed(self) -> frozenset[str]:
        return frozenset()

    def channel(self, slot: int, row: str, column: int) -> str:
        return f"{slot}{row}{column:02d}"


THREE = Wiring(
    Kind.THREE_TERMINAL,
    MatrixCabling(
        1,
        "A",
        "B",
        "C",
        {
            ("A1", Terminal.GATE): 1,
            ("A1", Terminal.CHANNEL): 2,
            ("A2", Terminal.GATE): 3,
            ("A2", Terminal.CHANNEL): 4,
        },
    ),
)
TWO = Wiring(Kind.TWO_TERMINAL, MatrixCabling(1, "A", "B", None, {("A1", Terminal.TOP): 1, ("A2", Terminal.TOP): 2}))
FIXED = Wiring(Kind.THREE_TERMINAL, None)


class Bias(Smu):
    """Holds what it is told."""

    def configure_sweep(self, span: float, compliance: float, integration: float) -> None:
        self.journal.note(f"bias span {span:g} V")

    def level(self, voltage: float) -> None:
        self.reply = Measurement(voltage, 0.0)
        self.journal.note(f"bias level {voltage:g} V")

    def output_on(self) -> None:
        self.journal.note("bias on")

    def measure(self, count: int = 1) -> list[Measurement]:
        return [self.reply]


def bench(wiring: Wiring = THREE, names: tuple[str, ...] = ("A1", "A2")) -> tuple[BenchCrosspoints, Journal, Smu]:
    journal = Journal()
    smu = Smu(journal, "smu")
    matrix = smu.matrix = Matrix(journal, "matrix") if wiring.matrix else None
    made = Bench(
        Generator(journal, "generator"),
        smu,
        matrix,
        bias=Bias(journal, "bias") if wiring.bias else None,
        wiring=wiring,
        limits=LIMITS,
        pulses=PAIR,
        reading=ReadSetting(0.1, 5e-5, 1.0),
        settle=1e-3,
        clock=VirtualClock(),
        origin=Origin("bench"),
    )
    return BenchCrosspoints(made, np.array([names])), journal, smu


def test_three_terminals_gate_pulsed_against_a_grounded_channel_then_channel_read_with_the_gate_floating() -> None:
    block, journal, _ = bench()
    block[0, 0].pulse(2)
    block[0, 0].read()
    assert journal == [
        "matrix 1A01,1C02",
        "generator set 4 V",
        "generator on",
        "generator fire 2",
        "generator off",
        "matrix 1B02",
        "smu set 0.1 V",
        "smu on",
        "smu measure 1",
        "smu off",  # at the first reading of a session: nothing flows with every relay open
        "matrix none",
        "smu on",
        "smu measure 1",
    ]
    journal.clear()
    block[0, 0].pulse(1)
    block[0, 0].read()
    assert journal[-3:] == ["matrix 1B02", "smu on", "smu measure 1"]  # found to open already


def test_two_terminals_share_the_electrode_but_never_at_once() -> None:
    block, journal, _ = bench(TWO)
    block[0, 1].pulse(-1)
    block[0, 1].read()
    block[0, 1].pulse(1)
    assert journal.index("generator off") < journal.index("matrix 1B02") < journal.index("smu on")
    assert journal.index("smu off") < len(journal) - 1 - journal[::-1].index("matrix 1A02")
    assert journal[-1] == "generator fire 1"


def test_relays_never_move_while_anything_is_driven() -> None:
    block, journal, _ = bench()
    rng = np.random.default_rng(1)
    for _ in range(30):
        if rng.random() < 0.5:
            block.pulse(rng.integers(-2, 3, (1, 2)))
        else:
            block.read()
    driven: set[str] = set()
    for what in journal:
        who, verb, *_ = what.split()
        if verb in ("on", "off"):
            (driven.add if verb == "on" else driven.discard)(who)
        assert not (who == "matrix" and driven), f"{what} while {driven} on"
        assert len(driven) <= 1


def test_a_reading_is_current_over_voltage_with_its_time_after_settling() -> None:
    block, _, _ = bench()
    block.pulse([[1, 0]])
    readings = block.read(3)
    assert readings.conductance.shape == (3, 1, 2)
    assert np.allclose(readings.conductance, 5e-6)
    assert readings.time[0, 0, 0] == pytest.approx(1e-3)


@pytest.mark.parametrize(
    ("reply", "status"),
    [
        (Measurement(0.1, float("nan")), Status.INVALID),
        (Measurement(0.0, 1e-7), Status.INVALID),
        (Measurement(0.05, 5e-5, Status.COMPLIANCE), Status.COMPLIANCE),
    ],
)
def test_a_reading_says_what_is_wrong_with_it(reply: Measurement, status: Status) -> None:
    block, _, smu = bench()
    smu.reply = reply
    readings = block[0, 0].read()
    assert readings.status[0, 0, 0] == status
    assert np.isnan(readings.conductance[0, 0, 0]) == bool(status & Status.INVALID)


@pytest.mark.parametrize(
    ("counts", "pulses"),
    [
        (1, PulsePair(Pulse(5.1, 1e-6), Pulse(-4, 1e-6))),
        ([[1, -1]], PulsePair(Pulse(4, 1e-6), Pulse(-4, 2e-3))),
        ([[1, 101]], None),
        ([[60, 60]], None),
    ],
)
def test_what_is_beyond_the_limits_sends_not_a_byte(counts: object, pulses: PulsePair | None) -> None:
    block, journal, _ = bench()
    block.pulse(50)
    before = list(journal)
    with pytest.raises(LimitError):
        block.pulse(counts, pulses)  # type: ignore[arg-type]
    assert journal == before


def test_a_burst_longer_than_the_generator_can_is_split_and_never_repeated() -> None:
    block, journal, _ = bench()
    block[0, 0].pulse(65)
    assert [what for what in journal if "fire" in what] == [
        "generator fire 30",
        "generator fire 30",
        "generator fire 5",
    ]


@pytest.mark.parametrize("fails", ["generator off", "smu off", "matrix off"])
def test_safe_switches_every_other_instrument_off_when_one_is_dead(fails: str) -> None:
    block, journal, _ = bench()
    block.pulse(1)
    journal.clear()
    journal.fails = fails
    block.safe()
    assert journal == ["generator off", "smu off", "matrix off"]


def test_after_safe_everything_is_set_again() -> None:
    block, journal, _ = bench()
    block[0, 0].pulse(1)
    block.safe()
    journal.clear()
    block[0, 0].pulse(1)
    assert journal == ["matrix 1A01,1C02", "generator set 4 V", "generator on", "generator fire 1"]


def test_an_undelivered_burst_counts_against_the_budget() -> None:
    block, journal, _ = bench()
    journal.fails = "generator fire"
    with pytest.raises(NotAnswering):
        block[0, 0].pulse(7)
    assert block.bench.pulses_applied == {"A1": 7}


def test_fixed_wiring_has_no_relays_to_move() -> None:
    block, journal, _ = bench(FIXED, ("A1",))
    block.pulse(1)
    block.read()
    assert "generator fire 1" in journal
    assert "smu measure 1" in journal
    assert not [what for what in journal if what.startswith("matrix")]


def test_a_view_outside_the_block_and_no_readings_are_refused() -> None:
    block, _, _ = bench()
    with pytest.raises(InputError):
        block[0, 5]
    with pytest.raises(InputError):
        block.read(0)
