"""Numbers from runs: fits of device models, predictions by simulated devices."""

from __future__ import annotations

from typing import TYPE_CHECKING

from instruments.homes import offered

if TYPE_CHECKING:
    from labshd.analysis.fit import fit_run

__all__ = ["fit_run"]
_HOMES = {"fit_run": "labshd.analysis.fit"}
__getattr__ = offered(__name__, _HOMES)
