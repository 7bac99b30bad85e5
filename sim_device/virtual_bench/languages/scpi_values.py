"""Parameters of SCPI commands: numbers with units, MINimum / MAXimum / DEFault, booleans, choices, strings."""

from __future__ import annotations

import math
import re
from functools import cache
from typing import Final


class ScpiError(Exception):
    """An error for the queue of an instrument: `code` and `text` as SCPI-1999 volume 2, chapter 21 lists them."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(f"{code},{text}")
        self.code = code
        self.text = text


_NUMBER: Final = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*([A-Za-z%]*)$")
_PREFIXES: Final = {"": 1.0, "P": 1e-12, "N": 1e-9, "U": 1e-6, "M": 1e-3, "K": 1e3, "MA": 1e6, "G": 1e9}


def multipliers(unit: str) -> dict[str, float]:
    """Suffixes that a parameter in `unit` takes; MHZ and MOHM are mega, as IEEE 488.2 7.7.3 says."""
    table = {prefix + unit: factor for prefix, factor in _PREFIXES.items()} if unit else {}
    if unit in ("HZ", "OHM"):
        table["M" + unit] = 1e6
    return {"": 1.0, **table}


def number(text: str, unit: str = "") -> float:
    """The value of a decimal number with an optional unit suffix; `ScpiError` unless it is one."""
    match = _NUMBER.match(text)
    if match is None:
        if text[:3].upper() == "INF":
            return math.inf
        raise ScpiError(-104, "Data type error")
    suffix = match.group(2).upper()
    if not suffix:
        return float(match.group(1))
    if not unit:
        raise ScpiError(-138, "Suffix not allowed")
    try:
        return float(match.group(1)) * multipliers(unit)[suffix]
    except KeyError:
        raise ScpiError(-131, "Invalid suffix") from None


def is_form_of(text: str, keyword: str) -> bool:
    """Whether `text` is the short or the long form of a keyword written like ``MAXimum``."""
    given = text.upper()
    return given == keyword.upper() or given == short_form(keyword)


@cache
def short_form(keyword: str) -> str:
    """Short form of a keyword written like ``MAXimum``: MAX."""
    return "".join(c for c in keyword if not c.islower()).upper()


def boolean(text: str) -> bool:
    """ON, OFF or a number: other than zero is on."""
    if text.upper() in ("ON", "OFF"):
        return text.upper() == "ON"
    try:
        return round(float(text)) != 0
    except ValueError:
        raise ScpiError(-224, "Illegal parameter value") from None


def choice(text: str, keywords: tuple[str, ...]) -> str:
    """Short form of the one of `keywords` that `text` is a form of."""
    for keyword in keywords:
        if is_form_of(text, keyword):
            return short_form(keyword)
    raise ScpiError(-224, "Illegal parameter value")


def string(text: str) -> str:
    """What stands between the quotes."""
    if len(text) >= 2 and text[0] in "\"'" and text[-1] == text[0]:
        return text[1:-1].replace(text[0] * 2, text[0])
    raise ScpiError(-104, "Data type error")


def split_outside_quotes(text: str, separator: str) -> list[str]:
    """Parts of `text` between separators that stand neither in quotes nor in parentheses."""
    if '"' not in text and "'" not in text and "(" not in text:
        return text.split(separator)
    parts: list[str] = []
    start, depth, quote = 0, 0, ""
    for at, char in enumerate(text):
        if quote:
            quote = "" if char == quote else quote
        elif char in "\"'":
            quote = char
        elif char == "(":
            depth += 1
        elif char == ")":
            depth -= 1
        elif char == separator and depth == 0:
            parts.append(text[start:at])
            start = at + 1
    return [*parts, text[start:]]
