"""Puts a training together: tiles on crosspoints, an algorithm for each layer, the loop around them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike

from instruments.crosspoints import Crosspoints
from instruments.errors import InputError
from labshd.training.algorithms import SGD, SHD, Algorithm, ResidualLearning, Transferring
from labshd.training.buffered import AGAD, ChoppedTTv2, TTv2
from labshd.training.calibration import Calibration
from labshd.training.loop import Settings, Training
from labshd.training.read_path import ReadPath
from labshd.training.tasks import OneParameter, Task
from labshd.training.tile import Tile

TWO_TILES: dict[str, type[Transferring]] = {
    kind.name: kind for kind in (SHD, ResidualLearning, TTv2, ChoppedTTv2, AGAD)
}
ALGORITHMS: tuple[str, ...] = (SGD.name, *TWO_TILES)
"""Names of all algorithms."""


class Maker(Protocol):
    """Gives the crosspoints of one array of a training."""

    def __call__(self, shape: tuple[int, int], name: str, number: int) -> Crosspoints:
        """Crosspoints of this shape; `number` tells the arrays of a training apart, as for their seeds."""
        ...


@dataclass(frozen=True)
class Arrays:
    """What the tiles of a layer stand on.

    `auxiliary` None where the algorithm has none. References [unit] are arrays (as zero-shifting found them), numbers,
    or crosspoints; None takes that of the calibration.
    """

    core: Crosspoints
    auxiliary: Crosspoints | None = None
    core_reference: ArrayLike | Crosspoints | None = None
    auxiliary_reference: ArrayLike | Crosspoints | None = None


@dataclass(frozen=True)
class Place:
    """Which layer of a network it is, what its arrays are called by, and what lies around the core."""

    index: int = 0
    suffix: str = ""
    read_path: ReadPath | None = None
    options: Mapping[str, Any] = field(default_factory=dict[str, Any])


def one_weight(
    task: OneParameter,
    algorithm: str,
    core: Crosspoints,
    calibration: Calibration,
    *,
    auxiliary: Crosspoints | None = None,
    auxiliary_calibration: Calibration | None = None,
    settings: Settings | None = None,
) -> Training:
    """Training of one weight by "sgd" on `core`, or another of `ALGORITHMS` with an `auxiliary` crosspoint beside it.

    Both are blocks of shape (1, 1). `calibration` is that of the core, and of the auxiliary unless that has its own.

    Raises
    ------
    InputError
        Unknown algorithm, no auxiliary crosspoint where one is needed, a target or a reference out of reach.
    """
    settings = settings or Settings()
    for block in (core, auxiliary):
        if block is not None and block.shape != (1, 1):
            raise InputError(f"{block.name} has the shape {block.shape}; one weight takes single crosspoints")
    own = auxiliary_calibration or calibration
    common = calibration
    if algorithm != SGD.name and settings.common_reference:
        common = referred(calibration, own)
    task.check_reach(common.reach)
    layer = layer_of(algorithm, Arrays(core, auxiliary), own, common, settings)
    return Training(task, [layer], settings, common)


def network(
    task: Task,
    algorithm: str,
    make: Maker,
    calibration: Calibration,
    *,
    settings: Settings | None = None,
    read_path: ReadPath | None = None,
    options: Mapping[str, Any] | None = None,
) -> Training:
    """Training of any task, on arrays that `make` gives for every layer, all with the reference of one calibration.

    The cores of a network of several layers are pulsed to random weights first (`start_at_random`). `read_path` is
    between numbers and currents of the core (digital and ideal unless given); `options` are further parameters of the
    algorithm, such as ``{"gamma": 0.2}``.
    """
    settings = settings or Settings()
    task.check_reach(calibration.reach)
    layers: list[Algorithm] = []
    for index, shape in enumerate(task.shapes):
        suffix = f" {index + 1}" if len(task.shapes) > 1 else ""
        core = make(shape, f"core{suffix}", 2 * index)
        auxiliary = make(shape, f"auxiliary{suffix}", 2 * index + 1) if algorithm != SGD.name else None
        arrays = Arrays(core, auxiliary)
        place = Place(index, suffix, read_path, options or {})
        layers.append(layer_of(algorithm, arrays, calibration, calibration, settings, place))
    if len(layers) > 1:
        for index, layer in enumerate(layers):
            start_at_random(layer.core, 1000 * settings.seed + index)
    return Training(task, layers, settings, calibration)


def start_at_random(tile: Tile, seed: int) -> None:
    """Pulse a tile away from zero to uniform random weights up to ``1/√inputs``: at zero, layers learn nothing.

    A layer that passes nothing on gets no gradient back; random weights tell its devices apart.
    """
    most = 1.0 / np.sqrt(tile.shape[1])
    drawn = np.random.Generator(np.random.Philox([seed, 3])).uniform(-most, most, tile.shape)
    tile.pulse(np.rint(drawn / tile.step).astype(np.int64))


def layer_of(
    algorithm: str,
    arrays: Arrays,
    auxiliary: Calibration,
    core: Calibration,
    settings: Settings,
    place: Place | None = None,
) -> Algorithm:
    """One layer: tiles on `arrays`, calibrated, and the algorithm over them."""
    place = place or Place()
    seed = 1000 * settings.seed + 2 * place.index
    c = _tile(f"core{place.suffix}", arrays.core, arrays.core_reference, core, seed + 1, settings)
    c.path = place.read_path
    try:
        if algorithm == SGD.name:
            return SGD(c, settings.rate, **place.options)
        if algorithm not in TWO_TILES:
            raise InputError(f"{algorithm!r} is not an algorithm; these are: {', '.join(ALGORITHMS)}")
        if arrays.auxiliary is None:
            raise InputError(f"{algorithm} takes two crosspoints, auxiliary (A) and core (C); name a second one")
        a = _tile(f"auxiliary{place.suffix}", arrays.auxiliary, arrays.auxiliary_reference, auxiliary, seed, settings)
        rates = (settings.rate, settings.transfer_rate, settings.every)
        return TWO_TILES[algorithm](a, c, *rates, **place.options)
    except TypeError:
        raise InputError(f"{algorithm} does not know all of the options {', '.join(place.options)}") from None


def referred(core: Calibration, auxiliary: Calibration) -> Calibration:
    """The calibration of core crosspoints referred to the reference of the auxiliary ones (3-array form).

    `InputError` where that reference lies outside of what the core reaches.
    """
    return replace(core, reference=auxiliary.reference, reference_std=auxiliary.reference_std)


def simulated_arrays(model: Any, calibration: Calibration, **more: Any) -> Maker:
    """A `Maker` of simulated crosspoints of a device model, started at the reference; `more` as of `SimCrosspoints`."""
    from sim_device.arrays.crosspoints import SimCrosspoints

    seed = int(more.pop("seed", 0))

    def make(shape: tuple[int, int], name: str, number: int) -> Crosspoints:
        given: dict[str, Any] = {"initial": calibration.reference, "unit": calibration.unit} | more
        return SimCrosspoints(model, shape, seed=1000 * seed + number, name=name, **given)

    return make


def _tile(
    name: str, main: Crosspoints, reference: ArrayLike | Crosspoints | None, calibration: Calibration, seed: int,
    settings: Settings,
) -> Tile:  # fmt: skip
    tile = Tile.of(name, main, calibration, seed, settings.pulsing)
    if reference is None:
        return tile
    return replace(tile, reference=reference if isinstance(reference, Crosspoints) else np.asarray(reference))
