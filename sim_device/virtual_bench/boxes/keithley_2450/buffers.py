"""The commands of the 2450 twin that measure and read buffers: READ, MEASure, FETCh, TRACe, TRIGger:LOAD, INITiate.

Source: Model 2450 Reference Manual, 2450-901-01 Rev. B, section 6.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final, TypeAlias

from sim_device.virtual_bench.boxes.common.meter import LINE_FREQUENCY
from sim_device.virtual_bench.boxes.keithley_2450.smu import BUFFER, Keithley2450Twin, Plan, Reading
from sim_device.virtual_bench.languages.scpi import ScpiTwin
from sim_device.virtual_bench.languages.scpi_common import no_arguments
from sim_device.virtual_bench.languages.scpi_tree import Arguments, Entry, Handler, Suffixes
from sim_device.virtual_bench.languages.scpi_values import ScpiError, boolean, choice, number, string

ELEMENTS: Final = (
    "READing", "SOURce", "SOURSTATus", "STATus", "RELative", "UNIT", "SOURUNIT", "SOURFORMatted", "FORMatted",
    "SEConds", "FRACtional", "DATE", "TIME", "TSTamp",
)  # fmt: skip
START: Final = datetime(2024, 1, 1, tzinfo=UTC)  # when the clock of a twin was set

Act: TypeAlias = Callable[[Keithley2450Twin, Arguments], str | None]


def _on_2450(act: Act) -> Handler:
    def handler(twin: ScpiTwin, _: Suffixes, arguments: Arguments) -> str | None:
        assert isinstance(twin, Keithley2450Twin)
        return act(twin, arguments)

    return handler


@lru_cache(maxsize=256)
def _elements(arguments: Arguments) -> tuple[str, ...]:
    return tuple(choice(text, ELEMENTS) for text in arguments) or ("READ",)


def _buffer(twin: Keithley2450Twin, arguments: Arguments, at: int = 0) -> str:
    """Name of the buffer that is meant, with what a sweep has brought so far; the first default one where none is."""
    twin.lists.advance()
    if len(arguments) <= at:
        return "defbuffer1"
    name = string(arguments[at])
    if name not in twin.buffers:
        raise ScpiError(1115, "Parameter error; reading buffer does not exist")
    return name


_SHOWN: Final[dict[str, Callable[[Reading], str]]] = {
    "READ": lambda reading: f"{reading.reading:.6E}",
    "SOUR": lambda reading: f"{reading.source:.6E}",
    "SOURSTAT": lambda reading: str(reading.source_status),
    "STAT": lambda _: "0",
    "REL": lambda reading: f"{reading.time:.9f}",
    "UNIT": lambda reading: reading.unit,
    "SOURUNIT": lambda reading: reading.source_unit,
    "FORM": lambda reading: f"{reading.reading:.6g}",
    "SOURFORM": lambda reading: f"{reading.source:.6g}",
}


def _show(reading: Reading, elements: tuple[str, ...]) -> str:
    return ",".join(
        [_SHOWN[element](reading) if element in _SHOWN else _moment(reading, element) for element in elements]
    )


def _moment(reading: Reading, element: str) -> str:
    """When a reading was taken, as the buffer's elements tell it."""
    at = START + timedelta(seconds=reading.time)
    return {
        "SEC": f"{at.timestamp():.0f}",
        "FRAC": f"{reading.time % 1:.9f}",
        "DATE": at.strftime("%m/%d/%Y"),
        "TIME": at.strftime("%H:%M:%S"),
        "TST": at.strftime("%m/%d/%Y %H:%M:%S.%f"),
    }[element]


def _read(twin: Keithley2450Twin, arguments: Arguments) -> str:
    name, elements = _buffer(twin, arguments), _elements(arguments[1:])
    return _show(twin.fill(name), elements)


def _fetch(twin: Keithley2450Twin, arguments: Arguments) -> str:
    name, elements = _buffer(twin, arguments), _elements(arguments[1:])
    if not twin.buffers[name]:
        raise ScpiError(-230, "Data corrupt or stale")
    return _show(twin.buffers[name][-1], elements)


def _measure(sense: str) -> Handler:
    """``:MEASure:<function>?`` selects the measure function, then reads."""

    def act(twin: Keithley2450Twin, arguments: Arguments) -> str:
        twin.put("sense", 1, sense)
        return _read(twin, arguments)

    return _on_2450(act)


def _trigger(twin: Keithley2450Twin, arguments: Arguments) -> None:
    twin.fill(_buffer(twin, arguments))


