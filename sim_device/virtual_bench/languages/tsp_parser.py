"""The part of Lua that TSP remote control uses, turned into code that runs on a twin.

Statements: assignments, calls, `print` and numeric `for` loops; expressions: numbers, strings, true, false, nil, names
with dots and numbers in brackets, lists in braces and their elements, calls, arithmetic, comparison and concatenation.
Anything else is a syntax error (-285) in the error queue, an unknown name a runtime error (-286), as the instruments
answer.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final, Protocol, cast

from sim_device.virtual_bench.languages.tsp_values import SYNTAX_ERROR, Code, Table, TspError, Value, binary, numeric


class Names(Protocol):
    """What code runs on: something that knows names, as `tsp.TspTwin` does."""

    def lookup(self, name: str) -> Value:
        """What a name stands for; nil where it is unknown."""
        ...

    def element(self, name: str, key: Value) -> Value:
        """``name[key]``."""
        ...

    def assign(self, name: str, value: Value) -> None:
        """Give a name another value."""
        ...

    def call(self, name: str, arguments: list[Value]) -> Value:
        """Call a function."""
        ...

    def spread(self, values: list[Value]) -> list[Value]:
        """Values of a list of expressions: the last one gives all its results."""
        ...


_TOKEN: Final = re.compile(
    r"\s*(?:(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)|(?P<string>\"[^\"\n]*\"|'[^'\n]*')|(?P<name>[A-Za-z_]\w*)"
    r"|(?P<op>\.\.|==|~=|<=|>=|[-+*/%<>=().,;\[\]{}]))"
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
        return self._statements(("end", "<eof>"))

    def _statements(self, until: tuple[str, str]) -> list[Code]:
        statements: list[Code] = []
        while self._peek() != until:
            statements.append(self._statement())
            self._accept(";")
        self._next()
        return statements

    def _loop(self) -> Code:
        """``for k = first, last[, step] do ... end``; its code gives an iterator that stops after each statement."""
        self._next()
        kind, name = self._next()
        if kind != "name" or name in _KEYWORDS or name in _CONSTANTS:
            raise self._unexpected()
        self._expect("=")
        bounds = [self._expression()]
        while len(bounds) < 3 and self._accept(","):
            bounds.append(self._expression())
        if len(bounds) < 2 or self._next() != ("name", "do"):
            raise self._unexpected()
        body = self._statements(("name", "end"))

        def loop(twin: Names) -> Iterator[None]:
            first, last, step = (*(numeric(bound(twin)) for bound in bounds), 1.0)[:3]
            return _looped(twin, name, (first, last, step), body)

        return loop

    def _statement(self) -> Code:
        kind, text = self._peek()
        if (kind, text) == ("name", "for"):
            return self._loop()
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

        def assign(twin: Names) -> None:
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

        def call(twin: Names) -> Value:
            return twin.call(name, [argument(twin) for argument in arguments])

        return call, True

    def _expression(self, level: int = 0) -> Code:
        if level == len(_POWERS):
            return self._unary()
        left = self._expression(level + 1)
        while (op := self._accept(*_POWERS[level])) is not None:
            left = binary(op, left, self._expression(level + 1))
        return left

    def _unary(self) -> Code:
        if self._accept("-"):
            operand = self._unary()
            return lambda twin: -numeric(operand(twin))
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
        if self._accept("{"):
            return self._table()
        if kind != "name" or text in _KEYWORDS:
            raise self._unexpected()
        if text in _CONSTANTS:
            self._at += 1
            return lambda _: _CONSTANTS[text]
        if self._tokens[self._at + 1 : self._at + 2] == [("op", "[")]:
            return self._element()
        target, is_call = self._prefixed()
        return target if is_call else (lambda twin: twin.lookup(target))

    def _table(self) -> Code:
        """``{a, b, c}``: a list of values, the braces opened already."""
        items: list[Code] = []
        while not self._accept("}"):
            items.append(self._expression())
            if not self._accept(","):
                self._expect("}")
                break
        return lambda twin: Table(tuple(twin.spread([item(twin) for item in items])))

    def _element(self) -> Code:
        """``name[expression]``, an element of a variable; a place of the instrument, such as ``slot[1].x``, else."""
        began = self._at
        name = self._next()[1]
        self._next()
        key = self._expression()
        self._expect("]")
        if self._peek() in (("op", "."), ("op", "["), ("op", "(")):
            self._at = began
            target, is_call = self._prefixed()
            return target if is_call else (lambda twin: twin.lookup(target))
        return lambda twin: twin.element(name, key(twin))


def run(twin: Names, code: list[Code]) -> Iterator[None]:
    """Statement after statement, those of loops among them."""
    for statement in code:
        loop = loop_of(statement(twin))
        if loop is None:
            yield
        else:
            yield from loop


def loop_of(result: object) -> Iterator[None] | None:
    """The iterator that the code of a loop has given; None of another statement."""
    return cast("Iterator[None]", result) if isinstance(result, Iterator) else None


def _looped(twin: Names, name: str, bounds: tuple[float, float, float], body: list[Code]) -> Iterator[None]:
    """The body for each value; the variable is the loop's own, what has its name outside is left as it was."""
    value, last, step = bounds
    outside = twin.lookup(name)
    try:
        while value <= last if step > 0 else value >= last:
            twin.assign(name, value)
            yield from run(twin, body)
            value += step
    finally:
        twin.assign(name, outside)


def parse(source: str) -> list[Code]:
    """The statements of one message; `TspError` -285 where it cannot be parsed."""
    return _Parser(source).chunk()
