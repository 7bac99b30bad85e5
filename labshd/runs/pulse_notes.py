"""Notes of pulses, written before they are fired, so that the pulses of a killed run can be counted.

A line a crosspoint, its name and the total so far in a fixed width, written over in place: one write before each firing
and never more than a few lines, however long the run. When a run is closed the totals are in its run.json.
"""

from __future__ import annotations

from collections.abc import Mapping
from io import FileIO
from pathlib import Path
from typing import Any, cast

from instruments.whole_files import read_text
from labshd.runs.files import unwritable

NOTES = "pulses.txt"
FIRED = "pulses_fired"  # in run.json: the totals, by name of crosspoint
UNCERTAIN = "pulses_uncertain"  # in run.json: those of them of which nobody knows whether they were delivered
HALF_SELECTED = "pulses_half_selected"  # in run.json of a crossbar: pulses on others that share a line, no budget's
_DIGITS = 12


class PulseNotes:
    """The notes of one run; what was noted is with the operating system when the call returns.

    Parameters
    ----------
    path
        A new file, or one that is written over.
    before
        Totals to go on from, of a run that was cut off.
    """

    def __init__(self, path: Path, before: Mapping[str, int] | None = None) -> None:
        self.totals: dict[str, int] = {}
        self._path = path
        self._places: dict[str, int] = {}
        try:
            self._file = FileIO(path, "wb")
        except OSError as error:
            raise unwritable(path, error) from error
        for name, total in (before or {}).items():
            self(name, total)

    def __call__(self, name: str, count: int) -> None:
        """Note `count` pulses that are about to be fired at a crosspoint; `RunError` where that is not possible."""
        total = self.totals[name] = self.totals.get(name, 0) + count
        try:
            place = self._places.get(name)
            if place is None:
                end = self._file.seek(0, 2)
                self._file.write(f"{name} {total:0{_DIGITS}d}\n".encode())
                self._places[name] = end + len(name.encode()) + 1
            else:
                self._file.seek(place)
                self._file.write(b"%0*d" % (_DIGITS, total))
        except OSError as error:
            raise unwritable(self._path, error) from error

    def close(self) -> None:
        """Close. Idempotent."""
        self._file.close()


def fired_in(folder: Path, info: Mapping[str, Any]) -> dict[str, int] | None:
    """Pulses fired in a run by name of crosspoint, those in doubt among them; None where the run does not tell.

    From its run.json where it was closed, else from its notes.
    """
    kept = info.get(FIRED)
    if isinstance(kept, dict):
        return {str(name): int(count) for name, count in cast("dict[str, Any]", kept).items()}
    try:
        lines = read_text(folder / NOTES).splitlines()
    except (OSError, UnicodeDecodeError):
        return None
    parts = [line.split(" ") for line in lines]
    return {part[0]: int(part[1]) for part in parts if len(part) == 2 and len(part[1]) == _DIGITS and part[1].isdigit()}
