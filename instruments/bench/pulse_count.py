"""Pulse counts of a bench: for each crosspoint those before, those since opening, and the uncertain ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from instruments.limits import Limits


class PulseCount:
    """Pulses by name of crosspoint, either sign.

    Attributes
    ----------
    earlier
        Before the bench was opened, as far as anyone told (`add_earlier`).
    applied
        All that were fired, those of `earlier` among them: this is what counts against the budget.
    doubtful
        Fired and not confirmed, with no reading of the crosspoint since: they may have been delivered, or not.
    watch
        Told the crosspoint and the count of pulses before they are fired.
    """

    def __init__(self) -> None:
        self.earlier: dict[str, int] = {}
        self.applied: dict[str, int] = {}
        self.doubtful: dict[str, int] = {}
        self.watch: Callable[[str, int], object] | None = None

    def add_earlier(self, pulses: Mapping[str, int]) -> None:
        """Count pulses from before the bench was opened towards the budgets."""
        for name, count in pulses.items():
            self.earlier[name] = self.earlier.get(name, 0) + count
            self.applied[name] = self.applied.get(name, 0) + count

    def check(self, name: str, more: int, limits: Limits) -> None:
        """Raise `LimitError` if `more` pulses would pass the budget of a crosspoint."""
        limits.check_budget(self.applied.get(name, 0), more, name, self.earlier.get(name, 0))

    def spent(self, name: str, count: int) -> None:
        """Count what is about to be applied, whatever becomes of it."""
        if self.watch is not None:
            self.watch(name, count)
        self.applied[name] = self.applied.get(name, 0) + count

    def firing(self, name: str, count: int) -> None:
        """Call before pulses are fired: from now on they are spent, and in doubt until `confirmed`."""
        self.spent(name, count)
        self.doubtful[name] = self.doubtful.get(name, 0) + count

    def confirmed(self, name: str, count: int) -> None:
        """The instrument has said that these pulses were delivered."""
        left = self.doubtful[name] - count
        if left:
            self.doubtful[name] = left
        else:
            del self.doubtful[name]

    def is_doubtful(self, name: str) -> bool:
        """Whether pulses in doubt lie before a reading that is taken now; asked once for each, then it is known."""
        return self.doubtful.pop(name, 0) > 0