def _data(twin: Keithley2450Twin, arguments: Arguments) -> str:
    if len(arguments) < 2:
        raise ScpiError(-109, "Missing parameter")
    first, last = round(number(arguments[0])), round(number(arguments[1]))
    buffer = twin.buffers[_buffer(twin, arguments, 2)]
    elements = _elements(arguments[3:])
    if not 1 <= first <= last <= len(buffer):
        raise ScpiError(-222, "Parameter data out of range")
    return ",".join([_show(reading, elements) for reading in buffer[first - 1 : last]])


def _clear(twin: Keithley2450Twin, arguments: Arguments) -> None:
    twin.buffers[_buffer(twin, arguments)].clear()


def _make(twin: Keithley2450Twin, arguments: Arguments) -> None:
    if len(arguments) < 2:
        raise ScpiError(-109, "Missing parameter")
    name, size = string(arguments[0]), number(arguments[1])
    if len(arguments) > 2 and arguments[2]:
        choice(arguments[2], ("COMPact", "STANdard", "FULL", "WRITable", "FULLWRITable"))
    if name in twin.buffers or size < 10:
        raise ScpiError(-222, "Parameter data out of range")
    twin.buffers[name] = []


def _delete(twin: Keithley2450Twin, arguments: Arguments) -> None:
    name = _buffer(twin, arguments)
    if name.startswith("defbuffer"):
        raise ScpiError(-221, "Settings conflict")
    del twin.buffers[name]


def _statistic(function: Callable[[list[float]], float]) -> Handler:
    def act(twin: Keithley2450Twin, arguments: Arguments) -> str:
        readings = [reading.reading for reading in twin.buffers[_buffer(twin, arguments)]]
        return f"{function(readings) if readings else 0.0:.6E}"

    return _on_2450(act)


def _load(twin: Keithley2450Twin, arguments: Arguments) -> None:
    if not arguments or string(arguments[0]).lower() != "simpleloop":
        raise ScpiError(-224, "Illegal parameter value; only SimpleLoop is modelled")
    count = round(number(arguments[1])) if len(arguments) > 1 else 1
    delay = number(arguments[2], "S") if len(arguments) > 2 else 0.0
    if not 1 <= count <= BUFFER or not 0 <= delay <= 1e4:
        raise ScpiError(-222, "Parameter data out of range")
    twin.lists.unload()
    twin.plan = Plan((None,) * count, delay, "defbuffer1")


def _sweep(function: str) -> Handler:
    """``:SOURce:SWEep:<function>:LINear start, stop, points, delay, count, range, abort, dual, buffer``."""

    def act(twin: Keithley2450Twin, arguments: Arguments) -> None:
        if len(arguments) < 3:
            raise ScpiError(-109, "Missing parameter")
        unit = "V" if function == "VOLT" else "A"
        start, stop, points = number(arguments[0], unit), number(arguments[1], unit), round(number(arguments[2]))
        delay = number(arguments[3], "S") if len(arguments) > 3 else 0.0
        count = round(number(arguments[4])) if len(arguments) > 4 else 1
        dual = len(arguments) > 7 and boolean(arguments[7])
        buffer = _buffer(twin, arguments, 8)
        if not 2 <= points <= BUFFER or not 1 <= count <= BUFFER or delay > 1e4:
            raise ScpiError(-222, "Parameter data out of range")
        if delay < 0:  # -1 asks for the automatic delay
            delay = 0.0
        twin.lists.unload()
        levels = [start + (stop - start) * at / (points - 1) for at in range(points)]
        twin.put("source", 1, function)
        twin.plan = Plan(tuple((levels + levels[::-1] if dual else levels) * count), delay, buffer)

    return _on_2450(act)


def _list(*, append: bool) -> Handler:
    def act(twin: Keithley2450Twin, arguments: Arguments) -> None:
        twin.lists.put([number(text, "V") for text in arguments], append=append)

    return _on_2450(act)


def _list_sweep(twin: Keithley2450Twin, arguments: Arguments) -> None:
    """``:SOURce:SWEep:VOLTage:LIST startIndex, delay, count, failAbort, buffer``: from the first value, once."""
    if not arguments:
        raise ScpiError(-109, "Missing parameter")
    if number(arguments[0]) != 1 or (len(arguments) > 2 and number(arguments[2]) != 1):
        raise ScpiError(-222, "Parameter data out of range; the twin sweeps a list once, from its first value")
    if len(arguments) > 3 and boolean(arguments[3]):
        raise ScpiError(-224, "Illegal parameter value; the twin does not stop a sweep at a limit")
    if _buffer(twin, arguments, 4) != "defbuffer1":
        raise ScpiError(-224, "Illegal parameter value; the twin fills defbuffer1 alone")
    twin.lists.load(number(arguments[1], "S") if len(arguments) > 1 else 0.0)


