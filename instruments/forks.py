"""Connections in the child of a fork: they are the parent's, so nothing is sent on them and nothing is closed.

A child has copies of all objects. What it closes when it ends, an ``atexit`` of its own or the one of PyVISA, may close
the parent's instrument behind its back: a session of VXI-11 is ended by a message, a USB interface by a release.
"""

from __future__ import annotations

import atexit
import os
import sys
from typing import TYPE_CHECKING, Any, cast
from weakref import WeakSet

from instruments.errors import InstrumentError

if TYPE_CHECKING:
    from collections.abc import Callable

_wires: WeakSet[Any] = WeakSet()  # with a `connection` of PyVISA
_left_alone: list[Any] = []  # so that nothing is closed because nobody refers to it any more


class Disowned:
    """Stands where a connection was: whoever uses it is told whose it is."""

    def __init__(self, name: str, parent: int) -> None:
        self._said = (
            f"{name} was opened in process {parent}; this is its child {os.getpid()}: open the instruments here, after "
            "the parent has closed them"
        )

    def __getattr__(self, name: str) -> Any:
        raise InstrumentError(self._said)


def keep(wire: Any) -> None:
    """From now on `wire.connection` is left alone in children of this process."""
    _wires.add(wire)


def _in_child() -> None:
    for wire in list(_wires):
        connection = wire.connection
        if connection is None or isinstance(connection, Disowned):
            continue
        _left_alone.extend((connection, connection.visalib))
        manager = connection.visalib.resource_manager
        if manager is not None:
            atexit.unregister(cast("Callable[[], object]", manager._atexit_handler))
            manager._session = None  # what PyVISA takes for closed
            manager._created_resources.clear()
        connection._session = None
        wire.connection = Disowned(str(wire), os.getppid())
    _wires.clear()


if sys.platform != "win32":
    os.register_at_fork(after_in_child=_in_child)
