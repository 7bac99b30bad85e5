"""The asymmetric device as a filter: of m + n up and n down pulses in random order, only the excess m passes.

Onen et al. 2022 write the part of persistent sign as m/(m + 2n). With s = s+ = s− and N = m + 2n pulses in random
order, the mean of soft bounds ±1 settles at ``w = m/(m + 2n)``, whatever it started from: up steps s (1 − w) at the
rate (m + n)/N balance down steps s (1 + w) at the rate n/N. A symmetric device counts m steps, however many cancel.
"""

from __future__ import annotations

import numpy as np
from training_common import ASYMMETRIC, BLACK, BLUE, ORANGE, SYMMETRIC, figure, save, table

from sim_device.arrays.crosspoints import SimCrosspoints, SimNoise
from sim_device.models.device_model import DeviceModel

PULSES, DEVICES = 4000, 200


def settled(model: DeviceModel, share: float) -> tuple[float, float]:
    """Mean weight after 4000 pulses with an excess of ups `share` = m/(m + 2n), and its standard error."""
    block = SimCrosspoints(model, (1, DEVICES), noise=SimNoise(0.3), seed=1)
    rng = np.random.default_rng(2)
    ups = round(PULSES * (1 + share) / 2)
    order = np.repeat([1, -1], [ups, PULSES - ups])
    block.trace(rng.permuted(np.tile(order, (DEVICES, 1)), axis=1).T[:, np.newaxis, :])
    weights = (block.conductance - 5e-6) / 4e-6
    return float(weights.mean()), float(weights.std(ddof=1) / np.sqrt(DEVICES))


def main() -> None:
    """Where both devices end against the part of persistent sign."""
    shares = np.linspace(-0.8, 0.8, 17)
    sheet, (axes,) = figure(1, 6.4)
    rows: list[list[float]] = []
    soft = np.array([settled(ASYMMETRIC, share) for share in shares])
    constant = np.array([settled(SYMMETRIC, share) for share in shares])
    rows = [[share, *a, c[0]] for share, a, c in zip(shares, soft, constant, strict=True)]
    axes.plot(shares, shares, color=BLACK, lw=1, label="m/(m + 2n)")
    axes.errorbar(shares, soft[:, 0], 3 * soft[:, 1], fmt="o", color=ORANGE, label="asymmetric device")
    axes.plot(shares, constant[:, 0], "s", color=BLUE, ms=4, label="symmetric device (at its bounds)")
    axes.set(xlabel="persistent part m/(m + 2n)", ylabel="mean weight", title=f"after {PULSES} pulses in random order")
    axes.legend(fontsize="small")
    table(["m/(m + 2n)", "asymmetric", "std", "symmetric"], rows)
    save(sheet, "filter")


if __name__ == "__main__":
    main()
