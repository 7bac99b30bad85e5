"""The result of I-V loops: set and reset voltages, on and off, with errors over cycles."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from instruments.crosspoints import FloatArray
from instruments.value_text import value_text
from protocols.analysis.common.json_numbers import plain
from protocols.analysis.iv.loops import NEGATIVE, POSITIVE, Loops, Switch

_OF_BLOCK = ("set_voltage_V", "reset_voltage_V", "on_S", "off_S")


def result(loops: Loops, step: float, abrupt: float) -> dict[str, Any]:
    """Numbers of one crosspoint; `step` [V] is what a single set voltage is known to, uniformly."""
    if not any(loop.whole for loop in loops.loops):
        return {"cycles": 0, "verdict": "Not one loop is whole."}
    switches = [one for one in loops.switches if one is not None]
    ups, downs = [one for one in switches if one.up], [one for one in switches if not one.up]
    numbers: dict[str, Any] = {"cycles": max(loop.cycle for loop in loops.loops if loop.whole) + 1}
    for name, found in (("set", ups), ("reset", downs)):
        numbers |= _voltages(name, found, step) | _abrupt(name, found, abrupt)
    on = np.array([one.after for one in ups] + [one.before for one in downs[: 1 if not ups else 0]])
    off = np.array([one.after for one in downs] + [one.before for one in ups[: 1 if not downs else 0]])
    numbers |= _levels(on, off)
    for polarity in (POSITIVE, NEGATIVE):
        numbers |= _of_side(loops, polarity)
    numbers["each"] = _each(loops)
    return plain(numbers | {"verdict": _verdict(numbers, len(ups), len(downs))})


def _voltages(name: str, found: list[Switch], step: float) -> dict[str, Any]:
    """Mean over cycles; its error from their scatter, not below that of a single one, ``step/sqrt(12)``, over √n."""
    keys = (f"{name}_voltage_V", f"{name}_voltage_std_V", f"{name}_spread_V", f"{name}_spread_std_V")
    volts = np.array([one.voltage for one in found])
    if not volts.size:
        return {**dict.fromkeys(keys), f"{name}_cycles": 0}
    least, n = step / math.sqrt(12), volts.size
    spread = float(volts.std(ddof=1)) if n > 1 else None
    std = max(spread or 0.0, least) / math.sqrt(n)
    error = None if spread is None else max(spread, least) / math.sqrt(2 * (n - 1))
    values = (float(volts.mean()), std, spread, error)
    return {**dict(zip(keys, values, strict=True)), f"{name}_cycles": n}


def _abrupt(name: str, found: list[Switch], abrupt: float) -> dict[str, Any]:
    shares = [one.largest for one in found]
    return {
        f"{name}_abrupt_cycles": sum(share >= abrupt for share in shares),
        f"{name}_largest_step_share": float(np.mean(shares)) if shares else None,
    }


def _levels(on: FloatArray, off: FloatArray) -> dict[str, Any]:
    """Conductance after a set and after a reset, means over cycles; their ratio by the delta method."""
    (high, high_std), (low, low_std) = _mean(on), _mean(off)
    ratio = high / low if high is not None and low else None
    error = None
    if ratio is not None and high and low and high_std is not None and low_std is not None:
        error = ratio * math.hypot(high_std / high, low_std / low)
    return {
        "on_S": high, "on_std_S": high_std, "off_S": low, "off_std_S": low_std,
        "on_resistance_ohm": 1 / high if high else None,
        "on_resistance_std_ohm": high_std / high**2 if high and high_std else None,
        "off_resistance_ohm": 1 / low if low else None,
        "off_resistance_std_ohm": low_std / low**2 if low and low_std else None,
        "on_off_ratio": ratio, "on_off_ratio_std": error,
    }  # fmt: skip


def _mean(values: FloatArray) -> tuple[float | None, float | None]:
    if not values.size:
        return None, None
    std = float(values.std(ddof=1) / math.sqrt(values.size)) if values.size > 1 else None
    return float(values.mean()), std


def _of_side(loops: Loops, polarity: str) -> dict[str, Any]:
    found = loops.of_polarity(polarity)
    if not found:
        return {}
    area, area_std = _mean(np.array([loop.area for loop in found]))
    limited = [float(loop.volts[np.argmax(loop.limited)]) for loop in found if np.any(loop.limited)]
    at, at_std = _mean(np.array(limited))
    return {
        f"hysteresis_{polarity}_W": area,
        f"hysteresis_{polarity}_std_W": area_std,
        f"limited_{polarity}_cycles": len(limited),
        f"limited_{polarity}_from_V": at,
        f"limited_{polarity}_from_std_V": at_std,
        f"largest_current_{polarity}_A": max(float(np.nanmax(np.abs(loop.current))) for loop in found),
    }


def _each(loops: Loops) -> list[dict[str, Any]]:
    return [
        {
            "cycle": loop.cycle + 1,
            "branch": loop.polarity,
            "switch": "none" if one is None else ("set" if one.up else "reset"),
            "voltage_V": None if one is None else one.voltage,
            "before_S": loop.read(loops.read_voltage)[0],
            "after_S": loop.read(loops.read_voltage)[1],
            "largest_step_share": None if one is None else one.largest,
        }
        for loop, one in zip(loops.loops, loops.switches, strict=True)
        if loop.whole
    ]


def _verdict(numbers: dict[str, Any], ups: int, downs: int) -> str:
    said: list[str] = []
    for name, count in (("set", ups), ("reset", downs)):
        if count:
            voltage = value_text(numbers[f"{name}_voltage_V"], numbers[f"{name}_voltage_std_V"], "V")
            how = "abruptly" if 2 * numbers[f"{name}_abrupt_cycles"] > count else "gradually"
            said.append(f"it {name}s {how} at {voltage}")
    if not said:
        return "Nothing switched: the conductance is the same on the way back as on the way out."
    ratio = numbers["on_off_ratio"]
    if ratio is not None:
        said.append(f"on over off is {value_text(ratio, numbers['on_off_ratio_std'], '')}")
    sentence = ", ".join(said)
    return f"{sentence[0].upper()}{sentence[1:]}."


def with_block(found: dict[str, Any]) -> dict[str, Any]:
    """The results of a block with mean and device-to-device spread: ``sqrt(variance - mean squared error)``."""
    each: list[dict[str, Any]] = found["crosspoints"]
    block: dict[str, Any] = {"switching": sum(bool(one.get("set_cycles") or one.get("reset_cycles")) for one in each)}
    for key in _OF_BLOCK:
        name, unit = key.rsplit("_", 1)
        pairs = [(one[key], one[f"{name}_std_{unit}"]) for one in each if one.get(key) is not None]
        if len(pairs) < 2:
            continue
        values, errors = np.array([value for value, _ in pairs]), [error for _, error in pairs if error is not None]
        variance, own = float(values.var(ddof=1)), float(np.mean(np.square(errors or [0.0])))
        block |= {
            f"{name}_mean_{unit}": float(values.mean()),
            f"{name}_mean_std_{unit}": math.sqrt(variance / values.size),
            f"{name}_between_devices_{unit}": math.sqrt(max(variance - own, 0.0)),
        }
    return {**found, "block": plain(block)}
