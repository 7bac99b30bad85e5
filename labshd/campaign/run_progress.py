"""Progress of one run, as a part of its campaign."""

from __future__ import annotations

from dataclasses import dataclass

from labshd.common.progress import Progress


@dataclass
class ShownInside(Progress):
    """Progress of one run, shown as a part of the campaign's."""

    outer: Progress
    title: str

    def start(self, total: int | None) -> None:
        """Tell that it begins."""
        self.outer.advance(0, 0, self.title)

    def advance(self, steps: int, pulses: int, note: str) -> None:
        """Its pulses are the campaign's; its readings are not units of it."""
        self.outer.advance(0, pulses, f"{self.title}, {note}")

    def stop(self) -> None:
        """The campaign goes on."""
