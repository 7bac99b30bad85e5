"""The analysis of any protocol on any run that has the points it needs, whoever took them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from pydantic import ValidationError

from instruments.errors import InputError, all_at_once
from labshd.analysis.asked_of import Asked, cells_of, own_protocol, series_to_analyse, settled
from protocols.analysis.common.stretches import stretches
from protocols.common import catalogue
from protocols.common.cycles import Cycles
from protocols.common.protocol import Protocol, Series

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from labshd.runs.run import Run

Cell: TypeAlias = tuple[int, int]


@dataclass(frozen=True)
class Part:
    """What was analysed of one crosspoint, at `cell` (row, column) of the block of the run.

    Attributes
    ----------
    protocol
        With the settings by which it was analysed.
    series
        The points that were taken, under the phases of the protocol.
    phases
        (phase, first, last) of each stretch, in readings of the run from 0.
    said
        What was taken for what; empty of a run of the protocol itself.
    result
        Its numbers; None where it cannot be analysed, `why_not` then says why.
    """

    cell: Cell
    protocol: Protocol
    series: Series | None
    phases: list[tuple[str, int, int]]
    said: tuple[str, ...]
    result: dict[str, Any] | None
    why_not: str = ""


@dataclass(frozen=True)
class Analysed:
    """A run analysed as a protocol: numbers, figures, and what was taken for what.

    `asked`: what `analyse` was asked for, to do it again; `own`: the run is one of this protocol and was taken whole.
    """

    run: Run
    protocol: Protocol
    asked: Asked
    own: bool
    parts: list[Part]
    result: dict[str, Any]

    @property
    def phases(self) -> list[tuple[str, int, int]]:
        """(phase, first, last) of each stretch of the first crosspoint that was analysed, in readings of the run."""
        done = [part.phases for part in self.parts if part.result is not None]
        return done[0] if done else []

    @property
    def said(self) -> list[str]:
        """What was taken for what; of several crosspoints each with its place."""
        many = len(self.parts) > 1
        return [f"{_place(part.cell)}{line}" if many else line for part in self.parts for line in part.said]

    def figures(self, at: Cell | None = None) -> list[Figure]:
        """The figures of the protocol of one crosspoint; of the first that was analysed where none is named."""
        for part in self.parts:
            if part.result is not None and part.series is not None and at in (None, part.cell):
                return part.protocol.figures(part.series, part.result)
        done = ", ".join(str(part.cell) for part in self.parts if part.result is not None)
        raise InputError(f"{self.run.folder}: crosspoint {at} was not analysed; analysed: {done}")

    def json(self) -> dict[str, Any]:
        """What ``labshd analyse --json`` prints and keeps."""
        why_not = {_place(part.cell).strip(": "): part.why_not for part in self.parts if part.why_not}
        phases = [{"phase": name, "first_reading": a, "last_reading": b} for name, a, b in self.phases]
        return {
            "run": str(self.run.folder),
            "protocol": self.protocol.name,
            "asked": self.asked.model_dump(mode="json"),
            "settings": self.protocol.model_dump(mode="json"),
            "own_points": self.own,
            "taken": self.said,
            "phases": phases,
            "not_analysed": why_not or None,
            "result": self.result,
        }


def analyse(
    run: Run,
    protocol: str,
    settings: Mapping[str, Any] | None = None,
    *,
    cycles: str | None = None,
    crosspoint: str | Cell | None = None,
    array: str = "",
) -> Analysed:
    """Analyse a run as a protocol, whatever recorded its points.

    A run of the same protocol gives its own analysis again, with the settings it ran with; of any other the protocol
    says which points it takes for what (`Protocol.foreign`). `InputError` where points that it needs are missing.

    Parameters
    ----------
    protocol
        Its name, or the path of a file with a protocol of one's own, which is run.
    settings
        Of the analysis, such as ``{"horizon": "1e8 s"}``; the others are the protocol's own.
    cycles
        Which of what repeats, counted from 1: "2", "2-5".
    crosspoint
        (row, column), or the name of one; all of a block where none is given.
    array
        Of a training: "auxiliary" or "core".
    """
    wanted = None if cycles is None else Cycles.of(cycles)
    kind, series = catalogue.find(protocol), series_to_analyse(run, array)
    cells, own = cells_of(run, series.shape, crosspoint), own_protocol(run, kind, array)
    made = settled(kind, settings or {}, own)
    place = None if crosspoint is None else cells[0]
    asked = Asked(protocol=protocol, settings=dict(settings or {}), cycles=cycles, crosspoint=place, array=array)
    if own is not None and wanted is None:
        return _own(run, made, series, cells, asked)
    parts = [_foreign(made, series.crosspoint(*cell), cell, wanted) for cell in cells]
    if not any(part.result is not None for part in parts):
        raise InputError(_refused(run, made, parts))
    first = next(part.protocol for part in parts if part.result is not None)
    return Analysed(run, first, asked, False, parts, _result(parts))


def _own(run: Run, protocol: Protocol, series: Series, cells: list[Cell], asked: Asked) -> Analysed:
    """The analysis of a run of the protocol itself, of its points as they are."""
    whole = len(cells) == series.shape[0] * series.shape[1]
    block = series if whole else series.crosspoint(*cells[0])
    result = protocol.results(block)
    each = {(one.get("row"), one.get("column")): one for one in result.get("crosspoints", [])}
    phases = [(name, a, b - 1) for name, a, b in stretches(series.phases)]
    parts = [
        Part(cell, protocol, series.crosspoint(*cell), phases, (), each.get(cell, result) if whole else result)
        for cell in cells
    ]
    return Analysed(run, protocol, asked, True, parts, result)


def _foreign(protocol: Protocol, series: Series, cell: Cell, cycles: Cycles | None) -> Part:
    if cycles is not None and type(protocol).foreign is Protocol.foreign:
        why = f"cycle {cycles}: {protocol.name} analyses only its own runs, and those as a whole; leave the cycle out"
        return Part(cell, protocol, None, [], (), None, why)
    try:
        taken = protocol.foreign(series, cycles)
        as_found = protocol.model_copy(update=dict(taken.settings))
        result = as_found.analyse(taken.series)
    except InputError as error:
        return Part(cell, protocol, None, [], (), None, str(error))
    phases = [(name, int(taken.number[a]), int(taken.number[b - 1])) for name, a, b in stretches(taken.series.phases)]
    return Part(cell, as_found, taken.series, phases, taken.said, result)


def _result(parts: list[Part]) -> dict[str, Any]:
    """The numbers of the one crosspoint, or a list with row and column of those that could be analysed."""
    if len(parts) == 1:
        return parts[0].result or {}
    done = [(part.cell, part.result) for part in parts if part.result is not None]
    return {"crosspoints": [{"row": row, "column": column, **result} for (row, column), result in done]}


def _refused(run: Run, protocol: Protocol, parts: list[Part]) -> str:
    why = {part.why_not for part in parts}
    if len(why) == 1:
        return f"{run.folder}: {why.pop()}"
    return all_at_once(
        f"{run.folder} cannot be analysed as {protocol.name}", [f"{_place(p.cell)}{p.why_not}" for p in parts]
    )


def _place(cell: Cell) -> str:
    return f"row {cell[0]}, column {cell[1]}: "


def analyse_again(run: Run, asked: Any) -> Analysed:
    """The analysis that `Analysed.json` keeps under "asked", made again; only of protocols that come with labshd."""
    try:
        kept = Asked.model_validate(asked)
    except ValidationError as error:
        raise InputError(f"{run.folder}: the record of what was analysed is damaged: {error}") from None
    catalogue.installed(kept.protocol)
    return analyse(run, kept.protocol, kept.settings, cycles=kept.cycles, crosspoint=kept.crosspoint, array=kept.array)
