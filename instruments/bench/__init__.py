"""A bench as crosspoints: who is on, which relays are closed, how a pulse, a reading and a sweep come about."""

from __future__ import annotations

from typing import TYPE_CHECKING

from instruments.homes import moved_names, offered

if TYPE_CHECKING:
    from instruments.bench.bench import Bench, ReadSetting
    from instruments.bench.block import BenchCrosspoints

__all__ = ["Bench", "BenchCrosspoints", "ReadSetting"]
_HOMES = {
    "Bench": "instruments.bench.bench",
    "BenchCrosspoints": "instruments.bench.block",
    "ReadSetting": "instruments.bench.bench",
}
__getattr__ = moved_names(__name__, "instruments.bench.bench", offered(__name__, _HOMES))
