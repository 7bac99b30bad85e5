"""How the step grows with the pulse: exponentially with voltage, as a power of the width."""

from __future__ import annotations

import math
from dataclasses import dataclass

from instruments.crosspoints import Pulse
from instruments.errors import InputError

_LARGEST = 600.0  # exponent beyond which a double overflows; such a pulse goes all the way


@dataclass(frozen=True)
class VoltageLaw:
    """``x = sinh(|V|/v0) / sinh(|V_ref|/v0) * (w/w_ref)^beta``: a pulse counts as `x` pulses of reference.

    `scale` is v0 [V], `exponent` beta [1]. sinh for protonic ECRAM after Onen 2022; exponential for metal-oxide ECRAM
    after Kim, IEDM 2019, and for the switching of RRAM (Menzel et al., Adv. Funct. Mater. 25, 6306 (2015)).
    """

    scale: float
    exponent: float

    def __post_init__(self) -> None:
        """Refuse what is no law."""
        given = {"scale": self.scale, "exponent": self.exponent}
        if wrong := [f"{key} = {value:g}" for key, value in given.items() if not 0 < value < math.inf]:
            raise InputError(f"a law of pulse voltage and width has positive, finite numbers, not {', '.join(wrong)}")

    def times(self, pulse: Pulse, reference: Pulse) -> float:
        """How many reference pulses `pulse` counts as [1]."""
        ratio = sinh_ratio(abs(pulse.voltage) / self.scale, abs(reference.voltage) / self.scale)
        return ratio * (pulse.width / reference.width) ** self.exponent

    def log_rate(self, voltage: float, reference: Pulse) -> float:
        """``ln a`` of `voltage` [V] held: after t [s] it counts as ``(a t)^beta`` reference pulses; a in [1/s].

        A hold of constant voltage is then one pulse of its length, however often it is looked at, and a staircase is
        one pulse of changing height: ``x = (int a(V) dt)^beta``.
        """
        ratio = sinh_ratio(abs(voltage) / self.scale, abs(reference.voltage) / self.scale)
        return math.log(max(ratio, 1e-290)) / self.exponent - math.log(reference.width)


def sinh_ratio(x: float, reference: float) -> float:
    """``sinh(x) / sinh(reference)`` without overflow."""
    return math.exp(min(x - reference, _LARGEST)) * -math.expm1(-2 * x) / -math.expm1(-2 * reference)
