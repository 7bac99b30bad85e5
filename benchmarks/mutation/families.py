"""Families of faults that are made wherever they can be: found in the syntax tree of a file, changed in its text."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import accumulate

CHECKS = ("check", "_check", "verify", "_verify", "refuse")
ENDS = {"off", "safe", "generator_off", "smu_off", "_bias_off", "end_sequence", "close", "release", "end", "switch_off"}
OPPOSITE = {ast.Lt: ("<", "<="), ast.LtE: ("<=", "<"), ast.Gt: (">", ">="), ast.GtE: (">=", ">")}
SHOWN = 60  # characters of the code in a name


@dataclass(frozen=True)
class Place:
    """Where `mutated` stands in place of the characters `start` to `end`, in which function, and in `words` what."""

    function: str
    start: int
    end: int
    mutated: str
    words: str


@dataclass(frozen=True)
class Family:
    """Faults of one kind: a `title` for their names, what they break, and how their places are found."""

    title: str
    breaks: str
    places: Callable[[str], Iterator[Place]]


class Text:
    """Source with the way from the places of its syntax tree to those of its characters."""

    def __init__(self, source: str) -> None:
        self.source = source
        lines = source.splitlines(keepends=True)
        self._begins = [0, *accumulate(len(line) for line in lines)]
        self._lines = lines
        self.functions = list(_functions(ast.parse(source), ""))

    def span(self, node: ast.AST) -> tuple[int, int]:
        """Characters of a node; the tree counts in bytes of UTF-8."""
        return self._at(node.lineno, node.col_offset), self._at(node.end_lineno, node.end_col_offset)  # type: ignore[attr-defined]

    def _at(self, line: int, column: int) -> int:
        return self._begins[line - 1] + len(self._lines[line - 1].encode()[:column].decode())

    def place(self, function: str, node: ast.AST, mutated: str) -> Place:
        """A node that becomes something else."""
        start, end = self.span(node)
        return Place(function, start, end, mutated, _words(self.source[start:end]))


def _words(code: str) -> str:
    one_line = re.sub(r"\s+", " ", code)
    return one_line if len(one_line) <= SHOWN else one_line[: SHOWN - 3] + "..."


def _functions(node: ast.AST, inside: str) -> Iterator[tuple[str, ast.FunctionDef]]:
    """Every function with its name, those within others excluded: they belong to the outer one."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.ClassDef):
            yield from _functions(child, f"{inside}{child.name}.")
        elif isinstance(child, ast.FunctionDef):
            yield inside + child.name, child


def _is_simple(node: ast.stmt) -> bool:
    """Whether it does something and can be left out by itself."""
    if isinstance(node, ast.Expr):
        return not isinstance(node.value, ast.Constant | ast.Yield | ast.YieldFrom)
    return isinstance(node, ast.Assign | ast.AugAssign)


def checks(source: str) -> Iterator[Place]:
    """Every statement that calls a check, left out."""
    text = Text(source)
    for name, function in text.functions:
        for node in ast.walk(function):
            if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) and _called(node.value):
                yield text.place(name, node, "pass")


def _called(call: ast.Call) -> bool:
    function = call.func
    name = (
        function.attr if isinstance(function, ast.Attribute) else function.id if isinstance(function, ast.Name) else ""
    )
    return name.startswith(CHECKS)


def refusals(source: str) -> Iterator[Place]:
    """Every `if` that ends in a raise, never true."""
    text = Text(source)
    for name, function in text.functions:
        for node in ast.walk(function):
            if isinstance(node, ast.If) and isinstance(node.body[-1], ast.Raise):
                yield text.place(name, node.test, "False")


def boundaries(source: str) -> Iterator[Place]:
    """Every comparison of less and more with its equal sign taken away or added."""
    text = Text(source)
    for name, function in text.functions:
        for node in ast.walk(function):
            if not isinstance(node, ast.Compare):
                continue
            sides = [node.left, *node.comparators]
            for before, sign, after in zip(sides, node.ops, sides[1:], strict=False):
                if type(sign) in OPPOSITE:
                    this, other = OPPOSITE[type(sign)]
                    start = text.source.index(this, text.span(before)[1], text.span(after)[0])
                    said = f"{this} becomes {other} in {_words(source[slice(*text.span(node))])}"
                    yield Place(name, start, start + len(this), other, said)


def endings(source: str) -> Iterator[Place]:
    """Every simple statement of a function that switches off or closes, and of every `finally`, left out."""
    text = Text(source)
    for name, function in text.functions:
        whole = name.rsplit(".", 1)[-1] in ENDS
        bodies = (
            [function.body] if whole else [node.finalbody for node in ast.walk(function) if isinstance(node, ast.Try)]
        )
        for node in (node for body in bodies for statement in body for node in ast.walk(statement)):
            if isinstance(node, ast.stmt) and _is_simple(node):
                yield text.place(name, node, "pass")


FAMILIES = {
    "checks": Family("check left out", "what is beyond a limit, or not as it should be, is not refused", checks),
    "refusals": Family("never refused", "what must be refused with an error is done", refusals),
    "boundaries": Family("boundary", "what is exactly at a limit is on the wrong side of it", boundaries),
    "endings": Family("left out", "an output, a relay, a file or a lock stays as it was at an end", endings),
}
