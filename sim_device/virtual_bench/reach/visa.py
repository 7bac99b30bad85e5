"""A VISA library inside this process: sessions to twins under the resource names of a station.

Give it to PyVISA or PyMeasure where they take a VISA library. A read with nothing to read times out at once, after the
time of the timeout has passed on the bench's clock.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from pyvisa import constants, errors, rname
from pyvisa.constants import ResourceAttribute, StatusCode
from pyvisa.highlevel import VisaLibraryBase

from instruments.clock import Clock
from instruments.errors import InputError
from sim_device.virtual_bench.bounds import LONGEST

if TYPE_CHECKING:
    from sim_device.virtual_bench.boxes.twins import Twin

_numbers = itertools.count(1)
_MANAGER = 1


@runtime_checkable
class ClearedToReset(Protocol):
    """An instrument that a device clear resets."""

    def device_clear(self) -> None:
        """Device clear: back to the initial settings."""
        ...


class Port:
    """Between the library and one twin, message by message: the seam where faults can be put in.

    Override `send`, `reply` or `clear` to lose, delay or change what passes; raise `pyvisa.errors.VisaIOError` for what
    only a cable does.
    """

    def __init__(self, twin: Twin) -> None:
        self.twin = twin

    def opened(self) -> None:
        """A session to the instrument was opened."""

    def send(self, message: str) -> None:
        """One message to the instrument, without termination."""
        self.twin.receive(message)

    def reply(self) -> bytes | None:
        """The next reply with its termination; None when there is none."""
        text = self.twin.transmit()
        return None if text is None else text.encode("ascii") + b"\n"

    def waiting(self) -> bool:
        """Whether a reply waits; a raw socket sends it without being asked."""
        return self.twin.waiting()

    def clear(self) -> None:
        """What was not read is gone."""
        self.twin.clear()

    def device_clear(self) -> None:
        """Device clear; some instruments take it for a reset."""
        self.clear()
        if isinstance(self.twin, ClearedToReset):
            self.twin.device_clear()


class _Session:
    """One open session: a port, bytes not yet a message, bytes not yet read."""

    def __init__(self, name: str, port: Port) -> None:
        self.name = name
        self.port = port
        self.incoming = b""
        self.outgoing = b""
        self.attributes: dict[int, Any] = {
            ResourceAttribute.timeout_value: 2000,
            ResourceAttribute.termchar: ord("\n"),
            ResourceAttribute.termchar_enabled: constants.VI_FALSE,
            ResourceAttribute.send_end_enabled: constants.VI_TRUE,
            ResourceAttribute.resource_name: name,
            ResourceAttribute.resource_lock_state: constants.AccessModes.no_lock,
            ResourceAttribute.resource_manufacturer_name: "labshd virtual bench",
        }


def _canonical(name: str) -> str:
    try:
        return str(rname.ResourceName.from_string(name))
    except rname.InvalidResourceName:
        raise InputError(
            f"{name!r} is no VISA resource name, and an alias is known to the VISA library of its own computer alone: "
            "write the name in full to rehearse, as 'TCPIP0::192.168.0.5::inst0::INSTR' or 'GPIB0::24::INSTR'"
        ) from None


class VirtualVisaLibrary(VisaLibraryBase):
    """The in-process library; made by `around`."""

    ports: dict[str, Port]
    clock: Clock

    @classmethod
    def around(cls, ports: Mapping[str, Port], clock: Clock) -> VirtualVisaLibrary:
        """A library of its own (PyVISA shares those with one path) that reaches `ports` by their resource names."""
        library = cls(f"virtual-bench-{next(_numbers)}")
        library.ports = {_canonical(name): port for name, port in ports.items()}
        library.clock = clock
        return library

    def _init(self) -> None:
        """PyVISA's hook for a new library."""
        self._sessions: dict[int, _Session] = {}
        self._handles = itertools.count(_MANAGER + 1)

    # -- sessions ----------------------------------------------------------------------------------------------------

    def open_default_resource_manager(self) -> tuple[Any, StatusCode]:
        """The one manager."""
        return _MANAGER, self.handle_return_value(None, StatusCode.success)

    def open(
        self,
        session: Any,
        resource_name: str,
        access_mode: constants.AccessModes = constants.AccessModes.no_lock,
        open_timeout: int = constants.VI_TMO_IMMEDIATE,
    ) -> tuple[Any, StatusCode]:
        """A session to a resource; not found where no instrument has that name."""
        try:
            name = str(rname.ResourceName.from_string(resource_name))
        except rname.InvalidResourceName:
            return 0, self.handle_return_value(None, StatusCode.error_invalid_resource_name)
        port = self.ports.get(name)
        if port is None:
            return 0, self.handle_return_value(None, StatusCode.error_resource_not_found)
        handle = next(self._handles)
        self._sessions[handle] = _Session(name, port)
        port.opened()
        return handle, self.handle_return_value(handle, StatusCode.success)  # type: ignore[arg-type]

    def reconnect(self, ports: Mapping[str, Port]) -> None:
        """From now on these connectors are reached, by sessions that are open as well."""
        self.ports = {_canonical(name): port for name, port in ports.items()}
        for session in self._sessions.values():
            session.port = self.ports[session.name]

    def close(self, session: Any) -> StatusCode:
        """End a session, or all with the manager."""
        if session == _MANAGER:
            self._sessions.clear()
        elif (link := self._sessions.pop(session, None)) is not None and "::SOCKET" in link.name:
            link.port.clear()  # what was not read goes with the connection
        return self.handle_return_value(None, StatusCode.success)

    def list_resources(self, session: Any, query: str = "?*::INSTR") -> tuple[str, ...]:
        """Names of the instruments that match a VISA query."""
        return rname.filter(list(self.ports), query)

    def _session(self, session: Any) -> _Session:
        try:
            return self._sessions[session]
        except KeyError:
            raise errors.VisaIOError(StatusCode.error_invalid_object) from None

    # -- messages ----------------------------------------------------------------------------------------------------

    def write(self, session: Any, data: bytes) -> tuple[int, StatusCode]:
        """Bytes to an instrument: a line feed ends a message, as the end of a write does where END is sent."""
        link = self._session(session)
        if len(link.incoming) + len(data) > LONGEST and b"\n" not in data[: LONGEST - len(link.incoming)]:
            link.incoming = b""  # an instrument closes a connection that sends it more than it can hold
            self.handle_return_value(session, StatusCode.error_connection_lost)
        if not link.incoming and data.endswith(b"\n") and data.find(b"\n") == len(data) - 1:
            link.port.send(data[:-1].decode("ascii", "replace"))
        else:
            *messages, link.incoming = (link.incoming + data).split(b"\n")
            if link.incoming and "::SOCKET" not in link.name:
                messages.append(link.incoming)
                link.incoming = b""
            for message in messages:
                link.port.send(message.decode("ascii", "replace"))
        self._last_status_in_session[session] = StatusCode.success
        return len(data), StatusCode.success

    def read(self, session: Any, count: int) -> tuple[bytes, StatusCode]:
        """Bytes of a reply; times out when there are none."""
        link = self._session(session)
        if not link.outgoing:
            link.outgoing = link.port.reply() or b""
        if not link.outgoing:
            self.clock.wait(link.attributes[ResourceAttribute.timeout_value] * 1e-3)
            self.handle_return_value(session, StatusCode.error_timeout)
        data, link.outgoing = link.outgoing[:count], link.outgoing[count:]
        status = StatusCode.success_max_count_read if link.outgoing else StatusCode.success_termination_character_read
        self._last_status_in_session[session] = status
        return data, status

    def clear(self, session: Any) -> StatusCode:
        """Device clear: both directions empty."""
        link = self._session(session)
        link.incoming = link.outgoing = b""
        link.port.device_clear()
        return self.handle_return_value(session, StatusCode.success)

    def flush(self, session: Any, mask: constants.BufferOperation) -> StatusCode:
        """Forget what was received and not read."""
        self._session(session).outgoing = b""
        return self.handle_return_value(session, StatusCode.success)

    def read_stb(self, session: Any) -> tuple[int, StatusCode]:
        """The status byte."""
        byte = self._session(session).port.twin.status_byte()
        return byte, self.handle_return_value(session, StatusCode.success)

    def assert_trigger(self, session: Any, protocol: constants.TriggerProtocol) -> StatusCode:
        """A group execute trigger does what ``*TRG`` does."""
        self._session(session).port.send("*TRG")
        return self.handle_return_value(session, StatusCode.success)

    # -- attributes and events ---------------------------------------------------------------------------------------

    def get_attribute(self, session: Any, attribute: Any) -> tuple[Any, StatusCode]:
        """Value of an attribute; unsupported where an in-process session has none."""
        if session == _MANAGER:
            return None, self.handle_return_value(None, StatusCode.error_nonsupported_attribute)
        link = self._session(session)
        if attribute not in link.attributes:
            return None, self.handle_return_value(session, StatusCode.error_nonsupported_attribute)
        return link.attributes[attribute], self.handle_return_value(session, StatusCode.success)

    def set_attribute(self, session: Any, attribute: Any, attribute_state: Any) -> StatusCode:
        """Keep an attribute."""
        self._session(session).attributes[attribute] = attribute_state
        return self.handle_return_value(session, StatusCode.success)

    def disable_event(self, session: Any, event_type: Any, mechanism: Any) -> StatusCode:
        """No events are ever sent."""
        return StatusCode.success

    def discard_events(self, session: Any, event_type: Any, mechanism: Any) -> StatusCode:
        """No events are ever queued."""
        return StatusCode.success
