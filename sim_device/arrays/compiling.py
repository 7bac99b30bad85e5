"""Compiled loops, cached between processes in a folder that belongs to exactly this source.

Numba notices when the file of a cached function changes, but not when a compiled function that it calls, in another
file, does: after an update the old machine code would be run against new callers. So the cache lies in a folder whose
name is a digest of all source with compiled functions.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, Final

import numba
from numba.core import config as _numba_config

_PACKAGE = Path(__file__).parents[1]  # sim_device: the fits are compiled, too
KEPT: Final = 86_400.0  # [s] that the folder of another source is kept after the last process began with it
config: Any = _numba_config  # its names are made at run time


def njit(**options: Any) -> Callable[[Callable[..., Any]], Any]:
    """``numba.njit(**options)`` with the cache where it belongs; a NUMBA_CACHE_DIR of the user's is a parent of it."""

    def compile_lazily(function: Callable[..., Any]) -> Any:
        before = config.CACHE_DIR
        config.CACHE_DIR = str(cache_folder())
        try:
            return numba.njit(**options)(function)
        finally:
            config.CACHE_DIR = before

    return compile_lazily


@cache
def cache_folder() -> Path:
    """The folder for this source; those of other sources beside it that nobody has begun with for long are removed."""
    digest = hashlib.sha256()
    for source in (path.read_bytes() for path in sorted(_PACKAGE.rglob("*.py"))):
        if b"numba" in source or b"@compiled" in source or b"@njit" in source:
            digest.update(source)
    name = f"compiled-{digest.hexdigest()[:16]}"
    for parent in _parents():
        folder = parent / name
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError:
            continue
        if os.access(folder, os.W_OK):
            _remove_others(folder)
            return folder
    return Path(tempfile.mkdtemp(prefix="labshd-"))


def _parents() -> list[Path]:
    """Where compiled code may be kept, the best first: an installed package may be read-only."""
    asked = [Path(config.CACHE_DIR) / "labshd"] if config.CACHE_DIR else []
    return [*asked, _PACKAGE / "__pycache__", Path.home() / ".cache" / "labshd"]


def _remove_others(folder: Path) -> None:
    """Not at once: a process that began with another source a moment ago, or shares the parent, compiles into its own.

    The age of a folder is that of the last process that began with it.
    """
    with suppress(OSError):
        os.utime(folder)
    for other in folder.parent.glob("compiled-*"):
        with suppress(OSError):  # somebody else removes it, too
            if other != folder and time.time() - other.stat().st_mtime > KEPT:
                shutil.rmtree(other, ignore_errors=True)
