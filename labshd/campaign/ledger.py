"""The state of a campaign: what became of each run and what comes next, worked out from the runs alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from labshd.campaign.conditions import Condition, Path
from labshd.campaign.units import Unit
from labshd.runs.run import Run

What = Literal["run", "skip", "finished", "failed"]


@dataclass(frozen=True)
class Outcome:
    """What became of a unit: `what` is "finished", "failed", "skip" or (not yet) "run"; `why` in words."""

    unit: Unit
    what: What
    why: str = ""
    run: Run | None = None
    accepted: bool | None = None


class Ledger:
    """Outcomes in the order of the units; conditions look things up here."""

    def __init__(self, units: Sequence[Unit]) -> None:
        self.outcomes: list[Outcome] = []
        self._failed: dict[str, str] = {}  # crosspoint -> why it is out
        self._last: dict[tuple[str, str], Outcome] = {}  # (step, crosspoint) -> its last run
        self._ended: set[tuple[str, tuple[str, ...], int]] = set()  # repeats that have met their `until`
        self._planned: dict[str, set[str]] = {}
        for unit in units:
            self._planned.setdefault(unit.step.name, set()).update(unit.crosspoints)

    def decide(self, unit: Unit) -> Outcome:
        """Whether a unit is to be run, or skipped and why."""
        for name in unit.crosspoints:
            if name in self._failed:
                return Outcome(unit, "skip", self._failed[name])
        if unit.series in self._ended:
            return Outcome(unit, "skip", f"not needed any more: {unit.step.entry.until}")
        if unit.step.only_if is not None:
            for name in unit.crosspoints:
                holds, seen = self._holds(unit.step.only_if, name, None)
                if not holds:
                    return Outcome(unit, "skip", f"not {unit.step.only_if.said}: {seen}")
        return Outcome(unit, "run")

    def note(self, outcome: Outcome) -> Outcome:
        """Take in what became of a unit; gives it with whether its crosspoints were accepted."""
        unit, step = outcome.unit, outcome.unit.step
        if outcome.run is not None:
            outcome = Outcome(unit, outcome.what, outcome.why, outcome.run, self._accepted(outcome))
            for name in unit.crosspoints:
                self._last[step.name, name] = outcome
            if step.until and all(self._holds(step.until, name, outcome)[0] for name in unit.crosspoints):
                self._ended.add(unit.series)
        if outcome.what == "failed":
            for name in unit.crosspoints:
                self._failed.setdefault(name, f"{name} failed in {step.name}: {outcome.why}")
        self.outcomes.append(outcome)
        return outcome

    def failures_in_a_row(self) -> int:
        """Runs that failed since the last that did not; what was skipped does not count."""
        count = 0
        for outcome in reversed(self.outcomes):
            if outcome.what == "finished":
                break
            count += outcome.what == "failed"
        return count

    def _accepted(self, outcome: Outcome) -> bool:
        step = outcome.unit.step
        if outcome.what != "finished" or outcome.run is None or not outcome.run.result:
            return False
        return step.accept is None or all(
            self._holds(step.accept, name, outcome)[0] for name in outcome.unit.crosspoints
        )

    def _holds(self, condition: Condition, name: str, own: Outcome | None) -> tuple[bool, str]:
        return condition.holds(lambda path: self._look(path, name, own))

    def _look(self, path: Path, name: str, own: Outcome | None) -> Any:
        """The value at a path for a crosspoint, None where there is none; `own` is the run that has just ended."""
        if path[0] in self._planned:
            step, path = path[0], path[1:]
            if path == ("yield",):
                return self._yield(step)
            own = self._last.get((step, name))
        if own is None or own.run is None:
            return False if path == ("accepted",) else None
        if path[0] == "accepted":
            return own.accepted
        if path[0] == "result":
            return _inner(_result_of(own, name), path[1:])
        return _inner({key: getattr(own.run, key) for key in ("status", "pulses", "readings")}, path)

    def _yield(self, step: str) -> float:
        """Share of the crosspoints of a step that were accepted."""
        planned = self._planned[step]
        return sum(bool((found := self._last.get((step, name))) and found.accepted) for name in planned) / len(planned)


def _result_of(outcome: Outcome, name: str) -> Any:
    """The result at one crosspoint of a run, which may have been on a block."""
    result = (outcome.run.result if outcome.run else None) or {}
    each: list[Any] = result.get("crosspoints") or []
    return each[outcome.unit.crosspoints.index(name)] if each else result


def _inner(value: Any, path: Iterable[str]) -> Any:
    for part in path:
        if isinstance(value, list) and part.isdigit() and int(part) < len(value):  # pyright: ignore[reportUnknownArgumentType]
            value = value[int(part)]  # pyright: ignore[reportUnknownVariableType]
        elif isinstance(value, dict):
            value = value.get(part)  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType]
        else:
            return None
    return value  # pyright: ignore[reportUnknownVariableType]
