"""Ctrl-C and termination signals as one exception in the main thread, never a second one while it ends."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from types import FrameType
from typing import Any

# SIGTERM: a batch system or `kill`; SIGHUP: the terminal was closed; SIGBREAK: Ctrl-Break and closing on Windows.
_NAMES = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")


class Terminated(KeyboardInterrupt):
    """The system asked this process to end; caught wherever Ctrl-C is."""


class Interrupts:
    """What came in: `name` of the first signal, None before one; later ones are only counted."""

    def __init__(self) -> None:
        self.name: str | None = None
        self.count = 0
        self._held = False
        self._deferred = False
        self._pending: KeyboardInterrupt | None = None

    @contextmanager
    def deferred(self) -> Generator[None]:
        """Within, a signal waits for the end of the block: a row and the count of rows belong together."""
        self._deferred = True
        try:
            yield
        finally:
            self._deferred = False
        self.raise_pending()

    def raise_pending(self) -> None:
        """Raise for a signal that had to wait."""
        if (pending := self._pending) is not None:
            self._pending = None
            raise pending

    def hold(self) -> None:
        """From here on a signal waits until `interrupts` is left: outputs are being switched off."""
        self._held = True

    def handle(self, number: int, _frame: FrameType | None) -> None:
        """Raise for the first signal. A second Ctrl-C must not cut short what the first one began."""
        self.count += 1
        first, self.name = self.name is None, self.name or signal.Signals(number).name
        if not first:
            return
        error = (KeyboardInterrupt if number == signal.SIGINT else Terminated)(self.name)
        if not self._held and not self._deferred:
            raise error
        self._pending = error


@contextmanager
def interrupts() -> Generator[Interrupts]:
    """Within, the first signal that asks to end raises `KeyboardInterrupt`; afterwards all is as it was before.

    Only the main thread receives signals; elsewhere nothing changes. A signal that was ignored (nohup) stays ignored.
    """
    caught = Interrupts()
    if threading.current_thread() is not threading.main_thread():
        yield caught
        return
    before: dict[int, Callable[[int, FrameType | None], Any] | int] = {}
    try:
        for name in _NAMES:
            number = getattr(signal, name, None)
            # None: a handler that was not installed from Python, which could not be put back
            if number is not None and signal.getsignal(number) not in (signal.SIG_IGN, None):
                before[number] = signal.getsignal(number) or signal.SIG_DFL
                signal.signal(number, caught.handle)
        yield caught
    finally:
        caught.hold()
        for number, handler in before.items():
            signal.signal(number, handler)
    caught.raise_pending()
