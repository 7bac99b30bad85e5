"""The commands of the 2400 twin that choose functions and elements, and measure.

Source: Series 2400 SourceMeter User's Manual, 2400S-900-01, section 18.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable
from typing import Final, TypeAlias

from sim_device.virtual_bench.boxes.common.meter import LINE_FREQUENCY
from sim_device.virtual_bench.boxes.keithley_2400.smu import Keithley2400Twin
from sim_device.virtual_bench.languages.scpi import ScpiTwin
from sim_device.virtual_bench.languages.scpi_common import no_arguments
from sim_device.virtual_bench.languages.scpi_tree import Arguments, Entry, Handler, Suffixes
from sim_device.virtual_bench.languages.scpi_values import ScpiError, boolean, choice, string

FUNCTIONS: Final = ("VOLTage", "VOLTage:DC", "CURRent", "CURRent:DC", "RESistance")
ELEMENTS: Final = ("VOLTage", "CURRent", "RESistance", "TIME", "STATus")

Act: TypeAlias = Callable[[Keithley2400Twin, Arguments], str | None]


def _on(act: Act) -> Handler:
    def handler(twin: ScpiTwin, _: Suffixes, arguments: Arguments) -> str | None:
        assert isinstance(twin, Keithley2400Twin)
        return act(twin, arguments)

    return handler


def _named(arguments: Arguments) -> list[str]:
    if not arguments:
        raise ScpiError(-109, "Missing parameter")
    return [choice(string(text), FUNCTIONS).split(":")[0] for text in arguments]


def _functions_on(twin: Keithley2400Twin, arguments: Arguments) -> None:
    named = _named(arguments)
    kept = twin.functions if twin.value("concurrent") else []
    twin.functions = list(dict.fromkeys([*kept, *named] if twin.value("concurrent") else named[-1:]))


def _functions_off(twin: Keithley2400Twin, arguments: Arguments) -> None:
    named = _named(arguments)
    twin.functions = [function for function in twin.functions if function not in named]


def _all_on(twin: Keithley2400Twin, _: Arguments) -> None:
    if not twin.value("concurrent"):
        raise ScpiError(-221, "Settings conflict")
    twin.functions = ["VOLT", "CURR", "RES"]


def _all_off(twin: Keithley2400Twin, _: Arguments) -> None:
    twin.functions = []


def _functions(twin: Keithley2400Twin, _: Arguments) -> str:
    names = {"VOLT": '"VOLT:DC"', "CURR": '"CURR:DC"', "RES": '"RES"'}
    return ",".join(names[function] for function in twin.functions)


def _set_elements(twin: Keithley2400Twin, arguments: Arguments) -> None:
    chosen = tuple(choice(text, ELEMENTS) for text in arguments)
    if not chosen:
        raise ScpiError(-109, "Missing parameter")
    twin.elements = chosen


def _measure(function: str | None, *, read: bool) -> Handler:
    def act(twin: Keithley2400Twin, _: Arguments) -> str | None:
        if function is not None:
            twin.configure(function)
        return twin.read() if read else None

    return _on(act)


def _fetch(twin: Keithley2400Twin, _: Arguments) -> str:
    if twin.last is None:
        raise ScpiError(-230, "Data corrupt or stale")
    return twin.last


def _autozero(twin: Keithley2400Twin, arguments: Arguments) -> None:
    if len(arguments) != 1:
        raise ScpiError(-109, "Missing parameter")
    twin.autozero = twin.autozero if arguments[0].upper() == "ONCE" else boolean(arguments[0])


def _tripped(other: str) -> Handler:
    """``PROTection:TRIPped?`` of what is limited: current while voltage is sourced, and the other way round."""

    def act(twin: Keithley2400Twin, _: Arguments) -> str:
        return "1" if twin.output_on and twin.value("source") != other and twin.circuit.smu_reads()[2] else "0"

    return _on(act)


def _clear_source(twin: Keithley2400Twin, _: Arguments) -> None:
    twin.put("output", 1, False)


def _data(twin: Keithley2400Twin, _: Arguments) -> str:
    if not twin.buffer:
        raise ScpiError(-230, "Data corrupt or stale")
    return ",".join(twin.buffer)


def _clear_data(twin: Keithley2400Twin, _: Arguments) -> None:
    twin.buffer.clear()


def _statistic(twin: Keithley2400Twin, _: Arguments) -> str:
    if not twin.buffer:
        raise ScpiError(-230, "Data corrupt or stale")
    columns = zip(*([float(part) for part in reading.split(",")] for reading in twin.buffer), strict=True)
    return ",".join(f"{statistics.fmean(column):+.6E}" for column in columns)


def _initiate(twin: Keithley2400Twin, _: Arguments) -> None:
    twin.read()


def _ignore(_: Keithley2400Twin, __: Arguments) -> None:
    """Taken and without effect on what is measured: displays, beeps, status presets."""


def add_commands() -> None:
    """Complete the command tree of the twin."""
    tree = Keithley2400Twin.tree
    for header, entry in {
        "[:SENSe#1]:FUNCtion[:ON]": Entry(_on(_functions_on), _on(_functions)),
        "[:SENSe#1]:FUNCtion:OFF": Entry(set=_on(_functions_off)),
        "[:SENSe#1]:FUNCtion[:ON]:ALL": Entry(set=_on(_all_on)),
        "[:SENSe#1]:FUNCtion:OFF:ALL": Entry(set=_on(_all_off)),
        ":FORMat:ELEMents[:SENSe#1]": Entry(_on(_set_elements), _on(lambda twin, _: ",".join(twin.elements))),
        ":READ": Entry(query=_measure(None, read=True)),
        ":FETCh": Entry(query=_on(_fetch)),
        ":MEASure": Entry(query=_measure(None, read=True)),
        ":MEASure:VOLTage[:DC]": Entry(query=_measure("VOLT", read=True)),
        ":MEASure:CURRent[:DC]": Entry(query=_measure("CURR", read=True)),
        ":MEASure:RESistance": Entry(query=_measure("RES", read=True)),
        ":CONFigure:VOLTage[:DC]": Entry(set=_measure("VOLT", read=False)),
        ":CONFigure:CURRent[:DC]": Entry(set=_measure("CURR", read=False)),
        ":CONFigure:RESistance": Entry(set=_measure("RES", read=False)),
        "[:SENSe#1]:CURRent[:DC]:PROTection:TRIPped": Entry(query=_tripped("CURR")),
        "[:SENSe#1]:VOLTage[:DC]:PROTection:TRIPped": Entry(query=_tripped("VOLT")),
        ":SYSTem:AZERo[:STATe]": Entry(_on(_autozero), _on(lambda twin, _: str(int(twin.autozero)))),
        ":SYSTem:LFRequency": Entry(query=no_arguments(lambda _: f"{LINE_FREQUENCY:.0f}")),
        ":SYSTem:BEEPer[:IMMediate]": Entry(set=_on(_ignore)),
        ":SYSTem:TIME:RESet": Entry(set=_on(_ignore)),
        ":STATus:PRESet": Entry(set=_on(_ignore)),
        ":SOURce#1:CLEar[:IMMediate]": Entry(set=_on(_clear_source)),
        ":INITiate[:IMMediate]": Entry(set=_on(_initiate)),
        ":ABORt": Entry(set=_on(_ignore)),
        ":TRACe:DATA": Entry(query=_on(_data)),
        ":TRACe:CLEar": Entry(set=_on(_clear_data)),
        ":TRACe:POINts:ACTual": Entry(query=_on(lambda twin, _: str(len(twin.buffer)))),
        ":CALCulate3:DATA": Entry(query=_on(_statistic)),
    }.items():
        tree.add(header, entry)


add_commands()
