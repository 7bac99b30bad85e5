"""Ctrl-C and the system's wish to end: raised in the main thread, told to every other, never lost and never doubled.

Python runs handlers in the main thread alone. So one handler for the process is installed there when labshd is
imported: it tells whoever watches (open benches, recordings of other threads), then raises. While nothing is open and
nothing is recorded it does what the system would have done without it.
"""

from __future__ import annotations

import atexit
import signal
import sys
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Final
from weakref import WeakSet

from labshd.common.main_thread import in_main_thread

# SIGTERM: a batch system or `kill`; SIGHUP: the terminal was closed; SIGQUIT: Ctrl-\; SIGBREAK: Ctrl-Break of Windows.
NAMES: Final = ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGBREAK")
LAST: Final = 5  # signals, `APART` or more from each other: the last of them ends the process whatever swallows it
APART: Final = 0.5  # [s]
AGAIN: Final = 1.0  # [s] after which a further signal raises again; what the first one began needs less
ENDING: Final = 10.0  # [s] that recordings of other threads may take to end
ASKING: Final = 0.5  # [s] that the main thread is given to install the handler for another thread


class Terminated(KeyboardInterrupt):
    """The system asked this process to end; caught wherever Ctrl-C is."""


class Interrupts:
    """What came in: `name` of the first signal, None before one; further ones are counted."""

    def __init__(self) -> None:
        self.name: str | None = None
        self.count = 0
        self._held = False
        self._deferred = False
        self._pending: KeyboardInterrupt | None = None
        self._raised = 0.0  # when, on the monotonic clock

    @contextmanager
    def deferred(self) -> Generator[None]:
        """Within, a signal waits for the end of the block: a row and the count of rows belong together."""
        self._deferred = True
        try:
            yield
        finally:
            self._deferred = False
        self.raise_pending()

    @property
    def waiting(self) -> KeyboardInterrupt | None:
        """What is to be raised for a signal that has to wait."""
        return self._pending

    def raise_pending(self) -> None:
        """Raise for a signal that had to wait."""
        if (pending := self._pending) is not None:
            self._pending = None
            self._raised = time.monotonic()
            raise pending

    def hold(self) -> None:
        """From here on a signal waits until `interrupts` is left: outputs are being switched off."""
        self._held = True

    def heed(self) -> None:
        """Raise again what was raised before, or is to be raised in this thread: somebody swallowed it.

        Whoever records calls it at every row, so that a bare ``except`` of somebody else's does not go on pulsing.
        """
        if self.name is not None and not self._held:
            self._pending = None
            raise error_of(self.name)

    def note(self, name: str) -> None:
        """A signal came in that is raised elsewhere, or later."""
        self.count += 1
        self.name = self.name or name

    def handle(self, name: str) -> None:
        """Raise. What a first signal began must not be cut short by a second one that comes at once."""
        before, at = self.name, time.monotonic()
        self.note(name)
        if self._held or self._deferred:
            if before is None or self._deferred:
                self._pending = self._pending or error_of(name)
            return
        if before is not None and at - self._raised < AGAIN:
            return
        self._raised = at
        raise error_of(name)


def error_of(name: str) -> KeyboardInterrupt:
    """What a signal of this name raises."""
    return (KeyboardInterrupt if name == "SIGINT" else Terminated)(name)


