"""The transistor in series with a device: it limits a set's current and adds resistance to a reading.

Symmetric square law of a long n-channel transistor (Shichman and Hodges, IEEE J. Solid-State Circuits 3, 285 (1968)),
without channel-length modulation and body effect: ``I = k/2 [(Vg - Vs - Vt)+^2 - (Vg - Vd - Vt)+^2]`` from drain to
source. In saturation I = k/2 (Vg - Vt)^2: the gate voltage is the current compliance of a set. At small drain voltage
it is a resistance of 1 / k(Vg - Vt) in series with the device. With the gate at 0 V nothing flows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

_HALVINGS: Final = 50  # of the interval that holds the node: a volt becomes less than a femtovolt


@dataclass(frozen=True)
class Transistor:
    """`threshold` Vt [V] and `gain` k [A/V^2]; as given, 0.3 mA/V^2 of a 180 nm process times a W/L of some 3."""

    threshold: float = 0.45
    gain: float = 1e-3

    def current(self, gate: float, drain: float, source: float) -> float:
        """Current [A] from drain to source at the three voltages [V]."""
        at_source, at_drain = (max(gate - one - self.threshold, 0.0) for one in (source, drain))
        return self.gain / 2 * (at_source**2 - at_drain**2)

    def saturation(self, gate: float) -> float:
        """Largest current [A] into a source at 0 V."""
        return self.current(gate, float("inf"), 0.0)

    def across(self, top: float, source: float, gate: float, conductance: float) -> float:
        """Voltage [V] across a device of `conductance` [S] between the top electrode and the transistor.

        Solves ``G (top - n) = I(gate, n, source)`` for the node n between them: the left side falls with n, the right
        side rises.
        """
        low, high = min(top, source), max(top, source)
        for _ in range(_HALVINGS):
            node = (low + high) / 2
            if conductance * (top - node) > self.current(gate, node, source):
                low = node
            else:
                high = node
        return top - (low + high) / 2
