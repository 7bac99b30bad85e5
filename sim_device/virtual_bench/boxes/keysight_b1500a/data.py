"""How the twin of a Keysight B1500A writes measured data: status, channel and kind before each number, or none.

Source: B1500A Programming Guide, chapter 1, ASCII data output format: 12 digits (``FMT`` 1, 2) or 13 (11, 12, 21, 22),
with a header in 1, 11 and 21; exponents are multiples of three.
"""

from __future__ import annotations

from typing import Final

from sim_device.virtual_bench.boxes.common.meter import OVERFLOW, Measured
from sim_device.virtual_bench.languages.flex import shown

FORMATS: Final = {1: (6, True), 2: (6, False), 11: (7, True), 12: (7, False), 21: (7, True), 22: (7, False)}
MEANINGLESS: Final = 199.999e99  # stands for a value beyond the range
STEP: Final = 1e-4  # [s] resolution of the time
NO_CHANNEL: Final = "Z"
IN_DIGITS: Final = {"N": "000", "C": "008", "V": "001", "W": "001", "E": "002"}  # status in format 21


def letter(slot: int) -> str:
    """How the channel in a slot is called in data: A to J."""
    return chr(ord("A") + slot - 1)


def time(style: int, channel: str, seconds: float) -> str:
    """Time since the timer was reset, at which the measurement of a channel began."""
    return _shown(style, "N", channel, "T", round(seconds / STEP) * STEP)


def datum(style: int, slot: int, kind: str, found: Measured) -> str:
    """Current ("I") or voltage ("V") with the status: N, C at compliance, V beyond the range."""
    value = found.voltage if kind == "V" else found.current
    status = "C" if found.limited else "N"
    if abs(value) >= OVERFLOW * (1 - 1e-9):
        status, value = "V", MEANINGLESS
    return _shown(style, status, letter(slot), kind, value)


def source(style: int, slot: int, kind: str, value: float, *, last: bool) -> str:
    """What a sweep source forced at a step: W, or E at the last."""
    return _shown(style, "E" if last else "W", letter(slot), kind, value)


def _shown(style: int, status: str, channel: str, kind: str, value: float) -> str:
    digits, header = FORMATS[style]
    figures = shown(value, digits)
    if not header:
        return figures
    return f"{IN_DIGITS[status] if style == 21 else status}{channel}{kind}{figures}"
