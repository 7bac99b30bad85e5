"""Fits of many devices in one call, and their population: mean and spread of each parameter, with errors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from instruments.crosspoints import FloatArray, IntArray
from instruments.errors import InputError
from sim_device.fit.average import averaged
from sim_device.fit.estimate import Estimate, linear
from sim_device.fit.population import Spread, spread_of
from sim_device.fit.result import Fit
from sim_device.fit.straight import soft_bounds
from sim_device.fit.symmetry import CLEAR
from sim_device.fit.trace import trace_of

TINY = 1e-30  # step of a complex derivative, exact to rounding


@dataclass(frozen=True)
class ArrayFit:
    """Soft bounds fitted to every device of an array.

    Attributes
    ----------
    unit
        Of conductance.
    numbers, std
        (rows, columns) arrays by name: ``g_min_S, g_max_S, s_up, s_down, read_S, cycle_to_cycle,
        symmetry_point_S, step_S`` and their standard deviations; NaN where a device does not tell.
    failed
        Why a device could not be fitted, by (row, column).
    population
        Mean and spread over the devices, by the same names; see `Spread`.
    """

    unit: str
    numbers: dict[str, FloatArray]
    std: dict[str, FloatArray]
    failed: dict[tuple[int, int], str]
    population: dict[str, Spread]
    counts: IntArray
    conductance: FloatArray

    def fit(self, row: int, column: int) -> Fit:
        """The whole fit of one device, with its checks and verdict. `InputError` as for `fit_trace`."""
        counts = self.counts[:, row, column]
        return soft_bounds(averaged(linear(trace_of(counts, self.conductance[:, row, column], unit=self.unit))))


def fit_array(counts: ArrayLike, conductance: ArrayLike, *, unit: str = "S") -> ArrayFit:
    """Fit soft bounds to every device of an array.

    Parameters
    ----------
    counts
        (n, rows, columns) signed pulses since the reading before, or (n,) where all devices saw the same.
    conductance
        (n, rows, columns) readings [unit], NaN where one is missing.

    Raises
    ------
    InputError
        The shapes do not fit, or not one device can be fitted. A single device that cannot is told in `failed`.
    """
    g = np.asarray(conductance, dtype=np.float64)
    if g.ndim != 3:
        raise InputError(f"an array takes conductance of shape (readings, rows, columns), not {g.shape}")
    pulses = _recorded(counts, g.shape)
    names = _names(unit)
    found, errors = (np.full((len(names), *g.shape[1:]), np.nan) for _ in range(2))
    failed: dict[tuple[int, int], str] = {}
    for row, column in np.ndindex(*g.shape[1:]):
        try:
            estimate = averaged(linear(trace_of(pulses[:, row, column], g[:, row, column], unit=unit)))
        except InputError as error:
            failed[row, column] = str(error)
            continue
        found[:, row, column], errors[:, row, column] = _numbers(estimate)
    if len(failed) == found[0].size:
        raise InputError("no device of the array can be fitted: " + next(iter(failed.values())))
    return ArrayFit(
        unit,
        dict(zip(names, found, strict=True)),
        dict(zip(names, errors, strict=True)),
        failed,
        {name: spread_of(values, std) for name, values, std in zip(names, found, errors, strict=True)},
        pulses,
        g,
    )


def _recorded(counts: ArrayLike, shape: tuple[int, ...]) -> IntArray:
    """Counts of a recording, one for each reading: they may be as large as what is not known, or come as floats."""
    given = np.asarray(counts)
    given = given[:, np.newaxis, np.newaxis] if given.ndim == 1 else given
    if given.dtype.kind not in "iuf" or not np.all(np.isfinite(given)) or np.any(given != np.rint(given)):
        raise InputError("pulse counts must be whole numbers")
    if given.ndim != 3 or len(given) != shape[0]:
        raise InputError(f"pulse counts of shape {np.shape(counts)} for {shape[0]} readings; one for each is needed")
    try:
        return np.broadcast_to(given.astype(np.int64), shape)
    except ValueError:
        raise InputError(f"pulse counts of shape {given.shape} do not fit readings of shape {shape}") from None


def _names(unit: str) -> tuple[str, ...]:
    return (
        f"g_min_{unit}", f"g_max_{unit}", "s_up", "s_down", f"read_{unit}", "cycle_to_cycle",
        f"symmetry_point_{unit}", f"step_{unit}",
    )  # fmt: skip


def _numbers(estimate: Estimate) -> tuple[FloatArray, FloatArray]:
    """The numbers of one device and their standard deviations; NaN where the slopes do not tell them."""
    moved = estimate.theta[:6] + 1j * TINY * np.vstack([np.zeros(6), np.eye(6)])
    all_at = _formulae(moved, estimate.trace.centre, estimate.trace.scale)
    values, jacobian = all_at[0].real.copy(), all_at[1:].imag.T / TINY
    covariance = estimate.covariance()[:6, :6]
    std = np.sqrt(np.maximum(np.einsum("ki,ij,kj->k", jacobian, covariance, jacobian), 0.0))
    slopes = np.array([estimate.theta[1], estimate.theta[3], estimate.theta[1] + estimate.theta[3]])
    spread = np.sqrt([covariance[1, 1], covariance[3, 3], covariance[1, 1] + covariance[3, 3] + 2 * covariance[1, 3]])
    with np.errstate(divide="ignore", invalid="ignore"):
        told = -slopes > CLEAR * spread
    usable = np.array([told[1], told[0], True, True, True, True, told[2], told[2]])
    usable &= np.isfinite(values) & np.isfinite(std) & (std > 0)
    return np.where(usable, values, np.nan), np.where(usable, std, np.nan)


def _formulae(theta: NDArray[np.complex128], centre: float, scale: float) -> NDArray[np.complex128]:
    """Columns in the order of `_names` from rows of (u0, u1, d0, d1, ln σc², ln σr²) in scaled units."""
    u0, u1, d0, d1, cycle, read = theta.T
    x = -(u0 + d0) / (u1 + d1)
    return np.array([
        centre - scale * d0 / d1, centre - scale * u0 / u1, -u1, -d1, scale * np.exp(read / 2), np.exp(cycle / 2),
        centre + scale * x, scale * (u0 + u1 * x),
    ]).T  # fmt: skip
