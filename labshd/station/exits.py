"""Ways out of a process that would leave a bench on: while a bench is open they raise, so outputs go off.

Python ends without a word on SIGTERM, on a closed terminal (SIGHUP) and on Ctrl-Break. A closed console window of
Windows ends the process as soon as its handler returns, so the handler waits until the bench has been let go.
"""

from __future__ import annotations

import _thread
import signal
import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

from labshd.common.signals import Terminated

_NAMES = ("SIGTERM", "SIGHUP", "SIGBREAK")  # Ctrl-C raises by itself
_CLOSING = (2, 5, 6)  # CTRL_CLOSE_EVENT, CTRL_LOGOFF_EVENT, CTRL_SHUTDOWN_EVENT
_WINDOWS_WAITS = 4.5  # [s] that a handler may take; Windows ends the process after 5


class ExitGuard:
    """Counts open benches; from the first to the last of them the ways out above raise `Terminated`.

    What others handle already, or ignore (nohup), stays theirs. Signals reach the main thread only.
    """

    def __init__(self) -> None:
        self._open = 0
        self._before: dict[int, Any] = {}
        self._free = threading.Event()
        self._console: object = None

    def hold(self) -> None:
        """One more bench is open."""
        self._open += 1
        self._free.clear()
        if self._open == 1 and threading.current_thread() is threading.main_thread():
            for number in (getattr(signal, name, None) for name in _NAMES):
                if number is not None and signal.getsignal(number) is signal.SIG_DFL:
                    self._before[number] = signal.signal(number, self._raise)
            if sys.platform == "win32" and self._console is None:
                self._console = _watch_console(self.closing)

    def release(self) -> None:
        """One bench less; with the last one all is as it was before."""
        self._open -= 1
        if self._open:
            return
        if threading.current_thread() is threading.main_thread():
            while self._before:
                number, handler = self._before.popitem()
                if signal.getsignal(number) == self._raise:
                    signal.signal(number, handler)
        self._free.set()

    def _raise(self, number: int, _frame: FrameType | None) -> None:
        raise Terminated(signal.Signals(number).name)

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


GUARD = ExitGuard()
