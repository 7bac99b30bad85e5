"""Settings of a SCPI instrument as a table of header, kind, range and default, from which commands follow."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeAlias

from sim_device.virtual_bench.languages.scpi import ScpiTwin
from sim_device.virtual_bench.languages.scpi_tree import Arguments, CommandTree, Entry, Suffixes
from sim_device.virtual_bench.languages.scpi_values import ScpiError, boolean, choice, is_form_of, number, string

Bound: TypeAlias = float | Callable[["SettingsTwin", int], float]


@dataclass(frozen=True)
class Setting(ABC):
    """One setting: its `header` as the manual writes it and the `name` under which the twin keeps it."""

    header: str
    name: str

    @abstractmethod
    def default(self, twin: SettingsTwin, channel: int) -> Any:
        """Value after ``*RST``."""

    @abstractmethod
    def parse(self, twin: SettingsTwin, channel: int, text: str) -> Any:
        """Value of a parameter; `ScpiError` where the instrument would refuse it."""

    @abstractmethod
    def show(self, value: Any) -> str:
        """How the instrument answers the query."""

    def entry(self) -> Entry:
        """What the command tree needs."""

        def put(twin: ScpiTwin, suffixes: Suffixes, arguments: Arguments) -> None:
            assert isinstance(twin, SettingsTwin)
            twin.set_by_text(self.name, suffixes[0] if suffixes else 1, arguments)

        def query(twin: ScpiTwin, suffixes: Suffixes, arguments: Arguments) -> str:
            assert isinstance(twin, SettingsTwin)
            return twin.ask_by_text(self.name, suffixes[0] if suffixes else 1, arguments)

        return Entry(put, query)

    def parse_bound(self, twin: SettingsTwin, channel: int, text: str) -> Any:
        """Value of MIN, MAX or DEF in a query."""
        raise ScpiError(-108, "Parameter not allowed")


@dataclass(frozen=True)
class Number(Setting):
    """A number in `unit`, from `low` to `high`; each may depend on the twin's other settings."""

    unit: str
    low: Bound
    high: Bound
    start: Bound
    whole: bool = False

    def default(self, twin: SettingsTwin, channel: int) -> float:
        """`start`."""
        return _bound(self.start, twin, channel)

    def parse(self, twin: SettingsTwin, channel: int, text: str) -> float:
        """A number within the range; -222 beyond it."""
        if text[:1].isalpha() and text[:3].upper() != "INF":
            return self.parse_bound(twin, channel, text)
        value = number(text, self.unit)
        if not _bound(self.low, twin, channel) <= value <= _bound(self.high, twin, channel):
            raise ScpiError(-222, "Data out of range")
        return round(value) if self.whole else value

    def parse_bound(self, twin: SettingsTwin, channel: int, text: str) -> float:
        """MINimum, MAXimum or DEFault."""
        for keyword, bound in (("MINimum", self.low), ("MAXimum", self.high), ("DEFault", self.start)):
            if is_form_of(text, keyword):
                return _bound(bound, twin, channel)
        raise ScpiError(-224, "Illegal parameter value")

    def show(self, value: float) -> str:
        """Scientific notation; 9.9E+37 stands for infinity."""
        if self.whole:
            return str(int(value))
        return "9.900000E+37" if math.isinf(value) else f"{value:.6E}"


@dataclass(frozen=True)
class Derived(Number):
    """A number that is another way to say other settings, such as an amplitude for two levels: not kept by itself."""

    get: Callable[[SettingsTwin, int], float] = lambda _twin, _channel: 0.0
    apply: Callable[[SettingsTwin, int, float], None] = lambda _twin, _channel, _value: None

    def entry(self) -> Entry:
        """Set by `apply`, asked by `get`."""

        def put(twin: ScpiTwin, suffixes: Suffixes, arguments: Arguments) -> None:
            assert isinstance(twin, SettingsTwin)
            if len(arguments) != 1:
                raise (
                    ScpiError(-109, "Missing parameter") if not arguments else ScpiError(-108, "Parameter not allowed")
                )
            channel = suffixes[0] if suffixes else 1
            self.apply(twin, channel, self.parse(twin, channel, arguments[0]))

        def query(twin: ScpiTwin, suffixes: Suffixes, arguments: Arguments) -> str:
            assert isinstance(twin, SettingsTwin)
            channel = suffixes[0] if suffixes else 1
            value = self.parse_bound(twin, channel, arguments[0]) if arguments else self.get(twin, channel)
            return self.show(value)

        return Entry(put, query)


