"""Layouts of imported data: how files become blocks of points."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from instruments.crosspoints import FloatArray, IntArray, Readings, Status
from instruments.errors import InputError
from labshd.runs.given_file import GivenFile
from labshd.runs.tables_in import Problems, RawTable, check_width, column_of, read_text_table
from protocols.common.protocol import UNKNOWN_COUNT, Points

_SIEMENS = {"S": 1.0, "mS": 1e-3, "uS": 1e-6, "µS": 1e-6, "nS": 1e-9}
_WIDEST = 1.0  # [S]; a resistive memory device conducts less: what is above is in another unit
_CONDUCTANCE = re.compile(r"conductance_(\w+)")
_TELLING = 10  # readings that must not all be the same; fewer may be, on a coarse converter


@dataclass(frozen=True)
class Imported:
    """What files hold: blocks of points, the unit of conductance, and columns that were left out."""

    points: list[Points]
    unit: str
    ignored: list[str] = field(default_factory=list[str])


def _block(
    phase: str,
    counts: IntArray,
    conductance: FloatArray,
    *,
    time: FloatArray | None = None,
    voltage: float = np.nan,
    current: FloatArray | None = None,
) -> Points:
    """Points of one crosspoint; NaN for what is not known."""
    n = len(conductance)

    def shaped(values: NDArray[Any]) -> NDArray[Any]:
        return values.reshape(n, 1, 1)

    unknown = np.full(n, np.nan)
    readings = Readings(
        shaped(conductance),
        shaped(np.full(n, voltage)),
        shaped(unknown if current is None else current),
        shaped(unknown if time is None else time),
        shaped(np.where(np.isnan(conductance), int(Status.INVALID), 0).astype(np.uint8)),
    )
    return Points(phase, shaped(counts), readings)


def _runs_of(n: int, sign: int) -> IntArray:
    """Counts of `n` readings after one pulse each, the first after a history that is not known."""
    counts = np.full(n, sign, dtype=np.int64)
    counts[:1] = UNKNOWN_COUNT
    return counts


def trace(given: GivenFile) -> Imported:
    """One CSV with the columns `pulses`, `conductance_UNIT` and, if there is one, `time_s`."""
    table = read_text_table(given, header=True)
    problems = Problems()
    pulses_at, conductance_at, unit, scale = _trace_columns(table)
    check_width(table, len(table.header), problems)
    conductance = column_of(table, conductance_at, table.header[conductance_at], problems, gaps=True)
    counts = _trace_counts(table, pulses_at, problems)
    time = np.full(len(table.rows), np.nan)
    if "time_s" in table.header:
        time = column_of(table, table.header.index("time_s"), "time_s", problems, gaps=True)
    problems.refuse()
    conductance = conductance * scale
    _check_values(table.path, conductance, unit)
    known = {"pulses", "time_s", table.header[conductance_at]}
    ignored = [name for name in table.header if name not in known]
    return Imported(_by_direction(counts, conductance, time), unit, ignored)


def _trace_columns(table: RawTable) -> tuple[int, int, str, float]:
    """Where pulses and conductance stand, the run's unit, and the factor to it."""
    path, header = table.path, table.header
    wanted = "a trace needs the columns pulses and conductance_S (or _mS, _uS, _nS, _normalised)"
    twice = sorted({name for name in header if header.count(name) > 1})
    if twice:
        raise InputError(f"{path}, line 1: column {', '.join(map(repr, twice))} is there twice; {wanted}")
    found = [(at, match[1]) for at, name in enumerate(header) if (match := _CONDUCTANCE.fullmatch(name))]
    if "pulses" not in header or len(found) != 1:
        raise InputError(
            f"{path}, line 1: the columns are {', '.join(map(repr, header))[:200]}; {wanted}; "
            "for a file without a header see --layout columns, for one ramp a column --layout ramps"
        )
    at, unit = found[0]
    if unit == "normalised":
        return header.index("pulses"), at, "normalised", 1.0
    if unit not in _SIEMENS:
        raise InputError(f"{path}, line 1: column {header[at]!r}: unknown unit {unit!r}; known: {', '.join(_SIEMENS)}")
    return header.index("pulses"), at, "S", _SIEMENS[unit]


def _trace_counts(table: RawTable, at: int, problems: Problems) -> IntArray:
    counts: list[int] = []
    for line, row in table.rows:
        text = row[at] if at < len(row) else ""
        try:
            counts.append(_whole(text))
        except ValueError:
            rule = "must be a whole number: + up, - down, 0 none, empty where it is not known"
            problems.add(table.path, line, f"column pulses: {text!r} {rule}")
            counts.append(0)
    return np.asarray(counts, dtype=np.int64)


def _whole(text: str) -> int:
    if not text:
        return UNKNOWN_COUNT
    value = float(text)
    if not value.is_integer() or abs(value) > 1e15 or "_" in text:  # NaN and infinities are no integers
        raise ValueError(text)
    return int(value)


