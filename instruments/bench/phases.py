"""Phases of a bench: for each crosspoint which relays are closed, and what each electrode is connected to.

Three phases: pulse up, pulse down, read. What a phase asks of the bench is a `Setup`; what a person sees of it are its
`terminals`. The bench enters a setup cold (outputs off before relays move), the bias source first on and last off.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from instruments.bench.wiring import (
    GROUNDED_FOR_GOOD,
    BiasLevels,
    Column,
    Kind,
    MatrixCabling,
    ReadGate,
    Relay,
    Scheme,
    Source,
    Terminal,
    Wiring,
)
from instruments.errors import InputError
from instruments.units import text


class Phase(StrEnum):
    """What is done to a crosspoint."""

    UP = "pulse up"
    DOWN = "pulse down"
    READ = "read"


class Condition(StrEnum):
    """What an electrode is in a phase."""

    DRIVEN = "driven"
    HELD = "held"
    GROUNDED = "grounded"
    FLOATING = "floating"


@dataclass(frozen=True)
class Joined:
    """One electrode in one phase: its condition, who makes it so (None: nobody, or for good), and in words."""

    terminal: str
    condition: Condition
    by: Source | None
    words: str


@dataclass(frozen=True)
class Setup:
    """What a phase asks of the bench.

    Attributes
    ----------
    relays
        Closed, and no others.
    driver
        Who acts: the generator or the source-measure unit.
    may_stay
        Who may stay on as it is; everyone else is switched off.
    bias
        [V] held by the bias source; None where it is off.
    sign
        +1, or -1 where the generator is on the other side of the device, so that its pulse is of the other sign.
    sensed
        The source-measure unit holds 0 V at the far side and measures the current that the bias drives through.
    terminals
        Every electrode of the crosspoint, in words.
    """

    phase: Phase
    relays: tuple[Relay, ...]
    driver: Source
    terminals: tuple[Joined, ...]
    may_stay: frozenset[Source] = frozenset()
    bias: float | None = None
    sign: int = 1
    sensed: bool = False


def setup(wiring: Wiring, crosspoint: str, phase: Phase) -> Setup:
    """What `phase` asks of the bench for one crosspoint; `InputError` where the wiring cannot do it."""
    return _SETUPS[wiring.kind](wiring, crosspoint, phase)


def disconnected(wiring: Wiring, crosspoints: Sequence[str]) -> list[Setup]:
    """As for reading these crosspoints, but with no way for a current: none should flow in any of these setups.

    The source-measure unit is on none of them, while word lines are held and far ends grounded, so that a relay that is
    stuck closed finds a way through its device. Of a crossbar every line is grounded, so that it finds a short; then
    the unit is alone on each column, where a relay that is stuck on ground is one.
    """
    matrix = wiring.matrix
    if matrix is None:
        raise InputError("without a matrix there are no relays to open")
    if wiring.kind is Kind.CROSSBAR:
        lines = sorted({matrix.column(*electrode) for electrode in matrix.columns})
        columns = dict.fromkeys(matrix.relay(matrix.smu, name, Terminal.COLUMN) for name in crosspoints)
        each = [_all_grounded(matrix, lines), *((relay,) for relay in columns)]
        return [Setup(Phase.READ, relays, Source.SMU, ()) for relays in each]
    reading = [setup(wiring, name, Phase.READ) for name in crosspoints]
    relays = dict.fromkeys(relay for one in reading for relay in one.relays if relay.row != matrix.smu)
    return [Setup(Phase.READ, tuple(relays), Source.SMU, (), bias=reading[0].bias)]


def _driver(phase: Phase) -> Source:
    return Source.SMU if phase is Phase.READ else Source.GENERATOR


def _acting(phase: Phase) -> str:
    return "read" if phase is Phase.READ else "pulsed"


def _driven(terminal: Terminal, phase: Phase) -> Joined:
    return Joined(terminal, Condition.DRIVEN, _driver(phase), _acting(phase))


def _for_good(kind: Kind) -> Joined:
    return Joined(GROUNDED_FOR_GOOD[kind], Condition.GROUNDED, None, "grounded for good")


def _grounded(terminal: Terminal) -> Joined:
    return Joined(terminal, Condition.GROUNDED, Source.GROUND, "grounded")


def _floating(terminal: Terminal) -> Joined:
    return Joined(terminal, Condition.FLOATING, None, "floating")


def _held(terminal: Terminal, volts: float) -> Joined:
    return Joined(terminal, Condition.HELD, Source.BIAS, f"held at {text(volts, 'V')}")


def _three_terminal(wiring: Wiring, crosspoint: str, phase: Phase) -> Setup:
    matrix = wiring.matrix
    if matrix is None:
        return _three_terminal_fixed(wiring, phase)
    source = _for_good(wiring.kind)
    if phase is Phase.READ:
        read = matrix.relay(matrix.smu, crosspoint, Terminal.CHANNEL)
        gate, more, bias = _gate_while_read(wiring, matrix, crosspoint)
        joined = (gate, _driven(Terminal.CHANNEL, phase), source)
        return Setup(phase, (read, *more), Source.SMU, joined, bias=bias)
    pulsed = matrix.relay(matrix.generator, crosspoint, Terminal.GATE)
    if matrix.ground is None:
        channel = Joined(Terminal.CHANNEL, Condition.GROUNDED, None, "grounded for good")
        return Setup(phase, (pulsed,), Source.GENERATOR, (_driven(Terminal.GATE, phase), channel, source))
    joined = (_driven(Terminal.GATE, phase), _grounded(Terminal.CHANNEL), source)
    ground = matrix.relay(matrix.ground, crosspoint, Terminal.CHANNEL)
    return Setup(phase, (pulsed, ground), Source.GENERATOR, joined)


def _gate_while_read(
    wiring: Wiring, matrix: MatrixCabling, crosspoint: str
) -> tuple[Joined, tuple[Relay, ...], float | None]:
    """The gate while the channel is read: in words, its relays, the level of the bias source."""
    choice = wiring.gate_while_read()
    if choice is ReadGate.FLOATING:
        return _floating(Terminal.GATE), (), None
    if choice is ReadGate.GROUNDED:
        row = _row(matrix, Source.GROUND, "a grounded gate while reading")
        return _grounded(Terminal.GATE), (matrix.relay(row, crosspoint, Terminal.GATE),), None
    level = _level(wiring.bias, Phase.READ)
    row = _row(matrix, Source.BIAS, "a gate held while reading")
    return _held(Terminal.GATE, level), (matrix.relay(row, crosspoint, Terminal.GATE),), level


def _three_terminal_fixed(wiring: Wiring, phase: Phase) -> Setup:
    """One device on the instruments for good: the channel keeps its read voltage while the gate is pulsed."""
    source = _for_good(wiring.kind)
    choice = wiring.gate_while_read()
    if choice is ReadGate.HELD:
        raise InputError("without a matrix the generator stays on the gate, which no other source can hold")
    if phase is not Phase.READ:
        channel = Joined(Terminal.CHANNEL, Condition.HELD, Source.SMU, "at the read voltage")
        joined = (_driven(Terminal.GATE, phase), channel, source)
        return Setup(phase, (), Source.GENERATOR, joined, may_stay=frozenset({Source.SMU}))
    if choice is ReadGate.FLOATING:
        return Setup(phase, (), Source.SMU, (_floating(Terminal.GATE), _driven(Terminal.CHANNEL, phase), source))
    gate = Joined(Terminal.GATE, Condition.HELD, Source.GENERATOR, "at rest, 0 V")
    joined = (gate, _driven(Terminal.CHANNEL, phase), source)
    return Setup(phase, (), Source.SMU, joined, may_stay=frozenset({Source.GENERATOR}))


def _two_terminal(wiring: Wiring, crosspoint: str, phase: Phase) -> Setup:
    joined = (_driven(Terminal.TOP, phase), _for_good(wiring.kind))
    if wiring.matrix is None:
        return Setup(phase, (), _driver(phase), joined)
    row = wiring.matrix.rows()[_driver(phase)]
    return Setup(phase, (wiring.matrix.relay(row, crosspoint, Terminal.TOP),), _driver(phase), joined)


def _one_transistor(wiring: Wiring, crosspoint: str, phase: Phase) -> Setup:
    """The word line is held; down pulses come from the source line, where it is wired, with the other sign.

    A negative top electrode would forward-bias the drain of an n-channel transistor against its substrate.
    """
    level = _level(wiring.bias, phase)
    gate, matrix = _held(Terminal.GATE, level), wiring.matrix
    if matrix is None:
        joined = (_driven(Terminal.TOP, phase), gate, _for_good(wiring.kind))
        return Setup(phase, (), _driver(phase), joined, bias=level)
    word = matrix.relay(_row(matrix, Source.BIAS, "a word line"), crosspoint, Terminal.GATE)
    acting = matrix.rows()[_driver(phase)]
    if not matrix.has(crosspoint, Terminal.SOURCE):
        joined = (_driven(Terminal.TOP, phase), gate, _for_good(wiring.kind))
        relays = (word, matrix.relay(acting, crosspoint, Terminal.TOP))
        return Setup(phase, relays, _driver(phase), joined, bias=level)
    active, passive = Terminal.TOP, Terminal.SOURCE
    if phase is Phase.DOWN:
        active, passive = passive, active
    ground = _row(matrix, Source.GROUND, "a switched source line")
    relays = (word, matrix.relay(acting, crosspoint, active), matrix.relay(ground, crosspoint, passive))
    each = {active: _driven(active, phase), passive: _grounded(passive), Terminal.GATE: gate}
    joined = tuple(each[terminal] for terminal in (Terminal.TOP, Terminal.GATE, Terminal.SOURCE))
    return Setup(phase, relays, _driver(phase), joined, bias=level, sign=-1 if phase is Phase.DOWN else 1)


def _crossbar(wiring: Wiring, crosspoint: str, phase: Phase) -> Setup:
    """Lines that are not selected: grounded, or open in the floating scheme; always grounded while reading.

    Reading has no sneak paths: the bias source drives the row, the source-measure unit holds the column at 0 V and
    measures what arrives there. No other crosspoint of that column has a voltage across it, since its row is at ground.
    """
    matrix = wiring.matrix
    if matrix is None:
        raise InputError("the lines of a crossbar need a switch matrix")
    others = _other_lines(matrix, crosspoint)
    if phase is Phase.READ:
        level, row = _level(wiring.bias, phase), _row(matrix, Source.BIAS, "the row of a crossbar that is read")
        ends = (_held(Terminal.ROW, level), Joined(Terminal.COLUMN, Condition.DRIVEN, Source.SMU, "read, at 0 V"))
        relays = _ends(matrix, crosspoint, row, matrix.smu)
        rest = _all_grounded(matrix, others)
        return Setup(phase, relays + rest, Source.SMU, (*ends, _rest(True)), bias=level, sensed=True)
    if wiring.scheme is Scheme.FLOATING:
        ends = (_driven(Terminal.ROW, phase), _grounded(Terminal.COLUMN))
        relays = _ends(matrix, crosspoint, matrix.generator, _row(matrix, Source.GROUND, "a grounded column"))
        return Setup(phase, relays, Source.GENERATOR, (*ends, _rest(False)))
    half = _row(matrix, Source.INVERSE, "half-select voltages")
    ends = (
        Joined(Terminal.ROW, Condition.DRIVEN, Source.GENERATOR, "half a pulse"),
        Joined(Terminal.COLUMN, Condition.DRIVEN, Source.INVERSE, "half a pulse, inverted"),
    )
    relays = _ends(matrix, crosspoint, matrix.generator, half) + _all_grounded(matrix, others)
    return Setup(phase, relays, Source.GENERATOR, (*ends, _rest(True)))


def _rest(grounded: bool) -> Joined:
    name = "other lines"
    if grounded:
        return Joined(name, Condition.GROUNDED, Source.GROUND, "grounded")
    return Joined(name, Condition.FLOATING, None, "floating")


def _ends(matrix: MatrixCabling, crosspoint: str, row: str, column: str) -> tuple[Relay, ...]:
    return matrix.relay(row, crosspoint, Terminal.ROW), matrix.relay(column, crosspoint, Terminal.COLUMN)


def _other_lines(matrix: MatrixCabling, crosspoint: str) -> list[Column]:
    own = {matrix.column(crosspoint, terminal) for terminal in (Terminal.ROW, Terminal.COLUMN)}
    return sorted({matrix.column(*electrode) for electrode in matrix.columns} - own)


def _all_grounded(matrix: MatrixCabling, lines: list[Column]) -> tuple[Relay, ...]:
    row = _row(matrix, Source.GROUND, "lines that are not selected")
    return tuple(Relay(line.slot, row, line.number) for line in lines)


def _row(matrix: MatrixCabling, source: Source, what: str) -> str:
    row = matrix.rows().get(source)
    if row is None:
        raise InputError(f"{what} needs wiring.{source}: the row of the matrix that it is on")
    return row


def _level(levels: BiasLevels | None, phase: Phase) -> float:
    level = None
    if levels is not None:
        level = {Phase.UP: levels.set, Phase.DOWN: levels.reset, Phase.READ: levels.read}[phase]
    if level is None:
        raise InputError(f"no voltage is stated for the bias source in the phase '{phase}'; give it in [bias]")
    return level


_SETUPS = {
    Kind.THREE_TERMINAL: _three_terminal,
    Kind.TWO_TERMINAL: _two_terminal,
    Kind.ONE_TRANSISTOR: _one_transistor,
    Kind.CROSSBAR: _crossbar,
}
