"""A small TSP interpreter: the part of Lua that remote control uses, over commands that an instrument lists.

Statements: assignments, calls and `print`; expressions: numbers, strings, true, false, nil, names with dots and numbers
in brackets, calls, arithmetic, comparison and concatenation. Anything else is a syntax error (-285) in the error queue,
an unknown name a runtime error (-286), as the instruments answer.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Final, TypeAlias

Value: TypeAlias = "float | str | bool | tuple[Any, ...] | Path | None"

SYNTAX_ERROR: Final = -285
RUNTIME_ERROR: Final = -286
SEVERE: Final = 20.0


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


@dataclass
class Attribute:
    """A readable, perhaps writable name such as ``channel.connectrule``."""

    get: Callable[[], Value]
    set: Callable[[Value], None] | None = None


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


class TspTwin:
    """A TSP instrument: a subclass lists `functions` and `attributes` by their dotted names."""

    model: str
    identity: str
    printing: ClassVar[str] = "\t"

    def __init__(self) -> None:
        self.errors: deque[tuple[int, str]] = deque()
        self.replies: deque[str] = deque()
        self._variables: dict[str, Value] = {}
        self._parsed: dict[str, list[Code]] = {}
        self.functions: dict[str, Callable[..., Value]] = dict(self._own_functions())
        self.attributes: dict[str, Attribute] = dict(self._own_attributes())
        self.functions |= {
            "print": self._print,
            "reset": self.reset,
            "waitcomplete": self.finish,
            "errorqueue.next": self._next_error,
            "errorqueue.clear": self.errors.clear,
            "tonumber": self._to_number,
            "tostring": shown,
        }
        self.attributes |= {
            "errorqueue.count": Attribute(lambda: float(len(self.errors))),
            "localnode.model": Attribute(lambda: self.model),
            "localnode.serialno": Attribute(lambda: self.identity.split(",")[2].strip()),
            "localnode.revision": Attribute(lambda: self.identity.split(",")[3].strip()),
        }
        names = [*self.functions, *self.attributes]
        self._tables = {name.rsplit(".", depth)[0] for name in names for depth in range(1, name.count(".") + 1)}

    # -- what a subclass tells -------------------------------------------------------------------------------------

    def _own_functions(self) -> Mapping[str, Callable[..., Value]]:
        return {}

    def _own_attributes(self) -> Mapping[str, Attribute]:
        return {}

    def reset(self) -> None:
        """``reset()``, ``*RST``: settings to their defaults."""

    def finish(self) -> None:
        """``waitcomplete()``, ``*OPC?``: wait until pending operations are complete."""

    # -- the line --------------------------------------------------------------------------------------------------

    def receive(self, message: str) -> None:
        """Run one message; errors go to the queue, what was printed before one stays printed."""
        text = message.strip()
        try:
            if text.startswith("*"):
                self._common(text.upper())
                return
            code = self._parsed.get(text)
            if code is None:
                if len(self._parsed) > 4096:
                    self._parsed.clear()
                code = self._parsed[text] = _Parser(text).chunk()
            for statement in code:
                statement(self)
        except TspError as error:
            self.errors.append((error.code, error.text))

    def transmit(self) -> str | None:
        """The next line that was printed, or None."""
        return self.replies.popleft() if self.replies else None

    def waiting(self) -> bool:
        """Whether a reply waits."""
        return bool(self.replies)

    def clear(self) -> None:
        """Device clear: forget what was printed."""
        self.replies.clear()

    def status_byte(self) -> int:
        """Error available (4), message available (16)."""
        return (4 if self.errors else 0) | (16 if self.replies else 0)

    def _common(self, text: str) -> None:
        if text == "*IDN?":
            self.replies.append(self.identity)
        elif text == "*RST":
            self.reset()
        elif text == "*CLS":
            self.errors.clear()
        elif text == "*OPC?":
            self.finish()
            self.replies.append("1")
        elif text == "*WAI":
            self.finish()
        elif text == "*STB?":
            self.replies.append(str(self.status_byte()))
        else:
            raise TspError(SYNTAX_ERROR, f"TSP Syntax error at line 1: unexpected symbol near `{text[:1]}'")

    # -- names -----------------------------------------------------------------------------------------------------

    def lookup(self, name: str) -> Value:
        """Value of a name; nil for an unknown one, an error for a field of an unknown one."""
        attribute = self.attributes.get(name)
        if attribute is not None:
            return attribute.get()
        if name in self._variables:
            return self._variables[name]
        if name in self._tables or name in self.functions:
            return Path(name)
        self._check_table(name)
        return None

    def assign(self, name: str, value: Value) -> None:
        """Set an attribute or a global variable."""
        attribute = self.attributes.get(name)
        if attribute is not None:
            if attribute.set is None:
                raise TspError(RUNTIME_ERROR, f"TSP Runtime error at line 1: {name} is read-only")
            attribute.set(value)
        elif "." in name or name in self._tables or name in self.functions:
            self._check_table(name)
            raise TspError(RUNTIME_ERROR, f"TSP Runtime error at line 1: cannot assign to `{name}'")
        else:
            self._variables[name] = value

    def call(self, name: str, arguments: list[Value]) -> Value:
        """Call a function of the instrument."""
        function = self.functions.get(name)
        if function is None:
            self._check_table(name)
            what = "field" if "." in name else "global"
            raise TspError(
                RUNTIME_ERROR,
                f"TSP Runtime error at line 1: attempt to call {what} `{name.rsplit('.')[-1]}' (a nil value)",
            )
        try:
            return function(*arguments)
        except TypeError:
            raise TspError(RUNTIME_ERROR, f"TSP Runtime error at line 1: wrong parameters for {name}") from None

    def _check_table(self, name: str) -> None:
        parent = name.rpartition(".")[0]
        if parent and parent not in self._tables:
            raise TspError(
                RUNTIME_ERROR,
                f"TSP Runtime error at line 1: attempt to index global `{parent.split('.')[0]}' (a nil value)",
            )

    @staticmethod
    def spread(values: list[Value]) -> list[Value]:
        """Values of a list of expressions: a call in the middle gives its first result, the last one all of them."""
        flat: list[Value] = []
        for at, value in enumerate(values):
            if not isinstance(value, tuple):
                flat.append(value)
            elif at == len(values) - 1:
                flat.extend(value)
            else:
                flat.append(value[0] if value else None)
        return flat

    def digits(self) -> int:
        """Significant digits that `print` writes."""
        return 6

    def shown(self, value: Value) -> str:
        """A value as `print` writes it: numbers as 1.00000e+00."""
        if isinstance(value, float):
            return f"{value:.{self.digits() - 1}e}"
        return shown(value)

    # -- functions that every box has ------------------------------------------------------------------------------

    def _print(self, *values: Value) -> None:
        self.replies.append(self.printing.join(self.shown(value) for value in self.spread(list(values))))

    def _next_error(self) -> Value:
        code, text = self.errors.popleft() if self.errors else (0, "Queue Is Empty")
        return float(code), text, SEVERE if code else 0.0, 1.0

    @staticmethod
    def _to_number(value: Value) -> Value:
        try:
            return float(value) if isinstance(value, str | float) else None
        except ValueError:
            return None