def _points(twin: Keithley2450Twin, arguments: Arguments) -> None:
    if not arguments:
        raise ScpiError(-109, "Missing parameter")
    _buffer(twin, arguments, 1)
    if not 10 <= number(arguments[0]) <= BUFFER:
        raise ScpiError(-222, "Parameter data out of range")


def _clear_log(twin: Keithley2450Twin, _: Arguments) -> None:
    twin.errors.clear()


def _tripped(source: str) -> Handler:
    def act(twin: Keithley2450Twin, _: Arguments) -> str:
        return "1" if twin.output_on and twin.value("source") == source and twin.circuit.smu_reads()[2] else "0"

    return _on_2450(act)


def _beep(_: Keithley2450Twin, arguments: Arguments) -> None:
    if len(arguments) != 2:
        raise ScpiError(-109, "Missing parameter")
    if not 20 <= number(arguments[0], "HZ") <= 8000 or not 1e-3 <= number(arguments[1], "S") <= 100:
        raise ScpiError(-222, "Parameter data out of range")


def _deviation(values: list[float]) -> float:
    return statistics.stdev(values) if len(values) > 1 else 0.0


def add_commands() -> None:
    """Complete the command tree of the twin."""
    tree = Keithley2450Twin.tree
    for header, act in {
        ":READ": Entry(query=_on_2450(_read)),
        ":FETCh": Entry(query=_on_2450(_fetch)),
        ":MEASure": Entry(query=_on_2450(_read)),
        ":MEASure:VOLTage[:DC]": Entry(query=_measure("VOLT")),
        ":MEASure:CURRent[:DC]": Entry(query=_measure("CURR")),
        ":MEASure:RESistance": Entry(query=_measure("RES")),
        ":TRACe:TRIGger": Entry(set=_on_2450(_trigger)),
        ":TRACe:DATA": Entry(query=_on_2450(_data)),
        ":TRACe:CLEar": Entry(set=_on_2450(_clear)),
        ":TRACe:MAKE": Entry(set=_on_2450(_make)),
        ":TRACe:DELete": Entry(set=_on_2450(_delete)),
        ":TRACe:ACTual": Entry(query=_on_2450(lambda twin, a: str(len(twin.buffers[_buffer(twin, a)])))),
        ":TRACe:STATistics:AVERage": Entry(query=_statistic(statistics.fmean)),
        ":TRACe:STATistics:MAXimum": Entry(query=_statistic(max)),
        ":TRACe:STATistics:MINimum": Entry(query=_statistic(min)),
        ":TRACe:STATistics:STDDev": Entry(query=_statistic(_deviation)),
        ":TRACe:POINts": Entry(_on_2450(_points), _on_2450(lambda twin, a: str(BUFFER) if _buffer(twin, a) else None)),
        ":TRIGger:LOAD": Entry(set=_on_2450(_load)),
        ":SOURce#1:SWEep:VOLTage:LINear": Entry(set=_sweep("VOLT")),
        ":SOURce#1:SWEep:CURRent:LINear": Entry(set=_sweep("CURR")),
        ":SOURce#1:LIST:VOLTage": Entry(
            _list(append=False), _on_2450(lambda twin, _: ",".join(f"{level:.6E}" for level in twin.lists.levels))
        ),
        ":SOURce#1:LIST:VOLTage:APPend": Entry(set=_list(append=True)),
        ":SOURce#1:SWEep:VOLTage:LIST": Entry(set=_on_2450(_list_sweep)),
        ":SENSe#1:AZERo:ONCE": Entry(set=no_arguments(lambda _: None)),
        ":SYSTem:CLEar": Entry(set=_on_2450(_clear_log)),
        ":STATus:CLEar": Entry(set=no_arguments(lambda _: None)),
        ":INITiate[:IMMediate]": Entry(set=_on_2450(lambda twin, _: twin.run_plan())),
        ":ABORt": Entry(set=_on_2450(lambda twin, _: twin.lists.end())),
        ":STATus:PRESet": Entry(set=no_arguments(lambda _: None)),
        ":SOURce#1:VOLTage:ILIMit[:LEVel]:TRIPped": Entry(query=_tripped("VOLT")),
        ":SOURce#1:CURRent:VLIMit[:LEVel]:TRIPped": Entry(query=_tripped("CURR")),
        ":SYSTem:LFRequency": Entry(query=no_arguments(lambda _: f"{LINE_FREQUENCY:.0f}")),
        ":SYSTem:BEEPer[:IMMediate]": Entry(set=_on_2450(_beep)),
        "*LANG": Entry(query=no_arguments(lambda _: "SCPI")),
    }.items():
        tree.add(header, act)


add_commands()
