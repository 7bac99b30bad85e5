"""How runs and campaigns show themselves: figures, and how they look in a notebook.

What draws registers itself here; a run asks, and need not know who answers. `labshd.report` does, and is looked up by
name where nobody has asked for it before.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_DRAWS = "labshd.report"  # registers on being imported


class Shows(Protocol):
    """Draws runs, and writes them for a notebook."""

    def figures(self, run: Any, array: str, place: tuple[int, int]) -> list[Figure]:
        """The figures of one crosspoint of a run."""
        ...

    def run_html(self, run: Any) -> str:
        """A run in a notebook."""
        ...

    def campaign_html(self, campaign: Any) -> str:
        """A campaign in a notebook."""
        ...


_registered: list[Shows] = []


def register(shows: Shows) -> None:
    """From now on `shows` draws; who registered last is asked."""
    _registered.append(shows)


def shown() -> Shows:
    """Who draws."""
    if not _registered:
        import_module(_DRAWS)
    return _registered[-1]
