"""Drivers by name: module, class and roles of each; a driver is imported only when asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from importlib import import_module
from types import MappingProxyType

from instruments.errors import InputError
from instruments.roles import InstrumentRole


@dataclass(frozen=True)
class MatrixSize:
    """What a matrix has: slots, and on the card in each, row letters and columns counted from 1."""

    slots: int
    rows: str
    columns: int


@dataclass(frozen=True)
class Known:
    """A driver: `place` as module:class inside this package, and what a station needs to know without importing it.

    Attributes
    ----------
    role
        What it is on a bench: "generator", "smu" or "matrix".
    identity
        Text that the answer to ``*IDN?`` must contain, in any case.
    title
        The instrument as a person calls it.
    size
        Of a matrix.
    box
        Drivers that say the same here play roles of one box, whose resource two roles may name; "" for a box alone.
    channels
        Numbers of `InstrumentEntry.channel`, the first of them where none is given; empty where there is no choice.
    part
        Of its box, where there is no choice.
    """

    place: str
    role: str
    identity: str
    title: str
    size: MatrixSize | None = None
    box: str = ""
    channels: tuple[int, ...] = ()
    part: int = 0

    def place_in_box(self, channel: int | None) -> int:
        """Which part of the box a role takes: two roles never share one. A B1500A's 101 is a part of slot 1."""
        number = channel or (self.channels[0] if self.channels else self.part)
        return number // 100 if number > 100 else number


TAKES_TURNS = "-pulses"  # names of drivers that pulse on the output on which the driver without this measures


_KNOWN = {
    "keithley-2400": Known(
        "keithley_2400:Keithley2400", "smu", "MODEL 2400", "Keithley 2400 source-measure unit", box="keithley-2400"
    ),
    "keithley-2400-pulses": Known(
        "common.smu_pulses:Keithley2400Pulses",
        "generator",
        "MODEL 2400",
        "Keithley 2400 as a slow pulse source",
        box="keithley-2400",
    ),
    "keithley-2450": Known(
        "keithley_2450.smu:Keithley2450", "smu", "MODEL 2450", "Keithley 2450 source-measure unit", box="keithley-2450"
    ),
    "keithley-2450-pulses": Known(
        "common.smu_pulses:Keithley2450Pulses",
        "generator",
        "MODEL 2450",
        "Keithley 2450 as a slow pulse source",
        box="keithley-2450",
    ),
    "keithley-2600b": Known(
        "keithley_2600b.smu:Keithley2600B", "smu", "MODEL 26", "Keithley 2600B, channel A", box="keithley-2600b", part=1
    ),
    "keithley-2600b-channel-b": Known(
        "keithley_2600b.smu:Keithley2600BChannelB",
        "smu",
        "MODEL 26",
        "Keithley 2600B, channel B",
        box="keithley-2600b",
        part=2,
    ),
    "keithley-2600b-channel-b-pulses": Known(
        "keithley_2600b.pulses:Keithley2600BChannelBPulses",
        "generator",
        "MODEL 26",
        "Keithley 2600B, channel B as a slow pulse source",
        box="keithley-2600b",
        part=2,
    ),
    "keithley-7001": Known(
        "keithley_7001:Keithley7001", "matrix", "MODEL 7001", "Keithley 7001 switch system", MatrixSize(2, "ABCD", 10)
    ),
    "keithley-707b": Known(
        "keithley_707b:Keithley707B", "matrix", "707B", "Keithley 707B switching matrix", MatrixSize(6, "ABCDEFGH", 12)
    ),
    "keysight-33500b": Known(
        "keysight_33500b:Keysight33500B", "generator", ",335", "Keysight 33500B waveform generator"
    ),
    "keysight-33500b-halves": Known(
        "half_select:HalfSelect33500B", "generator", ",335", "Keysight 33500B, both channels as half-select voltages"
    ),
    "keysight-33600a": Known(
        "keysight_33500b:Keysight33600A", "generator", ",336", "Keysight 33600A waveform generator"
    ),
    "keysight-33600a-halves": Known(
        "half_select:HalfSelect33600A", "generator", ",336", "Keysight 33600A, both channels as half-select voltages"
    ),
    "keysight-81160a": Known(
        "keysight_81160a:Keysight81160A", "generator", "81160A", "Keysight 81160A pulse generator"
    ),
    "keysight-81160a-halves": Known(
        "half_select:HalfSelect81160A", "generator", "81160A", "Keysight 81160A, both channels as half-select voltages"
    ),
    "keysight-b1500a-smu": Known(
        "keysight_b1500a.smu:KeysightB1500ASmu",
        "smu",
        "B1500A",
        "Keysight B1500A, a source-measure unit",
        box="keysight-b1500a",
        channels=(2, 1, 3, 4, 5, 6, 7, 8, 9, 10),
    ),
    "keysight-b1500a-spgu": Known(
        "keysight_b1500a.spgu:KeysightB1500ASpgu",
        "generator",
        "B1500A",
        "Keysight B1500A, a channel of an HV-SPGU",
        box="keysight-b1500a",
        channels=tuple(100 * slot + sub for slot in range(1, 11) for sub in (1, 2)),
    ),
    "keysight-b2902b": Known(
        "keysight_b2902b.smu:KeysightB2902B",
        "smu",
        "B29",
        "Keysight B2900 source-measure unit, channel 1",
        box="keysight-b2900",
    ),
    "keysight-b2902b-pulses": Known(
        "common.smu_pulses:KeysightB2902BPulses",
        "generator",
        "B29",
        "Keysight B2900 as a slow pulse source, channel 1",
        box="keysight-b2900",
    ),
    "tektronix-afg31000": Known(
        "tektronix_afg31000:TektronixAFG31000", "generator", "TEKTRONIX,AFG3", "Tektronix AFG31000 or AFG3000 generator"
    ),
}


def known() -> Mapping[str, Known]:
    """All drivers by name."""
    return MappingProxyType(_KNOWN)


def load(name: str) -> type[InstrumentRole]:
    """The class of a driver; `InputError` lists the known names and the nearest."""
    if name not in _KNOWN:
        near = get_close_matches(name.lower(), _KNOWN, n=1, cutoff=0.4)
        hint = f"; did you mean {near[0]!r}?" if near else "."
        raise InputError(f"no driver is called {name!r}{hint} Known are {', '.join(sorted(_KNOWN))}")
    module, cls = _KNOWN[name].place.split(":")
    found: type[InstrumentRole] = getattr(import_module(f"instruments.drivers.{module}"), cls)
    return found
