"""Traces of all tables of a file, joined: cycles one after the other, devices apart, time that never runs backwards."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from labshd.runs.tables.conductances import check, how, with_conductance
from labshd.runs.tables.counting import PULSED, Context, counted
from labshd.runs.tables.mapping import Mapping, Role
from labshd.runs.tables.roles import MEASURED, Roles
from labshd.runs.tables.sheet import Sheet
from labshd.runs.tables.traces import Trace, by_device, traces_of
from labshd.runs.tables_in import Problems

TIME_LEFT_OUT = (
    "starts again with each cycle, and the pauses between cycles are not known: kept for the first cycle only"
)


def devices_of(sheets: list[tuple[Sheet, Roles]], mapping: Mapping, problems: Problems) -> list[Trace]:
    """One trace a device, in the order in which the file names them; what is wrong is noted."""
    parts: dict[str, list[Trace]] = {}
    for sheet, roles in sheets:
        context = Context(sheet, mapping, problems)
        _check_roles(sheet, roles, context)
        for one in traces_of(sheet, roles, mapping, problems):
            for trace in by_device(one, problems, sheet):
                name = " ".join(filter(None, (sheet.name if mapping.sheets_are == "devices" else "", trace.device)))
                earlier = parts.setdefault(name, [])
                complete = counted(
                    with_conductance(replace(trace, device=name), context), context, after_another=bool(earlier)
                )
                if "conductance" in complete.values:
                    check(complete, context)
                    _check_order(complete, context)
                    earlier.append(complete)
    return [_joined(listed) for listed in parts.values() if listed]


def _check_roles(sheet: Sheet, roles: Roles, context: Context) -> None:
    """What was measured must be there, once; and what a table without pulses is must be said or plain."""
    mapping = context.mapping
    for problem in roles.problems:
        context.note(0, problem)
    if roles.problems:
        return
    measured = [role for role in MEASURED if role in roles.of]
    if not measured:
        context.note(
            sheet.lines[0] - 1 if any(sheet.header) else 0,
            f"no column of conductance, current or resistance was recognised; the columns are {sheet.titles}: say "
            'which it is, such as --column conductance="NAME" --unit conductance=uS (without a header: '
            "--column conductance=#2)",
        )
    elif measured == ["current"] and "voltage" not in roles.of and mapping.read_voltage is None:
        context.note(
            0,
            "the read voltage is needed to turn current into conductance: --column voltage=NAME, "
            'or --read-voltage "100 mV"',
        )
    if mapping.read_voltage is not None and "voltage" in roles.of:
        title = sheet.title(roles.of["voltage"][0])
        context.note(0, f"the read voltage is given twice: column {title!r} and --read-voltage; leave one out")
    if mapping.read_voltage == 0:
        context.note(0, "a read voltage of 0 V gives no conductance; give the voltage at which it was read")
    directed = any(role in roles.of for role in ("up", "down", *PULSED))
    if measured and not directed and "time" not in roles.of and mapping.pulses_are is None:
        context.note(
            0,
            "no column gives pulses or time; say what was done before each reading: --pulses-are up (or down), "
            '--pulses-are none for readings at rest, or --column pulses="NAME"',
        )


def _check_order(trace: Trace, context: Context) -> None:
    """Time and cycle go on within a device; where they fall, rows of two devices or two measurements are mixed."""
    cycles = trace.words.get("cycle")
    if "time" in trace.values and cycles is None:
        time = trace.values["time"]
        known = np.flatnonzero(np.isfinite(time))
        for at in np.flatnonzero(np.diff(time[known]) < 0)[:3].tolist():
            context.note(
                int(trace.lines[known[at + 1]]),
                f"time runs backwards, from {time[known[at]]:.6g} s to {time[known[at + 1]]:.6g} s: two devices or "
                "two cycles in one table? name the column that tells them apart (--column device=NAME, --column "
                "cycle=NAME)",
            )
    if cycles is not None:
        seen: set[str] = set()
        for at in range(1, len(cycles)):
            if cycles[at] != cycles[at - 1]:
                seen.add(cycles[at - 1])
                if cycles[at] in seen:
                    context.note(
                        int(trace.lines[at]),
                        f"cycle {cycles[at]} comes again after cycle {cycles[at - 1]}: are the rows out of order, or "
                        "are two devices mixed (--column device=NAME)?",
                    )
                    return


def _joined(parts: list[Trace]) -> Trace:
    """The cycles of one device as one trace; each keeps its number where there are several."""
    roles = [role for role in parts[0].values if all(role in one.values for one in parts)]
    values = {role: np.concatenate([one.values[role] for one in parts]) for role in roles}
    words: dict[Role, list[str]] = {
        role: [word for one in parts for word in one.words[role]]
        for role in parts[0].words
        if all(role in one.words for one in parts)
    }
    if "cycle" not in words and len(parts) > 1:
        words["cycle"] = [number for number, one in zip(_cycles(parts), parts, strict=True) for _ in range(len(one))]
    lines = np.concatenate([one.lines for one in parts])
    counts = np.concatenate([one.counts for one in parts if one.counts is not None])
    directions = np.concatenate([one.directions for one in parts if one.directions is not None])
    joined = replace(parts[0], values=values, words=words, lines=lines, counts=counts, directions=directions)
    return _time_going_on(joined)


def _cycles(parts: list[Trace]) -> list[str]:
    """Number of each part: potentiation and depression of one cycle share theirs."""
    numbers: list[int] = []
    for at, one in enumerate(parts):
        same = at > 0 and parts[at - 1].direction == 1 and one.direction == -1
        numbers.append(numbers[-1] if same else len(set(numbers)) + 1)
    return [str(number) for number in numbers]


def _time_going_on(trace: Trace) -> Trace:
    """Without the time of later cycles where it starts again."""
    time = trace.values.get("time")
    if time is None:
        return trace
    back = np.flatnonzero(np.diff(np.where(np.isnan(time), -np.inf, time)) < 0)
    if not len(back):
        return trace
    kept = np.where(np.arange(len(time)) <= back[0], time, np.nan)
    return replace(trace, values=trace.values | {"time": kept})


def conductance_words(sheets: list[tuple[Sheet, Roles]], traces: list[Trace], mapping: Mapping) -> str:
    """In words how the conductance is found."""
    context = Context(sheets[0][0], mapping, Problems())
    given = "as given" if any(role in sheets[0][1].of for role in ("conductance", "up", "down")) else ""
    before = [replace(one, values={k: v for k, v in one.values.items() if k != "conductance"}) for one in traces]
    return given or next((way for one in before if (way := how(one, context))), "as given")
