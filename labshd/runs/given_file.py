"""A file of measured data, read once: its bytes, its lines whatever the encoding, and which file it was."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from instruments.errors import InputError
from instruments.whole_files import read_bytes

WORKBOOK = b"PK\x03\x04"
HDF5 = b"\x89HDF\r\n\x1a\n"
_KINDS = (
    (b"\x89PNG", "a picture (PNG)"),
    (b"\xff\xd8\xff", "a picture (JPEG)"),
    (b"GIF8", "a picture (GIF)"),
    (b"BM", "a picture (BMP)"),
    (b"II*\x00", "a picture (TIFF)"),
    (b"MM\x00*", "a picture (TIFF)"),
    (b"%PDF", "a PDF"),
)
_OLD_WORKBOOK = b"\xd0\xcf\x11\xe0"


@dataclass(frozen=True)
class GivenFile:
    """What is imported: `data` is all of the file at `path`, as it was when it was read."""

    path: Path
    data: bytes

    def described(self) -> dict[str, Any]:
        """Name, size and SHA-256: which data this was can be told later."""
        digest = hashlib.sha256(self.data).hexdigest()
        return {"file": str(self.path.resolve()), "bytes": len(self.data), "sha256": digest}

    def lines(self) -> tuple[list[str], str]:
        """The lines of a text, and its encoding as a person calls it."""
        for encoding, name in _encodings(self.data):
            try:
                text = self.data.decode(encoding)
            except UnicodeDecodeError:
                continue
            if "\0" in text:
                break
            return re.split(r"\r\n|\r|\n", text), name
        raise InputError(f"{self.path}: not a text file (it holds zero bytes); save it as CSV")


def given_file(path: Path) -> GivenFile:
    """Read a file; `InputError` where it cannot be read or holds no table: a picture, an old workbook, a PDF."""
    try:
        data = read_bytes(path)
    except FileNotFoundError:
        raise InputError(f"{path}: there is no such file") from None
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from None
    if not data.strip():
        raise InputError(f"{path} is empty; a table of readings is needed")
    if data.startswith(_OLD_WORKBOOK):
        raise InputError(
            f"{path}: an old Excel workbook (.xls), which labshd does not read; open it and save it as .xlsx "
            "(Excel workbook), or each sheet as CSV UTF-8"
        )
    for start, kind in _KINDS:
        if data.startswith(start) and (start != b"BM" or b"\0" in data[:64]):
            raise InputError(f"{path}: {kind}, not a table; give the numbers that it shows as CSV or XLSX")
    return GivenFile(path, data)


def _encodings(data: bytes) -> list[tuple[str, str]]:
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return [("utf-16", "UTF-16")]
    # Latin-1 takes any byte: Windows programs write the micro sign so.
    return [("utf-8-sig", "UTF-8"), ("cp1252", "Windows-1252"), ("latin-1", "Latin-1")]
