"""Runs traces as sequences: which bench can, how one is run, interrupted and counted.

A sequence is possible where neither relays nor other outputs move between a pulse and a reading, and where the
instruments have one together (`SourceMeasureUnit.sequencer`). It runs in parts of a few seconds. Whatever ends a part,
outputs are off first; what the buffer holds is read then, and steps that were not read are `Status.UNCERTAIN`.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence

import numpy as np

from instruments.bench.bench import Bench
from instruments.bench.phases import Phase
from instruments.bench.wiring import Kind, ReadGate
from instruments.crosspoints import FloatArray, IntArray, PulsePair, Readings, Status
from instruments.errors import InstrumentError, LabshdError
from instruments.limits import BURST_DUTY, Limits
from instruments.sequences import Plan, Sequencer, Taken, conductances, is_held

log = logging.getLogger(__name__)


class Tracing:
    """How a bench takes traces; `words` is what its runs keep of it."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        moves = _moves(bench)
        self._sequencer = None if moves else bench.smu.sequencer(bench.generator, trigger=bench.wiring.trigger)
        self._said: set[str] = set()
        self.words = self._in_words()

    def _in_words(self) -> str:
        if self._sequencer is None:
            reason = "relays or outputs move" if _moves(self._bench) else "these instruments have no timing in common"
            return f"step by step: {reason} between a pulse and a reading"
        refusal = self._sequencer.refusal(plan_of(self._bench, np.repeat([1, -1], 50), self._bench.pulses))
        return f"step by step: {refusal}" if refusal else f"sequences: {self._sequencer.title}"

    def sequence(self, names: Sequence[str], steps: IntArray, pulses: PulsePair) -> Iterator[Readings] | None:
        """Readings of a checked trace (steps, rows, columns) by a sequence; None where it goes step by step."""
        if self._sequencer is None or len(names) != 1 or not len(steps):
            return None
        plan = plan_of(self._bench, steps.ravel(), pulses)
        refusal = self._sequencer.refusal(plan) or _too_dense(self._bench.limits, plan)
        if refusal is None:
            return sequence(self._bench, self._sequencer, names[0], plan)
        if refusal not in self._said:
            self._said.add(refusal)
            log.warning("traces go step by step: %s", refusal)
        return None


def _too_dense(limits: Limits, plan: Plan) -> str | None:
    """Why `limits.duty` does not allow a sequence; None where it does. Pulses of a burst last half of the time."""
    width = max((pulse.width for pulse in plan.used), default=0.0)
    share = BURST_DUTY if plan.burst > 1 else width / (width + plan.settle) if width else 0.0
    if limits.duty is None or share <= limits.duty * (1 + 1e-9):
        return None
    return f"pulses would last up to {share:.0%} of the time, limits.duty is {limits.duty:.0%}"


def _moves(bench: Bench) -> bool:
    """Whether relays, another source, or the one output of a box change between a pulse and a reading."""
    if bench.wiring.kind in (Kind.CROSSBAR, Kind.ONE_TRANSISTOR):
        return True
    if bench.wiring.kind is Kind.THREE_TERMINAL and bench.wiring.gate_while_read() is not ReadGate.GROUNDED:
        return True
    if bench.matrix is None or bench.wiring.matrix is None:
        return False
    names = {name for name, _ in bench.wiring.matrix.columns}
    return any(
        bench.switching.setup(name, Phase.UP).relays != bench.switching.setup(name, Phase.READ).relays for name in names
    )


def plan_of(bench: Bench, counts: IntArray, pulses: PulsePair) -> Plan:
    """The plan of a trace of one crosspoint."""
    reading = bench.reading
    return Plan(
        counts=counts,
        pulses=pulses,
        settle=bench.settle,
        voltage=reading.voltage,
        compliance=reading.compliance,
        integration=reading.integration,
        limit=bench.limits.current,
        burst=int(np.abs(counts).max(initial=0)),
    )


def sequence(bench: Bench, sequencer: Sequencer, name: str, plan: Plan) -> Iterator[Readings]:
    """Run a plan that its sequencer takes, part by part; each part is yielded when it has been read."""
    bench.begin_sequence(name)
    sequencer.begin(plan)
    done = 0
    try:
        while done < len(plan):
            rest = plan.part(done, len(plan))
            part = rest.part(0, sequencer.holds(rest))
            readings, failed = _part(bench, sequencer, name, part)
            yield readings
            if failed is not None:
                raise failed
            done += len(part)
    finally:
        bench.end_sequence()  # sends nothing where outputs are off already
    sequencer.end()


def _part(bench: Bench, sequencer: Sequencer, name: str, part: Plan) -> tuple[Readings, BaseException | None]:
    """One download: its readings, and what ended it before its time."""
    pulses, began = int(np.abs(part.counts).sum()), bench.clock.now()
    doubtful = bool(bench.count.doubtful) and bench.count.is_doubtful(name)
    taken, failed, loaded = Taken.nothing(), None, False
    try:
        bench.switching.permit()
        duration = sequencer.load(part)
        # Counted before they are started: a pulse whose delivery is unknown has been spent.
        if pulses:
            bench.count.firing(name, pulses)
        loaded = True
        began = bench.clock.now()
        bench.switching.smu_on = True
        bench.switching.generator_on = not bench.wiring.one_output
        sequencer.start()
        bench.clock.wait(duration)
        taken = sequencer.collect()
        _check_complete(taken, part)
    except BaseException as error:
        if not loaded:
            raise
        failed = error
        bench.safe()  # first of all
        taken = taken if len(taken) else _what_is_held(sequencer)
    if pulses:
        bench.pulsed(name)
        bench.count.confirmed(name, int(np.abs(part.counts[: len(taken)]).sum()))
    readings = _readings(part, taken, began, bench.clock.now())
    if doubtful:
        readings.status[0] |= np.uint8(Status.UNCERTAIN)
    return readings, failed


def _check_complete(taken: Taken, part: Plan) -> None:
    if len(taken) != len(part):
        raise InstrumentError(f"a sequence of {len(part)} steps brought {len(taken)} readings")


def _what_is_held(sequencer: Sequencer) -> Taken:
    try:
        return sequencer.collect()
    except LabshdError as error:
        log.warning("what the buffer holds could not be read: %s", error)
        return Taken.nothing()


def _readings(part: Plan, taken: Taken, began: float, ended: float) -> Readings:
    """Readings (steps, 1, 1) on the clock of the bench; what was not read is NaN, and its pulses uncertain."""
    read, missing = min(len(taken), len(part)), max(0, len(part) - len(taken))
    conductance, valid = conductances(taken.voltage[:read], taken.current[:read])
    valid &= is_held(taken.voltage[:read], taken.status[:read], part.voltage)
    conductance = np.where(valid, conductance, np.nan)
    status = np.where(valid, taken.status[:read], taken.status[:read] | np.uint8(Status.INVALID))
    lost = np.full(missing, np.nan)
    unread = np.full(missing, Status.INVALID | Status.UNCERTAIN, dtype=np.uint8)

    def block(values: FloatArray, more: FloatArray) -> FloatArray:
        return np.concatenate([values, more]).reshape(-1, 1, 1)

    return Readings(
        block(conductance, lost),
        block(taken.voltage[:read], lost),
        block(taken.current[:read], lost),
        block(began + taken.time[:read], np.full(missing, max(ended, began))),
        np.concatenate([status, unread]).astype(np.uint8).reshape(-1, 1, 1),
    )
