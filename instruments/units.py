"""Units as text at the edge ("500 ns"), SI floats inside."""

from __future__ import annotations

import math
from typing import Annotated, Any, TypeAlias

from pydantic import BeforeValidator, PlainSerializer, ValidationInfo, WithJsonSchema
from quantiphy import InvalidNumber, Quantity

FROM_FILE = "from_file"  # in the context of a validation: numbers without a unit are refused, floats too
WRITTEN = {FROM_FILE: True}  # such a context
_SAME_UNIT = {"Ω": "ohm", "Ohm": "ohm", "ohms": "ohm", "sec": "s", "Sec": "s", "siemens": "S", "volt": "V"}
_LONG_TIMES = {"min": 60.0, "h": 3600.0, "d": 86400.0}
_EXAMPLE = {
    "s": "500 ns",
    "V": "100 mV",
    "A": "50 uA",
    "S": "12 uS",
    "ohm": "10 kohm",
    "Hz": "1 kHz",
    "W": "1 mW",
}


def quantity(text: object, unit: str) -> float:
    """SI value of a text such as ``"500 ns"``; `unit` is the SI unit it must carry ("s", "V", "A", "S", ...).

    Raises
    ------
    ValueError
        No unit, another unit, not a number, or not finite; the message says which and shows an example.
    """
    example = f'write it with its unit, such as "{_EXAMPLE.get(unit, "1 " + unit)}"'
    if not isinstance(text, str):
        raise ValueError(f"{text!r} has no unit; {example}")  # noqa: TRY004 - pydantic collects ValueErrors
    stripped = text.strip()
    if unit == "s":
        number, _, suffix = stripped.partition(" ")
        if suffix.strip() in _LONG_TIMES:
            return _finite(quantity(number + " s", "s") * _LONG_TIMES[suffix.strip()], text)
    if "," in stripped:
        # A decimal comma would be dropped as a thousands separator: 1,5 V must not become 15 V.
        raise ValueError(f'{text!r} has a comma; write the decimal point, such as "1.5 {unit}"')
    try:
        parsed = Quantity(stripped)
    except InvalidNumber:
        raise ValueError(f"{text!r} is not a number with a unit; {example}") from None
    found = _SAME_UNIT.get(parsed.units, parsed.units)
    if not found:
        raise ValueError(f"{text!r} has no unit; {example}")
    if found != unit:
        raise ValueError(f"{text!r} is in {found}, {unit} is needed; {example}")
    return _finite(float(parsed), text)


def _finite(value: float, text: str) -> float:
    if not math.isfinite(value):
        raise ValueError(f"{text!r} is not finite")
    return value


def text(value: float, unit: str, digits: int = 4) -> str:
    """A value as a person writes it: ``text(5e-7, "s") == "500 ns"``; `digits` significant digits."""
    return str(Quantity(value, unit).render(prec=digits - 1, form="si"))


def _validator(unit: str) -> BeforeValidator:
    def parse(value: Any, info: ValidationInfo) -> float:
        # In Python SI floats are the convention; a file that a person wrote gives text with its unit.
        if isinstance(value, float) and not (info.context or {}).get(FROM_FILE):
            return _finite(value, str(value))
        return quantity(value, unit)

    return BeforeValidator(parse)


def _serializer(unit: str) -> PlainSerializer:
    def show(value: float) -> str:
        # 12 digits: what is written is what is read again, and 0.1 V stays "100 mV".
        return text(value, unit, digits=12)

    return PlainSerializer(show, return_type=str)


def _schema(unit: str) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "description": f"in {unit}", "examples": [_EXAMPLE[unit]]})


Seconds: TypeAlias = Annotated[float, _validator("s"), _serializer("s"), _schema("s"), "unit:s"]
Volts: TypeAlias = Annotated[float, _validator("V"), _serializer("V"), _schema("V"), "unit:V"]
Amperes: TypeAlias = Annotated[float, _validator("A"), _serializer("A"), _schema("A"), "unit:A"]
Ohms: TypeAlias = Annotated[float, _validator("ohm"), _serializer("ohm"), _schema("ohm"), "unit:ohm"]
Watts: TypeAlias = Annotated[float, _validator("W"), _serializer("W"), _schema("W"), "unit:W"]
Siemens: TypeAlias = Annotated[float, _validator("S"), _serializer("S"), _schema("S"), "unit:S"]


def share(said: object) -> float:
    """A share of one from a text such as ``"1 %"``; ValueError where it is none."""
    number, sign, rest = said.partition("%") if isinstance(said, str) else ("", "", "")
    try:
        if not sign or rest.strip():
            raise ValueError  # noqa: TRY301 - one message for all that is no share
        return _finite(float(number) / 100, number)
    except ValueError:
        raise ValueError(f'{said!r} is no share; write it in percent, such as "1 %"') from None


def _share(value: Any, info: ValidationInfo) -> float:
    if isinstance(value, float) and not (info.context or {}).get(FROM_FILE):
        return _finite(value, str(value))
    return share(value)


Share: TypeAlias = Annotated[
    float,
    BeforeValidator(_share),
    PlainSerializer(lambda value: f"{100 * value:.12g} %", return_type=str),
    WithJsonSchema({"type": "string", "description": "in percent", "examples": ["1 %"]}),
]
