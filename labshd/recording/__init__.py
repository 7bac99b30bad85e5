"""Recording a protocol into a run, and ending it safely however it ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

from instruments.homes import offered

if TYPE_CHECKING:
    from labshd.recording.recorder import record

__all__ = ["record"]
_HOMES = {"record": "labshd.recording.recorder"}
__getattr__ = offered(__name__, _HOMES)
