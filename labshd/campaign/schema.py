"""The campaign file: which keys it has and what they mean (steps, settings, grids, repeats, conditions)."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from instruments.errors import InputError
from instruments.units import WRITTEN
from labshd.campaign import conditions
from labshd.campaign.conditions import Condition
from labshd.common.toml_file import Key, Problem, TomlFile, nearest
from protocols.common import catalogue
from protocols.common.protocol import Protocol

MOST_UNITS = 100_000
"""Runs of a campaign at most: more is a slip of the pen, and would not end in a year."""

OWN = ("result", "status", "pulses", "readings")
"""What a condition may look at of a run; of a step also `accepted`, and `yield` over all its crosspoints."""

Find: TypeAlias = Callable[[str], type[Protocol]]
StepName = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*$")]


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class StepEntry(_Entry):
    """One step: a protocol on crosspoints."""

    protocol: str = Field(description="a name, or the path of your own my_protocol.py, from the folder of this file")
    name: StepName | None = Field(
        default=None, description="for conditions and reports; the protocol's where not given"
    )
    crosspoints: str | list[str] = Field(default="all", description='"A1", "A1:B4", "A*", "all", or a list of these')
    together: bool = Field(default=False, description="all crosspoints of the step as one block, in one run")
    settings: dict[str, Any] = Field(default={}, description="of the protocol")
    grid: dict[str, list[Any]] = Field(default={}, description="settings with several values: each combination a run")
    repeats: int = Field(default=1, ge=1, le=10_000, description="times that each run is made")
    only_if: str | None = Field(default=None, description="condition on earlier steps at the same crosspoint")
    until: str | None = Field(default=None, description="condition on a run after which its repeats end")
    accept: str | None = Field(default=None, description="condition on a run, which tells good crosspoints from others")


class CampaignFile(_Entry):
    """A campaign."""

    kind: Literal["campaign"] = "campaign"
    name: str = Field(default="campaign", min_length=1, max_length=60)
    station: str = Field(description="the station file, from the folder of this file")
    order: Literal["step", "crosspoint"] = Field(
        default="step", description="a step on all crosspoints before the next step, or all steps on a crosspoint"
    )
    seed: int = Field(default=0, ge=0, description="of everything random that has no seed in its settings")
    failures: int = Field(default=3, ge=1, description="crosspoints that fail one after the other before it stops")
    step: list[StepEntry] = Field(min_length=1)


@dataclass(frozen=True)
class Step:
    """A checked step: protocol, settings of each point of its grid, conditions."""

    entry: StepEntry
    name: str
    protocol: type[Protocol]
    points: tuple[tuple[str, dict[str, Any]], ...]  # label and settings
    only_if: Condition | None
    until: Condition | None
    accept: Condition | None

    def settings(self, point: int, seed: int | None) -> Protocol:
        """The protocol at a point of the grid; `seed` where it has one and the file gives none."""
        given = self.points[point][1]
        if seed is not None and "seed" in self.protocol.model_fields and "seed" not in given:
            given = {**given, "seed": seed}
        return self.protocol.model_validate(given)


@dataclass(frozen=True)
class CheckedCampaign:
    """A campaign file that is right in itself; its crosspoints are checked against the station."""

    file: CampaignFile
    toml: TomlFile
    steps: tuple[Step, ...]

    @property
    def station(self) -> Path:
        """The station file."""
        return self.toml.path.parent / self.file.station


def read_campaign(path: Path, text: str | None = None, *, own: Find = catalogue.find) -> CheckedCampaign:
    """Read and check a campaign file; `InputError` names every problem, with line and what to try.

    `text` stands in place of what the file says now: that of a campaign which is resumed. `own` finds the protocol in
    a Python file that a step names; it executes that file, unless it is `catalogue.stand_in`.
    """
    toml = TomlFile.read(path) if text is None else TomlFile.of(path, text)
    try:
        file = CampaignFile.model_validate(toml.content, context=WRITTEN)
    except ValidationError as error:
        toml.refuse(toml.problems_of(CampaignFile, error))
        raise
    problems: list[Problem] = []
    toml.refuse(_too_many(file))
    steps = [_step(number, entry, path.parent, problems, own) for number, entry in enumerate(file.step)]
    names = [step.name if step else _name(entry) for step, entry in zip(steps, file.step, strict=True)]
    problems += _names(names)
    problems += _references(file, [step for step in steps if step], names)
    toml.refuse(problems)
    return CheckedCampaign(file, toml, tuple(step for step in steps if step))


def _name(entry: StepEntry) -> str:
    return entry.name or Path(entry.protocol).stem.replace("-", "_")


def _too_many(file: CampaignFile) -> Iterator[Problem]:
    for number, entry in enumerate(file.step):
        runs = math.prod(len(values) for values in entry.grid.values()) * entry.repeats
        if runs > MOST_UNITS:
            rule = f"makes {runs:,} runs on every crosspoint; {MOST_UNITS:,} is the most of a campaign"
            yield Problem(("step", number, "grid" if entry.grid else "repeats"), None, rule)


def _step(number: int, entry: StepEntry, folder: Path, problems: list[Problem], own: Find) -> Step | None:
    key: Key = ("step", number)
    said = entry.protocol
    try:
        protocol = own(str(folder / said)) if ".py" in said else catalogue.find(said)
    except InputError as error:
        problems.append(Problem((*key, "protocol"), said, str(error)))
        return None
    points = list(_points(entry))
    problems += _settings(key, entry, protocol, points)
    found = {name: _condition(key, name, getattr(entry, name), problems) for name in ("only_if", "until", "accept")}
    return Step(entry, _name(entry), protocol, tuple(points), **found)


def _points(entry: StepEntry) -> Iterator[tuple[str, dict[str, Any]]]:
    """Label and settings of every combination of the grid; the last setting varies fastest."""
    combined: list[dict[str, Any]] = [{}]
    for name, values in entry.grid.items():
        combined = [{**before, name: value} for before in combined for value in values]
    for point in combined:
        yield ", ".join(f"{name} = {value}" for name, value in point.items()), {**entry.settings, **point}


def _settings(
    key: Key, entry: StepEntry, protocol: type[Protocol], points: list[tuple[str, dict[str, Any]]]
) -> Iterator[Problem]:
    """What is wrong with settings and grid; each wrong value once."""
    for name in entry.grid.keys() & entry.settings.keys():
        yield Problem((*key, "grid", name), None, "stands in settings, too; leave it out of one of them")
    for name, values in entry.grid.items():
        if not values:
            yield Problem((*key, "grid", name), values, "has no value; give at least one")
    told: set[tuple[str, str]] = set()
    for _, given in points:
        try:
            protocol.model_validate(given, context=WRITTEN)
        except ValidationError as error:
            for one in error.errors(include_url=False):
                name = str(one["loc"][0]) if one["loc"] else ""
                if (name, repr(one["input"])) in told:
                    continue
                told.add((name, repr(one["input"])))
                where = "grid" if name in entry.grid else "settings"
                hint = nearest(name, protocol.model_fields) if one["type"] == "extra_forbidden" else ""
                rule = f"{protocol.name} has no such setting{hint}" if hint else str(one["msg"])
                rule = f"{protocol.name} needs it" if one["type"] == "missing" else rule
                shown = None if one["type"] == "missing" else one["input"]
                yield Problem((*key, where, name), shown, rule.removeprefix("Value error, "))


def _condition(key: Key, name: str, said: str | None, problems: list[Problem]) -> Condition | None:
    if said is None:
        return None
    try:
        return conditions.parse(said)
    except InputError as error:
        problems.append(Problem((*key, name), None, str(error)))
        return None


def _names(names: list[str]) -> Iterator[Problem]:
    for number, name in enumerate(names):
        if name in names[:number]:
            yield Problem(("step", number, "name"), name, 'names two steps; give each its own, such as name = "again"')
        if name in OWN:
            yield Problem(("step", number, "name"), name, "is taken: conditions call the run itself so; choose another")


def _references(file: CampaignFile, steps: list[Step], names: list[str]) -> Iterator[Problem]:
    """Conditions look back: `only_if` at earlier steps, `until` and `accept` at the run itself, too."""
    looks = {step.name: [path[0] for path in step.only_if.paths] if step.only_if else [] for step in steps}
    for step in steps:
        number = names.index(step.name)
        for kind, condition in (("only_if", step.only_if), ("until", step.until), ("accept", step.accept)):
            for path in condition.paths if condition else ():
                rule = _reference(kind, path, number, names, looks, file.order)
                if rule:
                    yield Problem(("step", number, kind), condition.said if condition else None, rule)


def _reference(
    kind: str, path: conditions.Path, number: int, names: list[str], looks: Mapping[str, list[str]], order: str
) -> str | None:
    first = path[0]
    if first in OWN:
        if kind == "only_if":
            return f"{first!r} is of this step, which has not run yet; begin with the name of an earlier step"
        return None
    if first not in names:
        return f"no step is called {first!r}{nearest(first, names)}"
    if names.index(first) >= number:
        if circle := _way(first, names[number], looks, ()):
            return (
                f"is circular: {' waits for '.join((names[number], *circle))}; a step can only wait for one before it"
            )
        return f"looks at {first!r}, which comes later; move that step before this one"
    if len(path) < 2 or path[1] not in (*OWN, "accepted", "yield"):
        return f"of a step one can ask {', '.join((*OWN, 'accepted', 'yield'))}, such as {first}.result.std_S"
    if path[1] == "yield" and order == "crosspoint":
        return 'a yield is known when all crosspoints are done; that needs order = "step"'
    return None


def _way(first: str, to: str, looks: Mapping[str, list[str]], passed: tuple[str, ...]) -> tuple[str, ...]:
    """Steps from `first` to `to`, each of which waits for the next; empty where there is no such way."""
    if first == to:
        return (*passed, to)
    if first in passed:
        return ()
    ways = (_way(following, to, looks, (*passed, first)) for following in looks.get(first, []))
    return next((way for way in ways if way), ())
