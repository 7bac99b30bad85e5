"""Who holds a file: a lock that the operating system drops when its process ends, however it ends."""

from __future__ import annotations

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


class FileLock:
    """Holds `path` locked from its making until `release`, which removes the file. `OSError` where it is held."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = FileIO(path, "a+")
        try:
            _lock(self._file)
        except OSError:
            self._file.close()
            raise

    def release(self) -> None:
        """Let go and remove the file. Idempotent."""
        if self._file.closed:
            return
        _unlock(self._file)
        self._file.close()
        self._path.unlink(missing_ok=True)


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
