"""Commands of every SCPI instrument: IEEE 488.2 common commands and the error queue."""

from __future__ import annotations

from collections.abc import Callable

from sim_device.virtual_bench.languages.scpi import OPERATION_COMPLETE, ScpiTwin
from sim_device.virtual_bench.languages.scpi_tree import Arguments, CommandTree, Entry, Handler, Suffixes
from sim_device.virtual_bench.languages.scpi_values import ScpiError


def no_arguments(act: Callable[[ScpiTwin], str | None]) -> Handler:
    """A handler that takes no parameter."""

    def handler(twin: ScpiTwin, _: Suffixes, arguments: Arguments) -> str | None:
        if arguments:
            raise ScpiError(-108, "Parameter not allowed")
        return act(twin)

    return handler


def _enable(name: str) -> Entry:
    def put(twin: ScpiTwin, _: Suffixes, arguments: Arguments) -> None:
        if len(arguments) != 1:
            raise ScpiError(-109, "Missing parameter")
        try:
            value = round(float(arguments[0]))
        except ValueError:
            raise ScpiError(-104, "Data type error") from None
        if not 0 <= value <= 255:
            raise ScpiError(-222, "Data out of range")
        setattr(twin, name, value)

    return Entry(set=put, query=no_arguments(lambda twin: str(getattr(twin, name))))


def _clear_status(twin: ScpiTwin) -> None:
    twin.errors.clear()
    twin.event_status = 0


def _event_status(twin: ScpiTwin) -> str:
    status, twin.event_status = twin.event_status, 0
    return str(status)


def _complete(twin: ScpiTwin) -> None:
    twin.finish()
    twin.event_status |= OPERATION_COMPLETE


def _completed(twin: ScpiTwin) -> str:
    twin.finish()
    return "1"


def common_commands() -> CommandTree:
    """A tree with the mandatory commands of IEEE 488.2 and the error queue of SCPI."""
    tree = CommandTree()
    for header, entry in {
        "*IDN": Entry(query=no_arguments(lambda twin: twin.identity)),
        "*RST": Entry(set=no_arguments(lambda twin: twin.reset())),
        "*CLS": Entry(set=no_arguments(_clear_status)),
        "*OPC": Entry(set=no_arguments(_complete), query=no_arguments(_completed)),
        "*WAI": Entry(set=no_arguments(lambda twin: twin.finish())),
        "*TRG": Entry(set=no_arguments(lambda twin: twin.trigger())),
        "*TST": Entry(query=no_arguments(lambda _: "0")),
        "*ESR": Entry(query=no_arguments(_event_status)),
        "*STB": Entry(query=no_arguments(lambda twin: str(twin.status_byte()))),
        "*ESE": _enable("event_enable"),
        "*SRE": _enable("service_enable"),
        ":SYSTem:ERRor[:NEXT]": Entry(query=no_arguments(lambda twin: twin.pop_error())),
        ":SYSTem:VERSion": Entry(query=no_arguments(lambda _: "1999.0")),
    }.items():
        tree.add(header, entry)
    return tree
