"""The command tree of a SCPI instrument: headers as in manuals, matched in short or long form."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, TypeAlias

from sim_device.virtual_bench.languages.scpi_values import ScpiError, short_form

Arguments: TypeAlias = tuple[str, ...]
Suffixes: TypeAlias = tuple[int, ...]
Handler: TypeAlias = Callable[[Any, Suffixes, Arguments], "str | None"]  # of the twin whose command it is


@dataclass
class Entry:
    """What a header does: `set` when it comes as a command, `query` when it ends in a question mark."""

    set: Handler | None = None
    query: Handler | None = None


@dataclass
class _Node:
    """One keyword of the command tree; `slots` tells which numeric suffix each keyword on the way here fills."""

    children: dict[str, _Node] = field(default_factory=dict[str, "_Node"])
    entry: Entry | None = None
    slots: tuple[int | None, ...] = ()
    suffixes: tuple[int, ...] = ()  # largest allowed value of each numeric suffix


class CommandTree:
    """Headers as manuals write them, such as ``[:SOURce]:VOLTage#2[:LEVel][:IMMediate]:HIGH``.

    Upper case is the short form, brackets mean optional, ``#2`` a numeric suffix of 1 or 2 that defaults to 1.
    """

    def __init__(self) -> None:
        self._root = _Node()

    def add(self, pattern: str, entry: Entry) -> None:
        """Add a header; both its forms, with and without each optional keyword, lead to `entry`."""
        parts = _PART.findall(pattern)
        suffixes = tuple(int(most) for _, _, most in parts if most)
        self._insert(self._root, list(_numbered(parts)), (), entry, suffixes)

    def _insert(
        self, node: _Node, parts: list[_Keyword], slots: tuple[int | None, ...], entry: Entry, suffixes: tuple[int, ...]
    ) -> None:
        if not parts:
            node.entry, node.slots, node.suffixes = entry, slots, suffixes
            return
        first, rest = parts[0], parts[1:]
        if first.optional:
            self._insert(node, rest, slots, entry, suffixes)
        child = node.children.get(first.short) or node.children.get(first.long) or _Node()
        node.children[first.short] = node.children[first.long] = child
        self._insert(child, rest, (*slots, first.slot), entry, suffixes)

    def find(self, keywords: tuple[str, ...]) -> tuple[Entry, Suffixes]:
        """The entry of a header and its numeric suffixes; `ScpiError` -113 or -114."""
        node = self._root
        given: list[int | None] = []
        for keyword in keywords:
            child, number = node.children.get(keyword), None
            if child is None:
                bare = keyword.rstrip("0123456789")
                child = node.children.get(bare)
                number = int(keyword[len(bare) :]) if len(bare) < len(keyword) else None
            if child is None:
                raise ScpiError(-113, "Undefined header")
            given.append(number)
            node = child
        if node.entry is None:
            raise ScpiError(-113, "Undefined header")
        return node.entry, _suffixes(node, given)


class _Keyword(NamedTuple):
    short: str
    long: str
    optional: bool
    slot: int | None


_PART: Final = re.compile(r"(\[?):?([A-Za-z*]+)(?:#(\d+))?\]?")


def _numbered(parts: list[tuple[str, str, str]]) -> list[_Keyword]:
    keywords: list[_Keyword] = []
    slot = 0
    for bracket, word, most in parts:
        keywords.append(_Keyword(short_form(word), word.upper(), bool(bracket), slot if most else None))
        slot += bool(most)
    return keywords


def _suffixes(node: _Node, given: list[int | None]) -> Suffixes:
    values = [1] * len(node.suffixes)
    for slot, number in zip(node.slots, given, strict=True):
        if number is None:
            continue
        if slot is None:
            # A keyword without a suffix of its own takes a 1, as SCPI-1999 6.2.5.2 says of the default.
            if number != 1:
                raise ScpiError(-113, "Undefined header")
        elif 1 <= number <= node.suffixes[slot]:
            values[slot] = number
        else:
            raise ScpiError(-114, "Header suffix out of range")
    return tuple(values)
