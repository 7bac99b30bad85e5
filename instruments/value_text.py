"""Measured values as text: value, error and 95 % interval with one SI prefix, to as many digits as the error allows.

Every command, report, notebook, caption and progress line writes its numbers through here; files and ``--json`` keep SI
floats.
"""

from __future__ import annotations

import math

PREFIXED = frozenset({"S", "V", "A", "s", "Hz", "ohm", "W"})
NOT_IDENTIFIED = "not identified"
NOT_DETERMINED = "error not determined by this trace"
_PREFIXES = {-5: "f", -4: "p", -3: "n", -2: "µ", -1: "m", 0: "", 1: "k", 2: "M", 3: "G"}
_MOST_PLACES = 12  # decimal places; an error this far below its value is written as a power of ten instead
_THIN = "\u202f"  # between groups of three digits


def value_text(
    value: float | None,
    std: float | None,
    unit: str = "",
    *,
    interval: tuple[float, float] | None = None,
    why_no_error: str = NOT_DETERMINED,
) -> str:
    """A value with its standard error: ``value_text(12.3e-6, 1e-7, "S") == "12.30 ± 0.10 µS"``.

    Two digits of the standard error, and the value to the same place; the SI prefix is that of the value (of its error
    where the value is smaller) and holds for the `interval` of 95 %, too. Without a value: "not identified". Where
    there is no error, or one of zero, `why_no_error` stands in brackets; give "" where none is expected.
    """
    if value is None or not math.isfinite(value):
        return NOT_IDENTIFIED
    if std is None or not math.isfinite(std) or std <= 0:
        return plain_text(value, unit) + (f" ({why_no_error})" if why_no_error else "")
    prefix, scale = si_prefix(max(abs(value), std), unit)
    power = 0 if unit in PREFIXED else _power_of_ten(max(abs(value), std))
    scale *= 10.0**power
    place = 1 - math.floor(math.log10(std / scale))
    said = f"{_to(value / scale, place)} ± {_to(std / scale, place)}"
    tail = _tail(prefix, unit)
    said = f"({said})e{power}{tail}" if power else said + tail
    if interval is None or not all(math.isfinite(end) for end in interval) or interval[0] >= interval[1]:
        return said
    low, high = (_to(end / scale, place) for end in interval)
    times = f"e{power}" if power else ""
    return f"{said} (95 %: {low}{times} to {high}{times}{tail})"


def plain_text(value: float, unit: str = "", digits: int = 4) -> str:
    """A value without an error, to `digits` digits: ``plain_text(2.67652e-05, "S") == "26.77 µS"``."""
    if not math.isfinite(value):
        return NOT_IDENTIFIED
    prefix, scale = si_prefix(value, unit)
    return f"{value / scale:.{digits}g}{_tail(prefix, unit)}"


def percent_text(share: float | None, std: float | None, *, why_no_error: str = "") -> str:
    """A share of one in percent: ``percent_text(0.123, 0.004) == "12.30 ± 0.40 %"``."""
    if share is None or not math.isfinite(share):
        return NOT_IDENTIFIED
    if std is None or not math.isfinite(std) or std <= 0:
        return f"{100 * share:.3g} %" + (f" ({why_no_error})" if why_no_error else "")
    return f"{value_text(100 * share, 100 * std)} %"


def count_text(count: int) -> str:
    """A whole number in groups of three digits, which stays on one line."""
    return f"{count:,}".replace(",", _THIN)


def duration_text(seconds: float) -> str:
    """How long something takes, as one says it: "199 ms", "12.3 s", "12.3 min", "3.4 h", "2.1 days"."""
    if not math.isfinite(seconds):
        return "not known"
    if abs(seconds) < 1:
        return plain_text(seconds, "s", 3)
    for limit, length, unit in ((120.0, 1.0, "s"), (7200.0, 60.0, "min"), (172800.0, 3600.0, "h")):
        if abs(seconds) < limit:
            return f"{seconds / length:.3g} {unit}"
    return f"{seconds / 86400.0:.3g} days"


def si_prefix(value: float, unit: str) -> tuple[str, float]:
    """The SI prefix for `value` and its factor: ("µ", 1e-6) for 12e-6 S; none for units that take no prefix."""
    if unit not in PREFIXED or value == 0 or not math.isfinite(value):
        return "", 1.0
    power = max(-5, min(3, math.floor(math.log10(abs(value)) / 3)))
    return _PREFIXES[power], 10.0 ** (3 * power)


def _tail(prefix: str, unit: str) -> str:
    return f" {prefix}{unit}" if unit and unit != "normalised" else ""


def _to(value: float, place: int) -> str:
    """`value` rounded to `place` decimals; a negative place rounds tens or hundreds, for counts with large errors."""
    place = min(place, _MOST_PLACES)
    return f"{value:.{place}f}" if place >= 0 else f"{round(value, place):.0f}"


def _power_of_ten(value: float) -> int:
    """The power of ten to take out of a number without a prefix; 0 for those that one reads as they stand."""
    power = math.floor(math.log10(value)) if value > 0 else 0
    return power if not -4 <= power < 7 else 0
