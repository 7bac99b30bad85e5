"""Checks of the Python environment: packages that cannot be installed beside labshd."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version


def conflicts() -> list[str]:
    """Sentences about installed packages that hide parts of labshd; empty where all is well."""
    try:
        found = version("instrumentkit")
    except PackageNotFoundError:
        return []
    return [
        f"InstrumentKit {found} is installed in this environment; it brings a package called 'instruments', as labshd "
        "does, and one hides the other: give each an environment of its own"
    ]
