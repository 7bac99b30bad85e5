"""In which order runs were begun, whatever the clock said: a number that goes up with every run of a folder."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path
from typing import Final

from labshd.common.locks import FileLock, Held

_COUNT: Final = ".labshd-order"  # the number of the run that was begun last
_PATIENCE: Final = 1.0  # [s] that another process may take to count


def next_number(runs: Path) -> int:
    """The number of a run that begins now; 0 where the folder cannot be counted in, so that its time decides."""
    end = time.monotonic() + _PATIENCE
    while True:
        try:
            lock = FileLock(runs / f"{_COUNT}.lock")
        except Held:
            if time.monotonic() > end:
                return 0
            time.sleep(0.005)
            continue
        except OSError:
            return 0
        break
    try:
        path = runs / _COUNT
        number = _counted(path) + 1
        path.write_text(f"{number}\n", encoding="ascii")
    except OSError:
        return 0
    finally:
        with suppress(OSError):
            lock.release()
    return number


def _counted(path: Path) -> int:
    try:
        return max(0, int(path.read_text(encoding="ascii")[:20]))
    except (OSError, ValueError):
        return 0
