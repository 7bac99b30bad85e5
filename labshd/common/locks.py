"""Locks on files that the operating system drops when their process ends, however it ends."""

from __future__ import annotations

import errno
import os
import sys
from io import FileIO
from pathlib import Path

if sys.platform == "win32":
    import msvcrt

    def _lock(file: FileIO) -> None:
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)

    def _unlock(file: FileIO) -> None:
        msvcrt.locking(file.fileno(), msvcrt.LK_UNLCK, 1)
else:
    import fcntl

    def _lock(file: FileIO) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def _unlock(file: FileIO) -> None:
        fcntl.flock(file, fcntl.LOCK_UN)


_BY_ANOTHER = (errno.EAGAIN, errno.EWOULDBLOCK, errno.EACCES, errno.EDEADLK)  # what systems say of a held lock


class Held(OSError):  # noqa: N818 - reads as a statement where it is caught
    """Another process, or another object of this one, holds the lock."""


class FileLock:
    """Holds `path` locked from its making until `release`, which removes the file.

    Raises `Held` where it is held, another `OSError` where there can be no lock: no such folder, or a file system
    without locks.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._process = os.getpid()
        while True:
            self._file = FileIO(path, "a+")
            try:
                _lock(self._file)
                if self._is_ours():
                    return
            except OSError as error:
                self._file.close()
                if error.errno in _BY_ANOTHER:
                    raise Held(error.errno, error.strerror, str(path)) from error
                raise
            self._file.close()

    def _is_ours(self) -> bool:
        """Whether the file that is locked is still the one at `path`; who held it before may have removed it."""
        try:
            return os.path.samestat(os.fstat(self._file.fileno()), self._path.stat())
        except FileNotFoundError:
            return False

    def release(self) -> None:
        """Let go and remove the file. Idempotent."""
        if self._file.closed or self._process != os.getpid():
            return  # in the child of a fork: to unlock would unlock it for the parent
        if sys.platform != "win32":
            self._path.unlink(missing_ok=True)  # while it is held: whoever comes next makes a new one
        _unlock(self._file)
        self._file.close()
        if sys.platform == "win32":
            try:
                self._path.unlink(missing_ok=True)
            except PermissionError:
                return  # the next one has it open already


def is_held(path: Path) -> bool:
    """Whether a living process holds the lock at `path`; False where there is no such file."""
    try:
        file = FileIO(path, "r")
    except OSError:
        return False
    with file:
        try:
            _lock(file)
        except OSError:
            return True
        _unlock(file)
    return False
