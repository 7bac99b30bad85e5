"""Analyses as files: numbers as JSON and figures as PNG, beside a run or in a folder of one's own."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from instruments.errors import InputError
from instruments.whole_files import written_whole
from labshd.runs.json_files import read_json, write_json

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from labshd.analysis.as_protocol import Analysed
    from labshd.runs.run import Run

SHOWN = 4  # crosspoints of a block that get figures of their own, as in a report


def keep(analysed: Analysed, folder: Path | None = None) -> tuple[list[Path], list[str]]:
    """Write ``analysis-PROTOCOL.json`` and its figures into `folder` (that of the run where none is given).

    Figures of an analysis of this protocol before are replaced. The run itself, its run.json, is not changed. Gives the
    files, and why figures could not be drawn; `InputError` where they cannot be written.
    """
    place = folder or analysed.run.folder
    stem = stem_of(analysed.protocol.name)
    try:
        place.mkdir(parents=True, exist_ok=True)
        for old in place.glob(f"{stem}-figure-*.png"):
            old.unlink()
        figures, problems = _drawn(analysed)
        pictures = [_picture(figure, place / f"{stem}-figure-{k}.png") for k, figure in enumerate(figures, 1)]
    except OSError as error:
        raise InputError(f"cannot write into {place}: {error.strerror or error}; give another place, --out") from None
    path = place / f"{stem}.json"
    write_json(path, {**analysed.json(), "figures": [one.name for one in pictures], "not_drawn": problems or None})
    return [path, *pictures], problems


def stem_of(protocol: str) -> str:
    """How the files of an analysis are called, without their ending."""
    return f"analysis-{re.sub(r'[^A-Za-z0-9._]+', '-', protocol)}"


def kept_in(run: Run) -> list[Path]:
    """The analyses that were kept in the folder of a run."""
    return sorted(run.folder.glob("analysis-*.json"))


def asked_in(path: Path) -> object:
    """What the analysis in a file was asked for; `InputError` where the file is none."""
    return read_json(path).get("asked")


def _drawn(analysed: Analysed) -> tuple[list[Figure], list[str]]:
    """Figures, and why some could not be drawn: a protocol may be a user's own; its numbers are kept all the same."""
    figures: list[Figure] = []
    problems: list[str] = []
    for part in [part for part in analysed.parts if part.result is not None][:SHOWN]:
        try:
            figures += analysed.figures(part.cell)
        except Exception as error:
            problems.append(f"{type(error).__name__}: {error}")
    return figures, problems


def _picture(figure: Figure, path: Path) -> Path:
    with written_whole(path) as passing:
        figure.savefig(passing, format="png", dpi=160)
    return path
