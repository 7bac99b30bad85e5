"""Checkpoints of a training: its whole state in one file; a simulation resumes bit for bit."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from instruments.errors import InputError
from instruments.whole_files import written_whole
from labshd.training.loop import Training
from labshd.training.tile import Tile

_TILE = ("pulses", "updates", "products", "clipped", "last", "since", "counted", "lowest", "highest")


def save(training: Training, path: Path | str) -> Path:
    """Write a checkpoint (a NumPy archive without pickles), whole or not at all; gives its path.

    Simulated crosspoints are in it. A bench's devices are not: they keep their conductance themselves.
    """
    target = Path(path)
    numbers: dict[str, Any] = {}
    arrays: dict[str, NDArray[Any]] = {}
    for name, value in _state(training).items():
        if isinstance(value, np.ndarray):
            arrays[name] = value
        else:
            numbers[name] = value
    with written_whole(target) as passing, passing.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, _numbers=np.array(json.dumps(numbers)), **arrays)
    return target


def resume(training: Training, path: Path | str) -> None:
    """Put a training, made with the same arguments, where the checkpoint was; `run` goes on from there.

    `InputError` where the file is none, or of a training of other arrays, algorithm or task.
    """
    state = _load(Path(path))
    expected = _state(training)
    history = {key: state.pop(key) for key in list(state) if key.startswith("history.")}
    state_keys, expected_keys = set(state), {key for key in expected if not key.startswith("history.")}
    if state_keys != expected_keys or state["what"] != expected["what"]:
        found = state.get("what", "something else")
        raise InputError(f"{path}: not a checkpoint of this training ({expected['what']}) but of {found}")
    _put(training, state, history)


def _state(training: Training) -> dict[str, Any]:
    """Every number and array by a flat name."""
    state: dict[str, Any] = {"what": _what(training), "loop": training.position()}
    state |= {f"history.{name}": column for name, column in training.history.items()}
    for index, layer in enumerate(training.layers):
        state |= {f"layer.{index}.{name}": value for name, value in layer.state().items()}
        for tile in layer.tiles:
            state |= {f"{tile.name}.{name}": getattr(tile, name) for name in _TILE}
            state |= {f"{tile.name}.device.{name}": value for name, value in _devices(tile).items()}
    return state


def _what(training: Training) -> str:
    shapes = ", ".join(f"{tile.name} {tile.shape[0]} x {tile.shape[1]}" for tile in training.tiles)
    return f"{training.layers[0].name} on {training.task.name}: {shapes}"


def _devices(tile: Tile) -> dict[str, Any]:
    snapshot = getattr(tile.main, "snapshot", None)
    return snapshot() if snapshot is not None else {}


def _put(training: Training, state: dict[str, Any], history: dict[str, NDArray[Any]]) -> None:
    columns = {key.removeprefix("history."): column for key, column in history.items()}
    training.go_on_from(state["loop"], columns)
    for index, layer in enumerate(training.layers):
        layer.restore(_below(state, f"layer.{index}."))
        for tile in layer.tiles:
            for name in _TILE:
                setattr(tile, name, state[f"{tile.name}.{name}"])
            if devices := _below(state, f"{tile.name}.device."):
                tile.main.restore(devices)  # type: ignore[attr-defined] - what gave a snapshot takes it


def _below(state: dict[str, Any], prefix: str) -> dict[str, Any]:
    return {key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)}


def _load(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except FileNotFoundError:
        raise InputError(f"{path}: no such checkpoint") from None
    except (OSError, ValueError, EOFError, BadZipFile) as error:
        raise InputError(f"{path}: not a checkpoint ({error}); was it cut off?") from None
    if "_numbers" not in arrays:
        raise InputError(f"{path}: not a checkpoint of a training")
    return {**json.loads(str(arrays.pop("_numbers"))), **arrays}
