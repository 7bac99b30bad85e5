"""One recorded crosspoint replayed on many simulated devices: prediction bands, and how much of it they hold.

Every member of the ensemble is a device drawn from what the fit knows (its covariance) with noise of its own, started
where the record starts as far as its first readings tell. If the fitted device is right, the record is one more of
them: at each reading it has every rank among them with the same probability, so that the band between the ranks
(N + 1)/40 and N + 1 − (N + 1)/40 of N + 1 holds it in exactly 95 % of all cases. How much the share of readings inside
scatters, correlated as they are, is seen from the members themselves, each held against all others in the same way.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from instruments.crosspoints import FloatArray, IntArray
from instruments.errors import InputError
from sim_device.arrays.crosspoints import SimCrosspoints, SimNoise
from sim_device.models.device_model import DeviceModel
from sim_device.models.fitted import FittedDevice
from sim_device.models.presets import Preset

SIMULATIONS = 399
TAIL = 40  # one in so many of the pooled readings lies below the band, one in so many above: 95 % between
CHUNK = 4096  # readings of all members that are held at once
_ATTEMPTS = 50  # draws of parameters, until they make a device


@dataclass(frozen=True)
class Trace:
    """One crosspoint as recorded: signed `pulses` before each row, `conductance` [unit] (NaN where nothing was read),
    and `fresh`: whether what happened before a row is not known, so that it is a new beginning. Each of shape (n,).
    """

    pulses: IntArray
    conductance: FloatArray
    fresh: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.pulses)


@dataclass(frozen=True)
class Band:
    """A record beside an ensemble.

    Attributes
    ----------
    rows
        (k,) rows of the record that were read and are predicted: not the first of each piece, which tell the start.
    recorded, median, low, high
        (k,) [unit]; `low` to `high` is the 95 % prediction band.
    inside
        (k,) whether the recorded reading lies within.
    shares
        (N + 1,) part of the readings inside, of the record first, then of each member held against all others.
    """

    rows: IntArray
    recorded: FloatArray
    median: FloatArray
    low: FloatArray
    high: FloatArray
    inside: NDArray[np.bool_]
    shares: FloatArray

    @property
    def share(self) -> float:
        """Part of the recorded readings inside; NaN where none was predicted."""
        return float(self.shares[0])


def replayed(trace: Trace, device: FittedDevice | Preset, *, simulations: int = SIMULATIONS, seed: int = 0) -> Band:
    """The record replayed on `simulations` devices. `InputError` unless their number + 1 is a multiple of 40."""
    if simulations < TAIL - 1 or (simulations + 1) % TAIL:
        raise InputError(f"{simulations} simulations make no exact 95 % band; give {SIMULATIONS}, or another 40 k - 1")
    rng = np.random.Generator(np.random.Philox([seed, 17]))
    parts = [_piece(trace, rows, device, simulations, rng) for rows in _pieces(trace)]
    inside = np.concatenate([np.zeros((0, simulations + 1), dtype=np.bool_), *(part[1] for part in parts)])
    rows, recorded, median, low, high = (
        np.concatenate([np.zeros(0), *(part[0][k] for part in parts)]) for k in range(5)
    )
    shares = inside.mean(axis=0) if len(inside) else np.full(simulations + 1, np.nan)
    held = inside[:, 0] if len(inside) else np.zeros(0, dtype=np.bool_)
    return Band(rows.astype(np.int64), recorded, median, low, high, held, shares)


def _pieces(trace: Trace) -> Iterator[slice]:
    """From the first reading after each beginning to the next beginning."""
    begins = np.flatnonzero(trace.fresh | (np.arange(len(trace)) == 0)).tolist()
    for begin, end in zip(begins, [*begins[1:], len(trace)], strict=True):
        read = np.flatnonzero(np.isfinite(trace.conductance[begin:end]))
        if len(read) > 1:
            yield slice(begin + int(read[0]), end)


def _piece(
    trace: Trace, rows: slice, device: FittedDevice | Preset, number: int, rng: np.random.Generator
) -> tuple[list[FloatArray], NDArray[np.bool_]]:
    """(rows, recorded, median, low, high) of what is predicted, and who is inside: (k, 1 + number)."""
    pulses, recorded = trace.pulses[rows].copy(), trace.conductance[rows]
    pulses[0] = 0  # they are in the reading that is the start
    moved = np.flatnonzero(pulses)
    skipped = int(moved[0]) if len(moved) else 1  # rows that tell the start, and are not predicted
    at_rest = recorded[:skipped][np.isfinite(recorded[:skipped])]
    start, told = float(at_rest.mean()), len(at_rest)
    members = [_member(device, rng, start, told) for _ in range(number)]
    kept: list[list[FloatArray]] = []
    holds: list[NDArray[np.bool_]] = []
    for first in range(0, len(pulses), CHUNK):
        part = slice(first, min(first + CHUNK, len(pulses)))
        made = np.stack([one.trace(pulses[part]).conductance[:, 0, 0] for one in members], axis=1)
        wanted = np.isfinite(recorded[part]) & (np.arange(first, part.stop) >= skipped)
        found, inside = _ranked(recorded[part][wanted], made[wanted])
        kept.append([rows.start + first + np.flatnonzero(wanted).astype(np.float64), *found])
        holds.append(inside)
    return [np.concatenate([one[k] for one in kept]) for k in range(5)], np.concatenate(holds)


def _ranked(recorded: FloatArray, made: FloatArray) -> tuple[list[FloatArray], NDArray[np.bool_]]:
    """[recorded, median, low, high] of (k,) readings and (k, number) simulated ones; who of all is inside."""
    number = made.shape[1]
    tail = (number + 1) // TAIL
    of_members = np.partition(made, [tail - 1, number // 2, number - tail], axis=1)
    pooled = np.concatenate([recorded[:, np.newaxis], made], axis=1)
    bounds = np.partition(pooled, [tail, number - tail], axis=1)
    inside = (pooled >= bounds[:, [tail]]) & (pooled <= bounds[:, [number - tail]])
    low, median, high = of_members[:, tail - 1], of_members[:, number // 2], of_members[:, number - tail]
    return [recorded, median, low, high], inside


def _member(device: FittedDevice | Preset, rng: np.random.Generator, start: float, readings: int) -> SimCrosspoints:
    """One device as it may be, started where `readings` readings of mean `start` may have left it."""
    model, noise = _drawn(device, rng) if isinstance(device, FittedDevice) else (device.model, _noise_of(device))
    low, high = model.range
    at = start + rng.standard_normal() * float(np.hypot(noise.read, noise.write)) / np.sqrt(max(1, readings))
    unit = device.unit if isinstance(device, FittedDevice) else "S"
    initial = float(np.clip(at, low, high))
    return SimCrosspoints(model, noise=noise, initial=initial, unit=unit, seed=int(rng.integers(2**31)))


def _noise_of(device: Preset) -> SimNoise:
    return SimNoise(device.cycle_to_cycle, device.read_noise, device.write_noise)


def _drawn(device: FittedDevice, rng: np.random.Generator) -> tuple[DeviceModel, SimNoise]:
    """Model and noise drawn from the covariance of the fit; as they were estimated where it has none."""
    model, noise = device.model(), device.noise
    as_found = SimNoise(noise.cycle_to_cycle or 0.0, noise.read or 0.0, noise.write or 0.0)
    if device.covariance is None:
        return model, as_found
    names = device.covariance.names
    values: dict[str, Any] = {
        **device.parameters,
        f"read_{device.unit}": noise.read,
        "cycle_to_cycle": noise.cycle_to_cycle,
    }
    known = [name for name in names if isinstance(values.get(name), float)]
    at = [names.index(name) for name in known]
    spread = _root(np.array(device.covariance.matrix)[np.ix_(at, at)])
    for _ in range(_ATTEMPTS):
        drawn = {
            name: values[name] + d for name, d in zip(known, spread @ rng.standard_normal(len(known)), strict=True)
        }
        own = {name: value for name, value in drawn.items() if name in device.parameters}
        try:
            made = type(model).from_parameters({**device.parameters, **own}, device.unit)
        except InputError:
            continue
        read = max(0.0, drawn.get(f"read_{device.unit}", as_found.read))
        return made, SimNoise(max(0.0, drawn.get("cycle_to_cycle", as_found.cycle_to_cycle)), read, as_found.write)
    return model, as_found


def _root(covariance: FloatArray) -> FloatArray:
    """A root of a covariance, which may be singular, in units in which its numbers are alike."""
    scale = np.sqrt(np.maximum(np.diag(covariance), 1e-300))
    values, vectors = np.linalg.eigh(covariance / np.outer(scale, scale))
    return scale[:, np.newaxis] * vectors * np.sqrt(np.maximum(values, 0.0))
