"""The commands of the B2902B twin that measure, read buffers, and run lists.

Source: Keysight B2900 Series SCPI Command Reference, chapter 4 (subsystems).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

from sim_device.virtual_bench.boxes.common.meter import LINE_FREQUENCY
from sim_device.virtual_bench.boxes.keysight_b2902b.smu import ACQUIRE, ELEMENTS, TRANSIENT, KeysightB2902BTwin
from sim_device.virtual_bench.languages.scpi import ScpiTwin
from sim_device.virtual_bench.languages.scpi_common import no_arguments
from sim_device.virtual_bench.languages.scpi_tree import Arguments, Entry, Handler, Suffixes
from sim_device.virtual_bench.languages.scpi_values import ScpiError, choice, number, string

Act: TypeAlias = Callable[[KeysightB2902BTwin, int, Arguments], str | None]


def _on(act: Act) -> Handler:
    def handler(twin: ScpiTwin, suffixes: Suffixes, arguments: Arguments) -> str | None:
        assert isinstance(twin, KeysightB2902BTwin)
        return act(twin, suffixes[0] if suffixes else 1, arguments)

    return handler


def _channel(arguments: Arguments) -> int:
    """The one channel of a list ``(@1)``; channel 1 where there is none."""
    if not arguments:
        return 1
    inside = arguments[0].strip().removeprefix("(@").removesuffix(")").strip()
    if inside not in ("1", "2"):
        raise ScpiError(-222, "Data out of range; the twin takes one channel at a time")
    return int(inside)


def _functions(twin: KeysightB2902BTwin, channel: int, arguments: Arguments) -> None:
    if not arguments:
        raise ScpiError(-109, "Missing parameter")
    twin.functions[channel - 1] = [choice(string(a), ("VOLTage", "CURRent", "RESistance")) for a in arguments]


def _set_elements(twin: KeysightB2902BTwin, _: int, arguments: Arguments) -> None:
    twin.elements = tuple(choice(text, ELEMENTS) for text in arguments)


def _read(*, latest: bool) -> Handler:
    def act(twin: KeysightB2902BTwin, _: int, arguments: Arguments) -> str:
        twin.acquire(_channel(arguments))
        return twin.taken[-1] if latest else ",".join(twin.taken)

    return _on(act)


def _fetch(*, latest: bool) -> Handler:
    def act(twin: KeysightB2902BTwin, _: int, arguments: Arguments) -> str:
        _channel(arguments)
        if not twin.taken:
            raise ScpiError(-230, "Data corrupt or stale")
        return twin.taken[-1] if latest else ",".join(twin.taken)

    return _on(act)


def _tripped(other: str) -> Handler:
    def act(twin: KeysightB2902BTwin, channel: int, _: Arguments) -> str:
        limited = channel == 1 and twin.output_on and twin.value("source") != other
        return "1" if limited and twin.circuit.smu_reads()[2] else "0"

    return _on(act)


def _both(what: str) -> Entry:
    """``[:ALL]``: the same for the transient and the acquire action; the query answers for the latter."""

    def put(twin: KeysightB2902BTwin, channel: int, arguments: Arguments) -> None:
        for action in (TRANSIENT, ACQUIRE):
            twin.set_by_text(f"{action} {what}", channel, arguments)

    def ask(twin: KeysightB2902BTwin, channel: int, arguments: Arguments) -> str:
        return twin.ask_by_text(f"{ACQUIRE} {what}", channel, arguments)

    return Entry(_on(put), _on(ask))


def _pin(what: str, words: tuple[str, ...] | None) -> Entry:
    """A setting of a pin of the digital I/O connector: one of `words`, or a time."""

    def put(twin: KeysightB2902BTwin, pin: int, arguments: Arguments) -> None:
        given = _one(arguments)
        if words is None and not 1e-5 <= number(given, "S") <= 1e-2:
            raise ScpiError(-222, "Data out of range")
        twin.lists.pins[pin, what] = f"{number(given, 'S'):.6E}" if words is None else choice(given, words)

    return Entry(_on(put), _on(lambda twin, pin, _: twin.lists.pins.get((pin, what), words[0] if words else "1E-04")))


def _initiate(twin: KeysightB2902BTwin, _: int, arguments: Arguments) -> None:
    channel = _channel(arguments)
    if channel == 1 and (twin.value("VOLT mode") == "LIST" or twin.value("shape") == "PULS"):
        twin.lists.begin()
    else:
        twin.acquire(channel)


def _abort(twin: KeysightB2902BTwin, _: int, arguments: Arguments) -> None:
    if _channel(arguments) == 1:
        twin.lists.end()


def _levels(arguments: Arguments) -> list[float]:
    if not arguments:
        raise ScpiError(-109, "Missing parameter")
    try:
        return [float(text) for text in arguments]
    except ValueError:
        return [number(text, "V") for text in arguments]


def _list(twin: KeysightB2902BTwin, channel: int, arguments: Arguments) -> None:
    twin.lists.put(channel, _levels(arguments))


def _append(twin: KeysightB2902BTwin, channel: int, arguments: Arguments) -> None:
    twin.lists.put(channel, [*twin.lists.levels(channel), *_levels(arguments)])


def _one(arguments: Arguments) -> str:
    if len(arguments) != 1:
        raise ScpiError(-109, "Missing parameter")
    return arguments[0]


def _feed(_: KeysightB2902BTwin, __: int, arguments: Arguments) -> None:
    choice(_one(arguments), ("SENSe",))  # results of calculations are not modelled


def _control(twin: KeysightB2902BTwin, channel: int, arguments: Arguments) -> None:
    twin.lists.trace(channel).writing = choice(_one(arguments), ("NEXT", "NEVer")) == "NEXT"


def _points(twin: KeysightB2902BTwin, channel: int, arguments: Arguments) -> None:
    twin.lists.trace(channel).resize(number(_one(arguments)))


def _data(twin: KeysightB2902BTwin, channel: int, arguments: Arguments) -> str:
    if arguments:
        raise ScpiError(-108, "Parameter not allowed; the twin gives all of the buffer")
    return twin.lists.data(channel)


_ENTRIES: Final = {
    ":SENSe#2:FUNCtion[:ON]": Entry(
        _on(_functions), _on(lambda twin, channel, _: ",".join(f'"{f}"' for f in twin.functions[channel - 1]))
    ),
    ":FORMat:ELEMents:SENSe": Entry(_on(_set_elements), _on(lambda twin, _, __: ",".join(twin.elements))),
    ":INITiate[:IMMediate][:ALL]": Entry(set=_on(_initiate)),
    ":ABORt[:ALL]": Entry(set=_on(_abort)),
    "[:SOURce#2]:LIST:VOLTage": Entry(_on(_list), _on(lambda twin, channel, _: twin.lists.shown(channel))),
    "[:SOURce#2]:LIST:VOLTage:APPend": Entry(set=_on(_append)),
    "[:SOURce#2]:LIST:VOLTage:POINts": Entry(query=_on(lambda twin, channel, _: str(len(twin.lists.levels(channel))))),
    ":TRACe#2:CLEar": Entry(set=_on(lambda twin, channel, _: twin.lists.trace(channel).clear())),
    ":TRACe#2:FEED": Entry(_on(_feed), _on(lambda _, __, ___: "SENS")),
    ":TRACe#2:FEED:CONTrol": Entry(
        _on(_control), _on(lambda twin, channel, _: "NEXT" if twin.lists.trace(channel).writing else "NEV")
    ),
    ":TRACe#2:POINts": Entry(_on(_points), _on(lambda twin, channel, _: str(twin.lists.trace(channel).size))),
    ":TRACe#2:POINts:ACTual": Entry(query=_on(lambda twin, channel, _: str(twin.lists.held(channel)))),
    ":TRACe#2:DATA": Entry(query=_on(_data)),
    ":STATus:QUEStionable[:EVENt]": Entry(query=_on(lambda twin, _, __: str(twin.lists.questionable()))),
    "[:SOURce]:DIGital:EXTernal#14:FUNCtion": _pin("function", ("DIO", "TOUT", "TINP", "HVOL")),
    "[:SOURce]:DIGital:EXTernal#14:POLarity": _pin("polarity", ("POSitive", "NEGative")),
    "[:SOURce]:DIGital:EXTernal#14:TOUTput:TYPE": _pin("type", ("EDGE", "LEVel")),
    "[:SOURce]:DIGital:EXTernal#14:TOUTput[:EDGE]:POSition": _pin("position", ("BEFore", "AFTer", "BOTH")),
    "[:SOURce]:DIGital:EXTernal#14:TOUTput[:EDGE]:WIDTh": _pin("width", None),
    ":TRIGger#2[:ALL]:SOURce[:SIGNal]": _both("source"),
    ":TRIGger#2[:ALL]:COUNt": _both("count"),
    ":TRIGger#2[:ALL]:TIMer": _both("timer"),
    ":TRIGger#2[:ALL]:DELay": _both("delay"),
    ":READ[:SCALar]": Entry(query=_read(latest=True)),
    ":READ:ARRay": Entry(query=_read(latest=False)),
    ":MEASure": Entry(query=_read(latest=True)),
    ":FETCh[:SCALar]": Entry(query=_fetch(latest=True)),
    ":FETCh:ARRay": Entry(query=_fetch(latest=False)),
    ":SENSe#2:CURRent[:DC]:PROTection:TRIPped": Entry(query=_tripped("CURR")),
    ":SENSe#2:VOLTage[:DC]:PROTection:TRIPped": Entry(query=_tripped("VOLT")),
    ":SYSTem:LFRequency": Entry(query=no_arguments(lambda _: f"{LINE_FREQUENCY:.0f}")),
}
for _header, _entry in _ENTRIES.items():
    KeysightB2902BTwin.tree.add(_header, _entry)
