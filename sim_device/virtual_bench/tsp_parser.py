"""The part of Lua that remote control of TSP instruments uses: text becomes code that runs on a twin.

Statements: assignments, calls and `print`; expressions: numbers, strings, true, false, nil, names with dots and numbers
in brackets, calls, arithmetic, comparison and concatenation. Anything else is a syntax error (-285) in the error queue,
an unknown name a runtime error (-286), as the instruments answer.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeAlias

if TYPE_CHECKING:
    from sim_device.virtual_bench.tsp import TspTwin

Value: TypeAlias = "float | str | bool | tuple[Any, ...] | Path | None"

SYNTAX_ERROR: Final = -285
RUNTIME_ERROR: Final = -286


class TspError(Exception):
    """An error for the error queue: `code` and `text`."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text


@dataclass(frozen=True)
class Path:
    """A name that stands for a table of commands, such as ``channel``; not a value by itself."""

    name: str


_TOKEN: Final = re.compile(
    r"\s*(?:(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)|(?P<string>\"[^\"\n]*\"|'[^'\n]*')|(?P<name>[A-Za-z_]\w*)"
    r"|(?P<op>\.\.|==|~=|<=|>=|[-+*/%<>=().,;\[\]]))"
)
_POWERS: Final = ({"==", "~=", "<", ">", "<=", ">="}, {".."}, {"+", "-"}, {"*", "/", "%"})
_CONSTANTS: Final[dict[str, Value]] = {"true": True, "false": False, "nil": None}
_KEYWORDS: Final = frozenset(
    {
        "and",
        "break",
        "do",
        "else",
        "elseif",
        "end",
        "for",
        "function",
        "if",
        "in",
        "local",
        "not",
        "or",
        "repeat",
        "return",
        "then",
        "until",
        "while",
    }
)

Code: TypeAlias = Callable[["TspTwin"], Any]