@dataclass(frozen=True)
class Flag(Setting):
    """ON or OFF, answered as 1 or 0."""

    start: bool = False

    def default(self, twin: SettingsTwin, channel: int) -> bool:
        """`start`."""
        return self.start

    def parse(self, twin: SettingsTwin, channel: int, text: str) -> bool:
        """ON, OFF, or a number."""
        return boolean(text)

    def show(self, value: bool) -> str:
        """1 or 0."""
        return "1" if value else "0"


@dataclass(frozen=True)
class Choice(Setting):
    """One of `keywords`, written like ``VOLTage``; the first is the default. Some boxes want and answer it quoted."""

    keywords: tuple[str, ...]
    quoted: bool = False

    def default(self, twin: SettingsTwin, channel: int) -> str:
        """The first keyword."""
        return choice(self.keywords[0], self.keywords)

    def parse(self, twin: SettingsTwin, channel: int, text: str) -> str:
        """Short form of a keyword; -224 for any other."""
        bare = string(text) if self.quoted or text[:1] in ('"', "'") else text
        return choice(bare, self.keywords)

    def show(self, value: str) -> str:
        """Short form, quoted where the instrument quotes it."""
        return f'"{value}"' if self.quoted else value


class SettingsTwin(ScpiTwin):
    """A SCPI instrument most of whose commands set and query values."""

    settings: tuple[Setting, ...] = ()
    channels: int = 1

    def __init__(self) -> None:
        super().__init__()
        self._by_name = {setting.name: setting for setting in self.settings}
        self._values: tuple[dict[str, Any], ...] = ()  # by channel; there is no channel 0
        self.restore_defaults()

    def restore_defaults(self) -> None:
        """Every setting to its default, in the order of the table."""
        self._values = tuple({} for _ in range(self.channels + 1))
        for setting in self.settings:
            for channel in range(1, self.channels + 1):
                self._values[channel][setting.name] = setting.default(self, channel)

    def value(self, name: str, channel: int = 1) -> Any:
        """The value of a setting."""
        return self._values[channel][name]

    def has(self, name: str, channel: int = 1) -> bool:
        """Whether there is a value of a setting yet: defaults may depend on each other."""
        return name in self._values[channel]

    def put(self, name: str, channel: int, value: Any) -> None:
        """Change a setting; what `changed` refuses is undone."""
        values = self._values[channel]
        before = values[name]
        values[name] = value
        try:
            self.changed(name, channel)
        except ScpiError:
            values[name] = before
            raise

    def set_by_text(self, name: str, channel: int, arguments: Arguments) -> None:
        """Change a setting as a command with these parameters does."""
        setting = self._by_name[name]
        if len(arguments) != 1:
            raise ScpiError(-109, "Missing parameter") if not arguments else ScpiError(-108, "Parameter not allowed")
        self.put(name, channel, setting.parse(self, channel, arguments[0]))

    def ask_by_text(self, name: str, channel: int, arguments: Arguments) -> str:
        """Answer as the query of a setting does."""
        setting = self._by_name[name]
        if arguments:
            return setting.show(setting.parse_bound(self, channel, arguments[0]))
        return setting.show(self.value(name, channel))

    def assign(self, name: str, channel: int, value: Any) -> None:
        """Change a setting that follows another one, without asking `changed`."""
        self._values[channel][name] = value

    def changed(self, name: str, channel: int) -> None:
        """A setting has changed: act on it, or raise `ScpiError` to refuse it."""


def add_settings(tree: CommandTree, settings: Iterable[Setting]) -> CommandTree:
    """Add the commands of `settings` to a tree."""
    for setting in settings:
        tree.add(setting.header, setting.entry())
    return tree


def _bound(bound: Bound, twin: SettingsTwin, channel: int) -> float:
    return bound(twin, channel) if callable(bound) else bound
