"""Units in the headers of columns: ``G (uS)``, ``Current [A]``, ``R/kOhm``, ``time_ms`` to a factor to SI."""

from __future__ import annotations

import re
from dataclasses import dataclass

NORMALISED = "normalised"
_PREFIX = {"f": 1e-15, "p": 1e-12, "n": 1e-9, "u": 1e-6, "m": 1e-3, "": 1.0, "k": 1e3, "M": 1e6, "G": 1e9}
_BASE = {"s": "s", "sec": "s", "A": "A", "V": "V", "S": "S", "mho": "S", "ohm": "ohm"}
_WORDS = {
    "seconds": "s", "second": "s", "volt": "V", "volts": "V", "ampere": "A", "amperes": "A", "amps": "A", "amp": "A",
    "siemens": "S",
}  # fmt: skip
_LONG_TIMES = {"min": 60.0, "h": 3600.0, "d": 86400.0}
_NO_UNITS = ("a.u.", "a.u", "au", "arb. u.", "arb. units", "norm", "norm.", "normalised", "normalized", "rel.")
_OHMS = re.compile("ohms?|Ohms?|OHMS?|[\N{OHM SIGN}\N{GREEK CAPITAL LETTER OMEGA}]")
_SYMBOL = re.compile(r"([fpnumkMG]?)(sec|s|A|V|S|mho|ohm)")
_IN_BRACKETS = re.compile(r"^(.*?)\s*[(\[{<]\s*([^()\[\]{}<>]*?)\s*[)\]}>]\s*$")
_AFTER = (re.compile(r"^(.*\S)\s*/\s*(\S+)$"), re.compile(r"^(.*\S)_([^_]+)$"), re.compile(r"^(.*\S)\s*,\s*(\S+)$"))

EXAMPLES = {"s": "ms", "A": "uA", "V": "mV", "S": "uS", "ohm": "kOhm"}
"""A unit of each dimension as a person writes it: what an error suggests."""


@dataclass(frozen=True)
class Unit:
    """A unit: what it measures, as SI unit ("s", "A", "V", "S", "ohm") or "normalised", and the factor to that."""

    si: str
    factor: float


def unit_of(text: str) -> Unit | None:
    """The unit that a text is, such as "uS", "kOhm", "min" or "a.u."; None where it is none."""
    plain = text.strip().replace("\N{MICRO SIGN}", "u").replace("\N{GREEK SMALL LETTER MU}", "u")
    if plain.lower() in _NO_UNITS:
        return Unit(NORMALISED, 1.0)
    if plain in _LONG_TIMES:
        return Unit("s", _LONG_TIMES[plain])
    if plain.lower() in _WORDS:
        return Unit(_WORDS[plain.lower()], 1.0)
    plain = _OHMS.sub("ohm", plain)
    if plain.startswith("K") and plain.endswith("ohm"):
        plain = "k" + plain[1:]
    found = _SYMBOL.fullmatch(plain.replace(" ", ""))
    return Unit(_BASE[found[2]], _PREFIX[found[1]]) if found else None


def split_header(text: str) -> tuple[str, str]:
    """Name and unit in a header, ``("G", "uS")`` of ``"G (uS)"``; the unit is empty where none is written."""
    header = text.strip()
    inside = _IN_BRACKETS.match(header)
    if inside:
        return (inside[1], inside[2]) if unit_of(inside[2]) else (header, "")
    for pattern in _AFTER:
        found = pattern.match(header)
        if found and unit_of(found[2]):
            return found[1], found[2]
    return header, ""
