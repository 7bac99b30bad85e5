"""Conditions on results, such as ``find.result.std_S < 1e-7 and find.accepted``: parsed, never executed."""

from __future__ import annotations

import ast
import operator
import re
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from instruments.errors import InputError
from instruments.units import quantity

Path = tuple[str, ...]
Look = Callable[[Path], Any]
"""Gives the value at a path, None where there is none."""

_MATHS: dict[type[ast.AST], Callable[..., Any]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
    ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt, ast.GtE: operator.ge,
    ast.Eq: operator.eq, ast.NotEq: operator.ne, ast.USub: operator.neg, ast.Not: operator.not_,
}  # fmt: skip
_UNITS = ("V", "A", "s", "S", "ohm", "Hz", "W")
_EXAMPLE = 'such as "find.result.std_S < 1e-7 and find.accepted"'


class _Unknown(Exception):  # noqa: N818 - no error: a value that is not there
    """A value that the condition needs is not there."""


@dataclass(frozen=True)
class Condition:
    """A parsed condition; `paths` are the values that it looks at, in order."""

    said: str
    paths: tuple[Path, ...]
    _tree: ast.expr = field(repr=False, compare=False)

    def holds(self, look: Look) -> tuple[bool, str]:
        """Whether it holds, and with which values, in words; where a value is missing it does not hold."""
        try:
            return bool(_value(self._tree, look)), self._seen(look)
        except _Unknown as missing:
            return False, f"{missing} is not known"
        except (TypeError, ZeroDivisionError, ValueError) as error:
            return False, f"{self._seen(look)}: {error}"

    def _seen(self, look: Look) -> str:
        pairs = [(".".join(path), look(path)) for path in self.paths]
        shown = (f"{value:.4g}" if isinstance(value, float) else repr(value) for _, value in pairs)
        return ", ".join(f"{name} is {value}" for (name, _), value in zip(pairs, shown, strict=True))


def parse(said: str) -> Condition:
    """A condition from its text: comparisons, and, or, not, + - * / and abs of numbers, quantities ("1 uS") and values.

    Raises `InputError` that says what is not understood.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of Python's, about what would be a slip in a program
            # "yield" is a word of Python's own, a name here
            tree = ast.parse(re.sub(r"\.yield\b", ".yield_", said.strip()), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise InputError(f"{said!r} is no condition ({error}); write one {_EXAMPLE}") from None
    paths: dict[Path, None] = {}
    try:
        _check(tree, paths)
    except RecursionError:
        raise InputError(f"{said[:60]!r}... is too long for a condition") from None
    if not paths:
        raise InputError(f"the condition {said!r} looks at nothing that was measured; write one {_EXAMPLE}")
    return Condition(said, tuple(paths), tree)


def _check(node: ast.expr, paths: dict[Path, None]) -> None:
    match node:
        case ast.BoolOp(values=values):
            inner: Sequence[ast.expr] = values
        case ast.UnaryOp(op=ast.Not() | ast.USub(), operand=operand):
            inner = [operand]
        case ast.BinOp(left=left, op=ast.Add() | ast.Sub() | ast.Mult() | ast.Div(), right=right):
            inner = [left, right]
        case ast.Compare(left=left, ops=ops, comparators=others) if all(type(op) in _MATHS for op in ops):
            inner = [left, *others]
        case ast.Call(func=ast.Name(id="abs"), args=[one], keywords=[]):
            inner = [one]
        case ast.Constant(value=bool() | int() | float() | str()):
            inner = []
        case ast.Name() | ast.Attribute() | ast.Subscript():
            paths[_path(node)] = None
            inner = []
        case _:
            raise InputError(f"{ast.unparse(node)!r} is not for a condition; write one {_EXAMPLE}")
    for one in inner:
        _check(one, paths)


def _path(node: ast.expr) -> Path:
    match node:
        case ast.Name(id=name):
            return (name,)
        case ast.Attribute(value=value, attr=name):
            return (*_path(value), "yield" if name == "yield_" else name)
        case ast.Subscript(value=value, slice=ast.Constant(value=int(place))):
            return (*_path(value), str(place))
        case _:
            raise InputError(f"{ast.unparse(node)!r} is not for a condition; write one {_EXAMPLE}")


def _value(node: ast.expr, look: Look) -> Any:
    match node:
        case ast.BoolOp(op=op, values=values):
            each = (bool(_value(value, look)) for value in values)
            return all(each) if isinstance(op, ast.And) else any(each)
        case ast.UnaryOp(op=op, operand=operand):
            return _MATHS[type(op)](_value(operand, look))
        case ast.BinOp(left=left, op=op, right=right):
            return _MATHS[type(op)](_value(left, look), _value(right, look))
        case ast.Compare(left=left, ops=ops, comparators=others):
            values = [_value(one, look) for one in (left, *others)]
            return all(_MATHS[type(op)](a, b) for op, a, b in zip(ops, values, values[1:], strict=False))
        case ast.Call(args=[one]):
            return abs(_value(one, look))
        case ast.Constant(value=value):
            return _number(value) if isinstance(value, str) else value
        case _:
            found = look(path := _path(node))
            if found is None:
                raise _Unknown(".".join(path))
            return found


def _number(said: str) -> float | str:
    """A quantity as its SI value; any other text as it is."""
    for unit in _UNITS:
        try:
            return quantity(said, unit)
        except ValueError:
            continue
    return said
