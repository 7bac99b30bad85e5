"""What a held voltage does to a virtual device: forms a pristine one, then sets and resets it.

Forming is a dose: ``d(dose)/dt = exp((|V| - V_f)/v_f)`` per second, and the filament is there when the dose is 1. V_f
is the voltage that forms in 1 s; on a ramp of rate r [V/s] that begins far below, forming comes at
``V_f + v_f ln(r/v_f * 1 s)``, v_f ln 10 later for every decade of rate: the exponential field law of breakdown
(McPherson and Mogul, J. Appl. Phys. 84, 1513 (1998)), as measured for the forming of HfO2 (Lorenzi, Rao and Irrera,
IEEE Trans. Device Mater. Reliab. 15, 245 (2015)).

A hold goes on where pulses left off: it counts as ``x = (int a(V) dt)^beta`` pulses (`sim_device.models.voltage_law`),
from the moment at which the voltage passed the threshold or changed its sign. A current limit I takes voltage off the
device as its conductance rises, ``|V| = min(V_held, I/G)``, so that a set ends by itself where I/G no longer moves it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from instruments.crosspoints import Pulse
from sim_device.models.voltage_law import VoltageLaw

_SHARE = 0.25  # of v0: most by which the voltage of the device may fall within one step of the integration
_MOST_STEPS = 100_000


@dataclass(frozen=True)
class Forming:
    """A pristine kind: `voltage` V_f [V] and `scale` v_f [V] of the law above, `leak` [S] before it is formed.

    `spread` is the device-to-device standard deviation of V_f [V].
    """

    voltage: float
    scale: float
    leak: float
    spread: float = 0.0

    def rate(self, voltage: float) -> float:
        """Dose per second [1/s] at `voltage` [V]."""
        return math.exp(min((abs(voltage) - self.voltage) / self.scale, 600.0))


@dataclass(frozen=True)
class Switching:
    """That a kind of device is moved by a voltage that is held, above `threshold` [V]; pristine where it has `forming`.

    `hold_to_hold` is the standard deviation of the log rate [1] from one hold to the next: v0 times it is the
    cycle-to-cycle spread of the voltages at which it sets and resets.
    """

    threshold: float
    hold_to_hold: float = 0.0
    forming: Forming | None = None


class Hold:
    """A voltage that is being held: its dose so far, in one direction, above the threshold."""

    def __init__(self, law: VoltageLaw, normal: Callable[[], float]) -> None:
        self._law, self._normal = law, normal
        self._dose = 0.0
        self._direction = 0
        self._factor = 0.0

    def released(self) -> None:
        """The voltage fell below the threshold: what comes next is another pulse."""
        self._dose, self._direction = 0.0, 0

    def moved(
        self, g: float, seconds: float, drive: tuple[float, float], way: tuple[float, float, Pulse], scatter: float
    ) -> float:
        """Conductance [S] after `seconds` more of a `drive` (voltage [V], current limit [A]), from `g` [S].

        `way` is the bound [S] that it goes to, the fraction of the way of one reference pulse, and that pulse.
        """
        (voltage, limit), (bound, fraction, reference) = drive, way
        direction = 1 if voltage > 0 else -1
        if direction != self._direction:
            self._dose, self._direction = 0.0, direction
            self._factor = scatter * self._normal() if scatter else 0.0
        per_pulse = -math.log1p(-fraction) * math.exp(self._factor)
        beta = self._law.exponent
        left = seconds
        for _ in range(_MOST_STEPS):
            across = min(abs(voltage), limit / g)
            rate = math.exp(min(self._law.log_rate(across, reference), 600.0))
            begun = self._dose**beta
            after = bound + (g - bound) * math.exp(-per_pulse * ((self._dose + rate * left) ** beta - begun))
            part = 1 + _SHARE * self._law.scale / across
            most = g * part if bound > g else g / part  # where the limit changes the voltage by that share of v0
            limited = abs(voltage) * max(after, g) > limit
            if not limited or abs(after - g) <= abs(most - g):
                self._dose += rate * left
                return after
            pulses = math.log((bound - g) / (bound - most)) / per_pulse
            dose = (begun + pulses) ** (1 / beta)
            left -= (dose - self._dose) / rate
            g, self._dose = most, dose
        return g