class _Parser:
    """Recursive descent; every rule gives code that runs on a twin."""

    def __init__(self, source: str) -> None:
        self._tokens: list[tuple[str, str]] = []
        at = 0
        source = source.rstrip()
        while at < len(source):
            match = _TOKEN.match(source, at)
            if match is None:
                raise TspError(
                    SYNTAX_ERROR, f"TSP Syntax error at line 1: unexpected symbol near `{source[at:].strip()[:1]}'"
                )
            self._tokens.append((str(match.lastgroup), match.group(str(match.lastgroup))))
            at = match.end()
        self._at = 0

    def _peek(self) -> tuple[str, str]:
        return self._tokens[self._at] if self._at < len(self._tokens) else ("end", "<eof>")

    def _next(self) -> tuple[str, str]:
        token = self._peek()
        self._at += 1
        return token

    def _accept(self, *ops: str) -> str | None:
        kind, text = self._peek()
        if kind == "op" and text in ops:
            self._at += 1
            return text
        return None

    def _expect(self, op: str) -> None:
        if self._accept(op) is None:
            raise self._unexpected()

    def _unexpected(self) -> TspError:
        return TspError(SYNTAX_ERROR, f"TSP Syntax error at line 1: unexpected symbol near `{self._peek()[1]}'")

    def chunk(self) -> list[Code]:
        """Statements, with or without semicolons between them."""
        statements: list[Code] = []
        while self._peek()[0] != "end":
            statements.append(self._statement())
            self._accept(";")
        return statements

    def _statement(self) -> Code:
        kind, text = self._peek()
        if kind != "name" or text in _KEYWORDS or text in _CONSTANTS:
            raise self._unexpected()
        target, is_call = self._prefixed()
        targets = [target]
        while not is_call and self._accept(","):
            target, is_call = self._prefixed()
            targets.append(target)
        if self._accept("="):
            if is_call:
                raise self._unexpected()
            return self._assignment(targets)
        if not is_call:
            raise TspError(SYNTAX_ERROR, f"TSP Syntax error at line 1: `=' expected near `{self._peek()[1]}'")
        return target

    def _assignment(self, targets: list[str]) -> Code:
        """``a, b = f()``: values of the last expression spread over the names that are left, nil for the rest."""
        expressions = [self._expression()]
        while self._accept(","):
            expressions.append(self._expression())

        def assign(twin: TspTwin) -> None:
            values = twin.spread([expression(twin) for expression in expressions])
            for at, name in enumerate(targets):
                twin.assign(name, values[at] if at < len(values) else None)

        return assign

    def _prefixed(self) -> tuple[Any, bool]:
        """A name with dots and numbers in brackets, perhaps called: its dotted text, or code of the call."""
        name = self._next()[1]
        while (mark := self._accept(".", "[")) is not None:
            kind, text = self._next()
            if kind != ("name" if mark == "." else "number"):
                raise self._unexpected()
            name += "." + text if mark == "." else f"[{text}]"
            if mark == "[":
                self._expect("]")
        if not self._accept("("):
            return name, False
        arguments: list[Code] = []
        if not self._accept(")"):
            arguments.append(self._expression())
            while self._accept(","):
                arguments.append(self._expression())
            self._expect(")")

        def call(twin: TspTwin) -> Value:
            return twin.call(name, [argument(twin) for argument in arguments])

        return call, True

    def _expression(self, level: int = 0) -> Code:
        if level == len(_POWERS):
            return self._unary()
        left = self._expression(level + 1)
        while (op := self._accept(*_POWERS[level])) is not None:
            left = _binary(op, left, self._expression(level + 1))
        return left

    def _unary(self) -> Code:
        if self._accept("-"):
            operand = self._unary()
            return lambda twin: -_numeric(operand(twin))
        kind, text = self._peek()
        if kind == "number":
            self._at += 1
            value = float(text)
            return lambda _: value
        if kind == "string":
            self._at += 1
            return lambda _: text[1:-1]
        if self._accept("("):
            inner = self._expression()
            self._expect(")")
            return inner
        if kind != "name" or text in _KEYWORDS:
            raise self._unexpected()
        if text in _CONSTANTS:
            self._at += 1
            return lambda _: _CONSTANTS[text]
        target, is_call = self._prefixed()
        return target if is_call else (lambda twin: twin.lookup(target))


def _numeric(value: Value) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TspError(
            RUNTIME_ERROR, f"TSP Runtime error at line 1: attempt to perform arithmetic on a {_kind(value)} value"
        )
    return float(value)


def _binary(op: str, left: Code, right: Code) -> Code:
    if op == "..":
        return lambda twin: shown(left(twin)) + shown(right(twin))
    if op in ("==", "~="):
        return lambda twin: (left(twin) == right(twin)) is (op == "==")
    act: dict[str, Callable[[float, float], Any]] = {
        "+": lambda a, b: a + b,
        "-": lambda a, b: a - b,
        "*": lambda a, b: a * b,
        "/": lambda a, b: a / b if b else float("inf"),
        "%": lambda a, b: a % b,
        "<": lambda a, b: a < b,
        ">": lambda a, b: a > b,
        "<=": lambda a, b: a <= b,
        ">=": lambda a, b: a >= b,
    }
    return lambda twin: act[op](_numeric(left(twin)), _numeric(right(twin)))


def _kind(value: Value) -> str:
    if value is None:
        return "nil"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, str):
        return "string"
    return "table" if isinstance(value, Path) else "number"


def shown(value: Value) -> str:
    """A value as `print` writes it: numbers as 1.00000e+00."""
    if value is None:
        return "nil"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return value
    if isinstance(value, Path):
        return f"table: {value.name}"
    return f"{value:.5e}"


def parse(source: str) -> list[Code]:
    """The statements of one message; `TspError` -285 where it cannot be parsed."""
    return _Parser(source).chunk()
