"""Who, when, with what: what a run keeps so that it can be understood, and repeated, in twenty years."""

from __future__ import annotations

import getpass
import os
import platform
import socket
import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any

_PACKAGES = ("labshd", "numpy", "scipy", "pandas", "numba", "pyvisa", "pyvisa-py", "pymeasure")


@dataclass(frozen=True)
class What:
    """What a run does: `kind` ("protocol", "import", "train"), its `name` and its `settings` (JSON-able)."""

    kind: str
    name: str
    settings: dict[str, Any] = field(default_factory=dict[str, Any])
    seed: int | None = None


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


def process() -> dict[str, Any]:
    """The process that writes a run: number and command line."""
    return {"pid": os.getpid(), "command": list(sys.argv)}
