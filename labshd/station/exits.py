"""Open benches, and what becomes of them when the process is asked to end, or forks.

A signal reaches the main thread (`labshd.common.signals`). A bench that this thread uses is switched off as the error
unwinds; one that another thread uses is switched off at once, and that thread is stopped where it would drive again.
A closed console window of Windows ends the process as soon as its handler returns, so the handler waits until every
bench has been let go. The child of a fork has nothing to do with its parent's benches: it leaves them alone.
"""

from __future__ import annotations

import _thread
import os
import signal
import sys
import threading
from collections.abc import Callable
from typing import Any, Final, Protocol

from labshd.common.signals import SIGNALS, ProcessSignals

_CLOSING: Final = (2, 5, 6)  # CTRL_CLOSE_EVENT, CTRL_LOGOFF_EVENT, CTRL_SHUTDOWN_EVENT
_WINDOWS_WAITS: Final = 4.5  # [s] that a handler may take; Windows ends the process after 5


class OpenBench(Protocol):
    """What is kept here."""

    def end_is_near(self, name: str, last: bool) -> None:
        """A signal came in; called in the main thread, before it is raised there, or ends the process (`last`).

        Never raises.
        """
        ...

    def disown(self) -> None:
        """In the child of a fork: send nothing and close nothing, now or later."""
        ...


class OpenBenches:
    """Every bench that is open, each once: what is opened twice or closed twice cannot be miscounted."""

    def __init__(self, signals: ProcessSignals = SIGNALS) -> None:
        self._open: list[OpenBench] = []
        self._signals = signals
        self._free = threading.Event()
        self._console: object = None

    def __len__(self) -> int:
        return len(self._open)

    def hold(self, bench: OpenBench) -> None:
        """A bench is open."""
        self._free.clear()
        if not any(one is bench for one in self._open):
            self._open.append(bench)
        self._signals.watch(self.told)
        if sys.platform == "win32" and self._console is None:
            self._console = _watch_console(self.closing)

    def release(self, bench: OpenBench) -> None:
        """It is closed. Idempotent."""
        self._open = [one for one in self._open if one is not bench]
        if not self._open:
            self._signals.unwatch(self.told)
            self._free.set()

    def told(self, name: str, last: bool) -> None:
        """A signal came in."""
        for bench in list(self._open):
            bench.end_is_near(name, last)

    def forked(self) -> None:
        """In the child of a fork: none of these benches is its own."""
        benches, self._open = self._open, []
        self._free.set()
        for bench in benches:
            bench.disown()

    def closing(self, event: int) -> bool:
        """A console event of Windows, told in a thread of its own: True where it was dealt with."""
        if event not in _CLOSING or not self._open:
            return False
        _thread.interrupt_main(signal.SIGINT)
        self._free.wait(_WINDOWS_WAITS)
        return True


def _watch_console(handler: Callable[[int], bool]) -> object:
    """Have Windows tell of a closing console; what is given back must be kept as long as it may."""
    import ctypes

    windows: Any = getattr(ctypes, "windll")  # noqa: B009 - there is none elsewhere
    prototype: Any = getattr(ctypes, "WINFUNCTYPE")(ctypes.c_int, ctypes.c_uint)  # noqa: B009

    def told(event: int) -> int:
        return int(handler(event))

    kept = prototype(told)
    windows.kernel32.SetConsoleCtrlHandler(kept, 1)
    return kept


BENCHES = OpenBenches()
if sys.platform != "win32":
    os.register_at_fork(after_in_child=BENCHES.forked)
