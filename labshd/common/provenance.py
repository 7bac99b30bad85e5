"""Provenance of a run: who, when, and with which versions, so that it can be repeated in twenty years."""

from __future__ import annotations

import getpass
import inspect
import os
import platform
import socket
import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

_PACKAGES = ("labshd", "numpy", "scipy", "pandas", "numba", "pyvisa", "pyvisa-py", "pymeasure")


@dataclass(frozen=True)
class What:
    """What a run does: `kind` ("protocol", "import", "train"), its `name` and its `settings` (JSON-able).

    `source` is the text of a protocol that does not come with labshd, as `source_of` gives it; `campaign` says of which
    campaign a run is, and its place there.
    """

    kind: str
    name: str
    settings: dict[str, Any] = field(default_factory=dict[str, Any])
    seed: int | None = None
    source: dict[str, str] | None = None
    campaign: dict[str, Any] | None = None


@dataclass(frozen=True)
class Where:
    """The crosspoints of a run: `name`, `shape` (rows, columns), `unit` of conductance, and where they come from."""

    name: str
    shape: tuple[int, int] = (1, 1)
    unit: str = "S"
    origin: dict[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True)
class StationRecord:
    """The station of a run: its file as text, what came of it, who answered at each address, and the limits."""

    file: str = ""
    text: str = ""
    resolved: dict[str, Any] = field(default_factory=dict[str, Any])
    instruments: dict[str, Any] = field(default_factory=dict[str, Any])
    limits: dict[str, Any] = field(default_factory=dict[str, Any])


def now() -> datetime:
    """The time, in UTC."""
    return datetime.now(UTC)


def who() -> dict[str, str]:
    """User and host; "unknown" where the system does not tell."""
    try:
        user = getpass.getuser()
    except (OSError, KeyError, ImportError):  # a container without a user entry
        user = "unknown"
    return {"user": user, "host": socket.gethostname() or "unknown"}


def versions() -> dict[str, str]:
    """Versions of Python, the system, labshd and the libraries a result depends on."""
    found = {"python": platform.python_version(), "system": f"{platform.system()} {platform.release()}"}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found


def source_of(protocol: type) -> dict[str, str] | None:
    """File and text of a protocol of the user's own; None of those that come with labshd, whose version tells it.

    Of a class that was typed into a notebook it is the text of the class, where Python still has it.
    """
    if protocol.__module__.partition(".")[0] == "protocols":
        return None
    try:
        path = Path(inspect.getfile(protocol))
        return {"file": str(path.absolute()), "text": path.read_text(encoding="utf-8")}
    except (OSError, TypeError, ValueError):  # typed in: no file, or one that is not there
        pass
    try:
        return {"file": "", "text": inspect.getsource(protocol)}
    except (OSError, TypeError):
        return {"file": "", "text": ""}


def process() -> dict[str, Any]:
    """The process that writes a run: number and command line."""
    return {"pid": os.getpid(), "command": list(sys.argv)}