def _by_direction(counts: IntArray, conductance: FloatArray, time: FloatArray) -> list[Points]:
    """Blocks of one direction each, so that the phase says it: "up", "down" or "read"."""
    sign = np.sign(counts)
    sign[counts == UNKNOWN_COUNT] = 0
    edges = [0, *(np.flatnonzero(np.diff(sign)) + 1).tolist(), len(counts)]
    phases = {1: "up", -1: "down", 0: "read"}
    return [
        _block(phases[int(sign[start])], counts[start:stop], conductance[start:stop], time=time[start:stop])
        for start, stop in pairwise(edges)
    ]


def columns(given: GivenFile) -> Imported:
    """One CSV without header: column 0 after each of consecutive up pulses, column 1 after each down pulse."""
    table = read_text_table(given, header=False)
    problems = Problems()
    _check_no_header(table, "columns")
    check_width(table, 2, problems)
    up = column_of(table, 0, "0 (up)", problems, padded=True, gaps=True)
    down = column_of(table, 1, "1 (down)", problems, padded=True, gaps=True)
    problems.refuse()
    for values, name in ((up, "column 0 (up)"), (down, "column 1 (down)")):
        _check_values(table.path, values, "normalised", name)
    blocks = [_block("up", _runs_of(len(up), 1), up), _block("down", _runs_of(len(down), -1), down)]
    return Imported(blocks, "normalised")


def _check_no_header(table: RawTable, layout: str) -> None:
    line, first = table.rows[0]
    if first and all(re.search(r"[A-Za-z]{2}", cell) and cell.lower() not in ("nan", "inf") for cell in first):
        raise InputError(
            f"{table.path}, line {line}: {','.join(first)!r} looks like a header; layout {layout} has none: remove the "
            "line, or name the columns pulses and conductance_S and use --layout trace"
        )


def ramps(up: GivenFile | None, down: GivenFile | None, read_voltage: float | None) -> Imported:
    """CSV with a header, a ramp a column: currents [A] at `read_voltage` [V], or conductance [S] where it is None.

    Time runs up 1, down 1, up 2, ...; or in one direction only where one file is None. How a ramp began is not told:
    the count of its first reading is unknown.
    """
    problems = Problems()
    given = [(direction, sign, file) for direction, sign, file in (("up", 1, up), ("down", -1, down)) if file]
    found = {direction: _ramp_columns(file, problems) for direction, _, file in given}
    problems.refuse()
    blocks: list[Points] = []
    for number in range(max(map(len, found.values()))):
        for direction, sign, file in given:
            if number < len(found[direction]):
                name, values = found[direction][number]
                blocks.append(_ramp(f"{direction} {number + 1}", sign, values, read_voltage))
                _check_values(file.path, blocks[-1].readings.conductance.ravel(), "S", f"column {name}")
    return Imported(blocks, "S")


def _ramp(phase: str, sign: int, values: FloatArray, read_voltage: float | None) -> Points:
    counts = _runs_of(len(values), sign)
    if read_voltage is None:
        return _block(phase, counts, values)
    return _block(phase, counts, values / read_voltage, voltage=read_voltage, current=values)


def _ramp_columns(given: GivenFile, problems: Problems) -> list[tuple[str, FloatArray]]:
    path, table = given.path, read_text_table(given, header=True)
    if all(not isinstance(column, str) for column in map(_as_number, table.header)):
        raise InputError(f"{path}, line 1: a header with a name for each ramp is needed, not {table.header[:3]}")
    check_width(table, len(table.header), problems)
    found: list[tuple[str, FloatArray]] = []
    for index, name in enumerate(table.header):
        values = column_of(table, index, name or str(index + 1), problems, padded=True, gaps=True)
        if not len(values):
            problems.add(path, 0, f"column {name or index + 1} holds no reading; remove it")
        found.append((name, values))
    return found


def _as_number(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


def _check_values(path: Path, conductance: FloatArray, unit: str, name: str = "conductance") -> None:
    """Refuse what cannot be measured readings of a memory device in this unit."""
    there = conductance[np.isfinite(conductance)]
    if not len(there):
        raise InputError(f"{path}: {name} holds no reading at all")
    if len(there) >= _TELLING and np.ptp(there) == 0:
        raise InputError(
            f"{path}: {name} is {there[0]:.6g} in all {len(there)} readings; a device that pulses move, or "
            "that is read with noise, is not constant: is it the right column, or a stuck crosspoint?"
        )
    largest = float(np.max(np.abs(there)))
    if unit == "S" and largest > _WIDEST:
        raise InputError(
            f"{path}: {name} reaches {largest:.4g} S; a memory device conducts less than {_WIDEST:g} S: "
            "name the column for its unit (conductance_uS, conductance_normalised), or check --quantity, --read-voltage"
        )
    if unit == "S" and float(np.median(there)) < 0:
        raise InputError(
            f"{path}: {name} is negative ({float(np.median(there)):.4g} S in the middle); if currents were read "
            "at a negative voltage, give --read-voltage with its sign"
        )