class ProcessSignals:
    """The signals of this process that ask it to end, and who is told of them."""

    def __init__(self) -> None:
        self._main: list[Interrupts] = []  # of the main thread, the innermost last
        self._others: list[Interrupts] = []  # of other threads
        self._watchers: list[Callable[[str, bool], None]] = []
        self._raised = -ENDING  # when, where the main thread records nothing
        self._error: KeyboardInterrupt | None = None  # what was raised then
        self._came: list[float] = []  # when signals came in that have not ended what they were to end
        self._asked: dict[str, WeakSet[threading.Thread]] = {}  # threads that were there when a signal came

    def watch(self, told: Callable[[str, bool], None]) -> None:
        """From now on `told(name, last)` is called in the main thread when a signal comes in, before it is raised.

        `last` says that the process ends as soon as all are told.
        """
        if told not in self._watchers:
            self._watchers.append(told)

    def unwatch(self, told: Callable[[str, bool], None]) -> None:
        """No longer. Idempotent."""
        if told in self._watchers:
            self._watchers.remove(told)
        if not self._watchers:
            self._error = None  # its traceback holds frames, and what they hold

    def asked_of(self, thread: threading.Thread) -> str | None:
        """Name of a signal that came while a thread was there; None of the main thread, and where there was none."""
        if not self._asked:
            return None
        return next((name for name, threads in self._asked.items() if thread in threads), None)

    def begin(self) -> None:
        """Something is opened, or a recording begins: not in a thread that was asked to end.

        Where the main thread begins something it goes on after all (an interpreter, a notebook), and others may again.
        """
        if threading.current_thread() is threading.main_thread():
            self._asked.clear()
            self._came.clear()
            self._raised, self._error = -ENDING, None
        elif name := self.asked_of(threading.current_thread()):
            raise error_of(name)

    def handle(self, number: int, frame: FrameType | None) -> None:
        """Tell everybody, then raise in the main thread, where this runs."""
        name = signal.Signals(number).name
        if not self._main and not self._others and not self._watchers:
            self._as_ever(number, frame)
            return
        others = (one for one in threading.enumerate() if one is not threading.main_thread())
        self._asked.setdefault(name, WeakSet()).update(others)
        last = self._is_last()
        for told in list(self._watchers):
            told(name, last)
        if last:
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
        for caught in [*self._others, *self._main[:-1]]:
            caught.note(name)
        if self._main:
            self._main[-1].handle(name)
            return
        # What the first one began must not be cut short by a second one, nor recordings of other threads that end.
        if time.monotonic() - self._raised < (ENDING if self._others else AGAIN) and not self._vanished():
            return
        self._raise(name)

    def heed(self) -> None:
        """In the main thread, before anything drives: raise again what vanished in C, and nobody has seen."""
        if self._error is not None and threading.current_thread() is threading.main_thread():
            if self._vanished():
                self._raise(str(self._error))
            self._error = None

    def _raise(self, name: str) -> None:
        self._raised, self._error = time.monotonic(), error_of(name)
        raise self._error

    def _vanished(self) -> bool:
        """Whether what was raised never left the handler: the interrupted frame, which goes on, did not see it.

        A handler may run within a function of C that takes every error for its own (numpy, where it makes a scalar of
        a text). Who catches an error in Python stands in its traceback.
        """
        if self._error is None:
            return False
        traceback = self._error.__traceback__  # None, up to Python 3.11, where no frame has caught it
        return traceback is None or traceback.tb_frame.f_code in _HANDLERS

    def _is_last(self) -> bool:
        """Whether so many came, one after the other, that whatever runs here swallows them."""
        now = time.monotonic()
        if not self._came or now - self._came[-1] >= APART:
            self._came.append(now)
        return len(self._came) >= LAST

    def _as_ever(self, number: int, frame: FrameType | None) -> None:
        if number == signal.SIGINT:
            signal.default_int_handler(number, frame)
        signal.signal(number, signal.SIG_DFL)
        signal.raise_signal(number)

    def install(self) -> bool:
        """Handle what nobody handles and nobody ignores; whether that could be done: in the main thread it can."""
        if threading.current_thread() is not threading.main_thread():
            return False
        for number in _numbers():
            if _nobodys(number):
                signal.signal(number, self.handle)
        return True

    def ready(self) -> bool:
        """Whether a signal would be told, from any thread; asks the main thread where it would not."""
        if self.install() or not any(map(_nobodys, _numbers())):
            return True
        done = threading.Event()

        def asked(_: object) -> int:
            self.install()
            done.set()
            return 0

        return in_main_thread(asked) and done.wait(ASKING)

    @contextmanager
    def caught(self) -> Generator[Interrupts]:
        """See `interrupts`."""
        caught, in_main = Interrupts(), threading.current_thread() is threading.main_thread()
        stack = self._main if in_main else self._others
        before: dict[int, Any] = {}
        try:
            if in_main:
                self.install()
                for number in _numbers():
                    # None: a handler that was not installed from Python, which could not be put back
                    if (there := signal.getsignal(number)) not in (signal.SIG_IGN, None, self.handle):
                        before[number] = there
                        signal.signal(number, self.handle)
            stack.append(caught)
            yield caught
        finally:
            caught.hold()
            for number, handler in before.items():
                signal.signal(number, handler)
            if caught in stack:
                stack.remove(caught)
            caught.raise_pending()  # also from an error: whoever takes errors for granted must not go on after Ctrl-C

    def wait_for_others(self) -> None:
        """At the end of the process: recordings of threads that were asked to end are given the time to do so.

        Python joins such threads, but up to version 3.12 not one whose `join` was interrupted by a signal.
        """
        end = time.monotonic() + ENDING
        while self._asked and self._others and time.monotonic() < end:
            time.sleep(0.01)

    def forget(self) -> None:
        """In the child of a fork: what was recorded and watched is the parent's."""
        self._main, self._others, self._watchers, self._asked = [], [], [], {}


_HANDLERS: Final = (ProcessSignals.handle.__code__, ProcessSignals._raise.__code__)  # pyright: ignore[reportPrivateUsage]


def _numbers() -> list[int]:
    return [int(getattr(signal, name)) for name in NAMES if hasattr(signal, name)]


def _nobodys(number: int) -> bool:
    return signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler)


SIGNALS = ProcessSignals()
SIGNALS.install()
atexit.register(SIGNALS.wait_for_others)
if sys.platform != "win32":
    import os

    os.register_at_fork(after_in_child=SIGNALS.forget)


@contextmanager
def interrupts() -> Generator[Interrupts]:
    """Within, a signal that asks to end raises `KeyboardInterrupt`; afterwards all is as it was before.

    In the main thread it is raised where it comes in, in any other one at the next row (`Interrupts.heed`); one that
    had to wait is raised at the end, in place of an error that ended it. What was ignored (nohup) stays ignored.
    """
    with SIGNALS.caught() as caught:
        yield caught
