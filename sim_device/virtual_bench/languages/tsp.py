"""A TSP instrument: runs statements on its functions and attributes, and queues errors.

An unknown name is a runtime error (-286) in the error queue, a message that cannot be parsed a syntax error (-285).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import ClassVar, Final

from sim_device.virtual_bench.bounds import LONGEST_REMEMBERED
from sim_device.virtual_bench.languages.tsp_parser import loop_of, parse, run
from sim_device.virtual_bench.languages.tsp_values import (
    RUNTIME_ERROR,
    SYNTAX_ERROR,
    Code,
    Path,
    Table,
    TspError,
    Value,
    shown,
)

SEVERE: Final = 20.0


@dataclass
class Attribute:
    """A readable, perhaps writable name such as ``channel.connectrule``."""

    get: Callable[[], Value]
    set: Callable[[Value], None] | None = None


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
                code = parse(text)
                if len(text) <= LONGEST_REMEMBERED:
                    self._parsed[text] = code
            for number, statement in enumerate(code):
                loop = loop_of(statement(self))
                if loop is not None:
                    self._go_on(chain(loop, run(self, code[number + 1 :])))
                    break
        except TspError as error:
            self.errors.append((error.code, error.text))

    def _go_on(self, statements: Iterator[None]) -> None:
        """A loop and what follows it: at once, unless a box takes its time."""
        for _ in statements:
            continue

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

    def element(self, name: str, key: Value) -> Value:
        """``name[key]`` of a variable, or of a place of the instrument."""
        value = self._variables.get(name)
        if isinstance(value, Table):
            return value.element(key)
        if value is None and isinstance(key, float):
            return self.lookup(f"{name}[{key:g}]")
        raise TspError(RUNTIME_ERROR, f"TSP Runtime error at line 1: attempt to index global `{name}'")

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

    def _print(self, *values: Value) -> Value:
        self.replies.append(self.printing.join(self.shown(value) for value in self.spread(list(values))))
        return ()  # it gives nothing, not even nil

    def _next_error(self) -> Value:
        code, text = self.errors.popleft() if self.errors else (0, "Queue Is Empty")
        return float(code), text, SEVERE if code else 0.0, 1.0

    @staticmethod
    def _to_number(value: Value) -> Value:
        try:
            return float(value) if isinstance(value, str | float) else None
        except ValueError:
            return None
