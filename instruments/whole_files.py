"""Files read and written whole: a pipe is not waited for, and a reader sees the old file or the new one, never half."""

from __future__ import annotations

import errno
import secrets
import stat
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path


def is_plain_file(path: Path) -> bool:
    """Whether it is a file that ends: not a pipe or a device, which whoever reads would wait for."""
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except (OSError, ValueError):
        return False


def read_bytes(path: Path) -> bytes:
    """All of a file; `OSError` where there is none, it cannot be read, or it is a pipe or a device."""
    if not stat.S_ISREG(path.stat().st_mode):
        raise OSError(errno.EINVAL, "it is no file that ends", str(path))
    return path.read_bytes()


def read_text(path: Path, encoding: str = "utf-8") -> str:
    """As `read_bytes`, as text with plain line ends; `UnicodeDecodeError` where it is none."""
    return read_bytes(path).decode(encoding).replace("\r\n", "\n").replace("\r", "\n")


@contextmanager
def written_whole(path: Path) -> Generator[Path]:
    """The file to write instead of `path`, in the same folder; it takes its place at the end, if nothing was raised.

    Nobody can know its name beforehand: a link that lies in a folder of somebody else's is not followed.
    """
    passing = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        passing.touch(exist_ok=False)
        yield passing
        passing.replace(path)
    finally:
        with suppress(OSError):
            passing.unlink(missing_ok=True)
