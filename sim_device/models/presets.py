"""Published devices as presets in siemens: Li-ECRAM, MO-ECRAM, HfO2 ReRAM, optimised-metal ReRAM.

The sources give conductance as a weight w without unit. The map to siemens is ours, and the same for each preset:
``G = Gc + w · Gw`` with the middle `centre` Gc and `per_weight` Gw [S] stated in the preset. It is a choice of a
plausible window for the technology, not a published number, and no behaviour in units of the window depends on it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from instruments.errors import InputError
from sim_device.models.formulas import DeviceModel, ExponentialStep, LinearStep, SoftBounds
from sim_device.models.population import Spread


@dataclass(frozen=True)
class Preset:
    """A published device: model and noise in siemens, how devices differ, where the numbers come from.

    `cycle_to_cycle` [1] is relative to the step; `read_noise`, `write_noise` [S]; `window` states the map to siemens.
    """

    name: str
    title: str
    source: str
    model: DeviceModel
    cycle_to_cycle: float
    write_noise: float
    read_noise: float
    spread: Spread
    window: str


@dataclass(frozen=True)
class _Window:
    """``G = centre + w · per_weight``, both [S]: our map from published weight units."""

    centre: float
    per_weight: float

    def at(self, weight: float) -> float:
        return self.centre + weight * self.per_weight

    def __str__(self) -> str:
        return f"G = {self.centre * 1e6:g} uS + w · {self.per_weight * 1e6:g} uS (our choice)"


# Read noise is not in the sources' device fits. Ours: 0.06 of a weight, the output noise that Rasch et al. 2019 use for
# a whole row, would swamp one device; a source-measure unit resolves 1e-3 of a weight at these conductances.
_READ = 1e-3


def _linear(window: _Window, step: float, low: float, high: float, gamma_up: float, gamma_down: float) -> LinearStep:
    """``Δw+ = Δ(1 − γ↑ w/high)``, ``Δw− = −Δ(1 − γ↓ w/low)`` in siemens, about the middle of the range.

    With γ < 1 these are soft bounds that lie beyond the hard ones, by 1/γ; the linear step holds both exactly.
    """
    middle, unit = (low + high) / 2, window.per_weight
    return LinearStep(
        g_min=window.at(low),
        g_max=window.at(high),
        up=step * (1 - gamma_up * middle / high) * unit,
        down=-step * (1 - gamma_down * middle / low) * unit,
        up_slope=-step * gamma_up / high,
        down_slope=step * gamma_down / low,
    )


def _exponential(
    window: _Window, step: float, high: float, imbalance: float, a: float, b: float,
    gamma: tuple[float, float], factor: tuple[float, float],
) -> ExponentialStep:  # fmt: skip
    """``Δw± = ±Δ± (1 − A± e^{±γ± z})``, ``z = 2 a w/(w_max − w_min) + b``, bounds ±high, in siemens.

    With ω = (w + high)/(2 high): z = a(2ω − 1) + b, so that up carries A+ e^{γ+ (b − a)} e^{2 a γ+ ω} and down
    A− e^{−γ− (b + a)} e^{2 a γ− (1 − ω)}; a < 0 makes both fall. Only one direction is reduced by the imbalance.
    """
    up = step * (1 + min(imbalance, 0.0)) * window.per_weight
    down = step * (1 - max(imbalance, 0.0)) * window.per_weight
    return ExponentialStep(
        g_min=window.at(-high),
        g_max=window.at(high),
        up=up,
        down=down,
        up_extra=-up * factor[0] * math.exp(gamma[0] * (b - a)),
        down_extra=-down * factor[1] * math.exp(-gamma[1] * (b + a)),
        gamma_up=-2 * a * gamma[0],
        gamma_down=-2 * a * gamma[1],
    )


def _spread(
    step: float, up_down: float, high: tuple[float, float], low: tuple[float, float], *, lognormal: bool = False,
    stuck: float = 0.0,
) -> Spread:  # fmt: skip
    """Published variation of bounds, (bound, its relative standard deviation), as fractions of half the range."""
    half = (high[0] - low[0]) / 2
    return Spread(step, up_down, low=abs(low[0]) * low[1] / half, high=high[0] * high[1] / half,
                  lognormal=lognormal, stuck=stuck)  # fmt: skip


def _li_ecram() -> Preset:
    window, step, high, low = _Window(10e-6, 5e-6), 0.002, 1.1724, -0.8276
    return Preset(
        "li-ecram",
        "Li-WO3 ECRAM, about 1000 states, nearly symmetric",
        "Tang et al., IEDM 2018, 13.1 (1000 up, 1000 down, Fig. 13); fitted as linear steps in AIHWKit's preset EcRam",
        _linear(window, step, low, high, 0.1153, 0.5085),
        cycle_to_cycle=0.3,
        write_noise=0.0,
        read_noise=_READ * window.per_weight,
        spread=_spread(0.1, 0.01, (high, 0.05), (low, 0.05)),
        window=str(window),
    )


def _mo_ecram() -> Preset:
    window, step, high, low = _Window(50e-6, 25e-6), 2.8214e-4, 1.1714, -0.8286
    return Preset(
        "mo-ecram",
        "metal-oxide ECRAM, about 7000 states, noisy small steps",
        "Kim et al., IEDM 2019, 35.7; fitted as linear steps in AIHWKit's preset EcRamMO",
        _linear(window, step, low, high, 0.4152, 0.7342),
        cycle_to_cycle=2.0,
        write_noise=0.0,
        read_noise=_READ * window.per_weight,
        spread=_spread(0.1, 0.01, (high, 0.05), (low, 0.05)),
        window=str(window),
    )


def _hfo2_reram() -> Preset:
    window, step = _Window(20e-6, 15e-6), 0.00135
    return Preset(
        "hfo2-reram",
        "HfO2 ReRAM, strongly asymmetric exponential steps, large noise",
        "Gong et al., Nature Communications 9, 2102 (2018); fitted as exponential steps in AIHWKit's preset ReRamES",
        _exponential(window, step, 1.0, 0.2594, -0.5, -0.5, (5.0, 5.0), (-1.18445, -0.081404)),
        cycle_to_cycle=5.0,
        write_noise=75.0 * step * window.per_weight,
        read_noise=_READ * window.per_weight,
        spread=_spread(0.2, 0.05, (1.0, 0.3), (-1.0, 0.3)),
        window=str(window),
    )


def _om_reram() -> Preset:
    window, step, high, low = _Window(40e-6, 25e-6), 0.0949, 1.4839, -0.6192
    return Preset(
        "om-reram",
        "ReRAM with optimised metal, about 20 states, devices that differ widely, 13.5 % stuck",
        "Gong, Rasch et al., IEDM 2022, 33.7; fitted as soft bounds in AIHWKit's preset ReRamArrayOM",
        SoftBounds(window.at(low), window.at(high), s_up=step / high, s_down=step / -low),
        cycle_to_cycle=0.4158,
        write_noise=1.4113 * step * window.per_weight,
        read_noise=_READ * window.per_weight,
        spread=_spread(0.7829, 0.01, (high, 0.35), (low, 0.57), lognormal=True, stuck=0.135),
        window=str(window),
    )


PRESETS: dict[str, Preset] = {p.name: p for p in (_li_ecram(), _mo_ecram(), _hfo2_reram(), _om_reram())}


def preset(name: str) -> Preset:
    """The preset of this name, such as "li-ecram". `InputError` lists the known ones."""
    if name not in PRESETS:
        raise InputError(f"{name!r} is not a preset; these are: {', '.join(PRESETS)}")
    return PRESETS[name]
