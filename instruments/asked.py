"""What a caller asks for, as numbers: pulse counts, repeats, voltages, times; whatever is not exactly that is refused.

Every kind of crosspoints takes its arguments through here, so that what one refuses all refuse: a text, a truth value,
None, a complex number, NaN, half a pulse, a masked or an object array. Nothing is rounded and nothing is guessed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final, cast

import numpy as np
from numpy.typing import NDArray

from instruments.errors import InputError

MOST_PULSES: Final = 2**31 - 1
"""Pulses of one count, either sign: what an instrument takes, and what 2**32 steps add up without overflow."""
MOST_STEPS: Final = 2**31 - 1
MOST_READINGS: Final = 2**31 - 1  # of one call

_LONGEST_SHOWN: Final = 60  # characters of a value in a message


def shown(given: object) -> str:
    """A value as it stands in a message: short, on one line."""
    said = " ".join(repr(given).split())
    return said if len(said) <= _LONGEST_SHOWN else f"{said[: _LONGEST_SHOWN - 4]} ..."


def counts_of(given: object) -> NDArray[np.int64]:
    """Signed pulse counts, of any shape; `InputError` unless whole numbers of at most `MOST_PULSES`."""
    values = _array(given, "pulse counts", "whole numbers, such as 5 or [1, 0, -1]")
    if values.size == 0:
        return np.empty(values.shape, dtype=np.int64)
    if values.dtype.kind not in "iu" and not _all_whole(values):
        raise InputError(
            f"pulse counts must be whole numbers (int, not {_kind(values)}), not {shown(given)}; "
            "round them yourself, with int(...) or numpy.rint(...).astype(int)"
        )
    low, high = int(values.min()), int(values.max())
    if max(high, -low) > MOST_PULSES:
        raise InputError(
            f"a count of {high if high > -low else low} pulses is beyond {MOST_PULSES} (32 bits), which no instrument "
            "takes; ask for fewer"
        )
    return values.astype(np.int64)


def _all_whole(values: NDArray[Any]) -> bool:
    """Of the Python objects of a list: whether all are integers."""
    return values.dtype.kind == "O" and all(is_whole(one) for one in values.flat)


def is_whole(one: object) -> bool:
    """Whether it is an integer of Python or numpy; a truth value is none."""
    return isinstance(one, (int, np.integer)) and not isinstance(one, bool)


def _kind(values: NDArray[Any]) -> str:
    if values.dtype.kind != "O":
        return str(values.dtype)
    return next((type(one).__name__ for one in values.flat if not is_whole(one)), "object")


def readings_of(given: object) -> int:
    """How many readings; `InputError` unless a whole number from 1 to `MOST_READINGS`."""
    if not is_whole(given):
        raise InputError(f"{shown(given)} readings ({type(given).__name__}): give a whole number, 1 or more")
    count = int(cast("int", given))
    if count < 1:
        raise InputError(f"{count} readings are none; give 1 or more")
    if count > MOST_READINGS:
        raise InputError(f"{count} readings are beyond {MOST_READINGS}; ask for fewer at once")
    return count


def real_numbers(given: object, what: str, example: str) -> NDArray[np.float64]:
    """Real numbers of any shape, NaN and infinities among them; `InputError` for all else."""
    values = _array(given, what, example)
    if values.dtype.kind in "iuf":
        return values.astype(np.float64)
    wrong = [one for one in values.flat if not is_real(one)] if values.dtype.kind == "O" else [given]
    if wrong:
        raise InputError(
            f"{what} must be numbers, such as {example}, not {shown(wrong[0])} ({type(wrong[0]).__name__})"
        )
    return np.array([float(one) for one in values.flat], dtype=np.float64).reshape(values.shape)


def is_real(one: object) -> bool:
    """Whether it is a real number of Python or numpy, NaN and infinity among them; a truth value is none."""
    return isinstance(one, (int, float, np.integer, np.floating)) and not isinstance(one, bool)


def seconds_of(given: object) -> float:
    """A time to wait [s]; `InputError` unless a finite number, 0 or more."""
    if not is_real(given) or not 0 <= float(cast("float", given)) < math.inf:
        raise InputError(f"a wait of {shown(given)} is none; give its seconds as a finite number, 0 or more")
    return float(cast("float", given))


def volts_of(given: object, length: int) -> NDArray[np.float64]:
    """Finite voltages [V] of so many lines, shape (length,) or (length, batch); `InputError` for all else."""
    volts = real_numbers(given, "voltages", "[0.1, 0.2]")
    if volts.ndim not in (1, 2) or len(volts) != length:
        raise InputError(f"voltages of shape {volts.shape} do not fit {length} lines; give one for each of them")
    if not np.all(np.isfinite(volts)):
        raise InputError("voltages of lines must be finite numbers")
    return volts


def slots_of(given: object, lines: int, which: str = "lines") -> NDArray[np.int8]:
    """Slots of pulse trains, (lines, slots), each -1, 0 or 1; `InputError` for all else."""
    plain = type(given) is np.ndarray and given.dtype == np.int8
    slots: NDArray[Any] = np.asarray(given, dtype=np.int8) if plain else counts_of(given)
    if slots.ndim != 2 or len(slots) != lines:
        raise InputError(f"pulse trains of shape {slots.shape} do not fit {lines} {which}; give (lines, slots)")
    if slots.size and (slots.min() < -1 or slots.max() > 1):
        raise InputError(f"a slot of a pulse train on the {which} takes -1, 0 or 1: one update takes no more than one")
    return np.ascontiguousarray(slots, dtype=np.int8)


def _array(given: object, what: str, example: str) -> NDArray[Any]:
    """As an array: of numbers where an array was given, else of the very objects that were, which are looked at.

    numpy would make 1 of True and "3" of 3 in a list, and take a masked value for a number.
    """
    if _is_masked(given):
        raise InputError(f"{what} in a masked array are not all given; fill it, or cut it to those that are")
    if isinstance(given, np.ndarray) and cast("NDArray[Any]", given).dtype.kind == "O":
        raise InputError(f"{what} in an array of objects are no numbers yet; convert it first, so that it is {example}")
    if (said := _text_in(given)) is not None:
        raise InputError(f"{what} must be {example}, not a {type(said).__name__}")
    one: Any = cast("object", given)
    try:
        values: NDArray[Any] = np.asarray(one) if hasattr(one, "__array__") else np.array(one, dtype=object)
    except (ValueError, TypeError, OverflowError):
        raise InputError(f"{what} must be {example}, in rows of one length, not {shown(one)}") from None
    if values.dtype.kind == "O" and any(isinstance(part, (list, tuple, np.ndarray)) for part in values.flat):
        raise InputError(f"{what} must be {example}, in rows of one length, not {shown(one)}")
    return values


_ROWS: Final = (list, tuple, bytearray, memoryview)


def _text_in(given: Any) -> object | None:
    """Text or bytes in place of numbers, also within rows: numpy would take bytes in a row for a row of numbers."""
    if isinstance(given, (bytes, bytearray, memoryview, str)):
        return given  # pyright: ignore[reportUnknownVariableType]
    if isinstance(given, (list, tuple)):
        rows: list[Any] = [one for one in cast("Sequence[Any]", given) if isinstance(one, _ROWS)]
        return next((said for one in rows if (said := _text_in(one)) is not None), None)
    return None


def _is_masked(given: object) -> bool:
    if isinstance(given, (list, tuple)):
        return any(isinstance(one, np.ma.MaskedArray) for one in cast("Sequence[object]", given))
    return isinstance(given, np.ma.MaskedArray)
