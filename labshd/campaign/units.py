"""The list of runs in a campaign, in order: every step at every crosspoint, grid point and repeat."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from instruments.errors import InputError
from labshd.campaign.schema import MOST_UNITS, CheckedCampaign, Step
from labshd.common.toml_file import Problem
from labshd.station.selection import block_name, corners_of, names_of
from protocols.common.protocol import Protocol


@dataclass(frozen=True)
class Unit:
    """One run of a campaign; `key` is its own among them, such as "window/A1/pulses = 100/repeat 2"."""

    number: int
    key: str
    step: Step
    crosspoints: tuple[str, ...]
    point: int
    repeat: int
    seed: int

    @property
    def place(self) -> str:
        """Name of the crosspoint or block."""
        return block_name(self.crosspoints)

    @property
    def label(self) -> str:
        """What tells it from other runs of its step at its crosspoint; empty where there is only one."""
        return "/".join(self.key.split("/")[2:])

    @property
    def series(self) -> tuple[str, tuple[str, ...], int]:
        """What the repeats of one run have in common."""
        return self.step.name, self.crosspoints, self.point

    def protocol(self) -> Protocol:
        """The protocol with its settings."""
        return self.step.settings(self.point, self.seed)


def units_of(checked: CheckedCampaign, grid: NDArray[np.str_]) -> list[Unit]:
    """All runs in order; `InputError` names every step whose crosspoints the station does not have."""
    places: list[list[tuple[str, ...]]] = []
    problems: list[Problem] = []
    for number, step in enumerate(checked.steps):
        try:
            names = names_of(grid, step.entry.crosspoints)
            if step.entry.together:
                corners_of(grid, names)
            places.append([tuple(names)] if step.entry.together else [(name,) for name in names])
        except InputError as error:
            problems.append(Problem(("step", number, "crosspoints"), step.entry.crosspoints, str(error)))
    checked.toml.refuse(problems)
    _refuse_too_many(checked, places)
    if checked.file.order == "step":
        order = [(number, place) for number, each in enumerate(places) for place in each]
    else:
        order = _by_crosspoint(places, [str(name) for name in grid.flat])
    made: list[Unit] = []
    for number, place in order:
        _add(made, checked, checked.steps[number], place)
    return made


def _refuse_too_many(checked: CheckedCampaign, places: list[list[tuple[str, ...]]]) -> None:
    each = [
        len(where) * len(step.points) * step.entry.repeats for step, where in zip(checked.steps, places, strict=True)
    ]
    if sum(each) > MOST_UNITS:
        largest = int(np.argmax(each))
        rule = f"makes {each[largest]:,} of {sum(each):,} runs; {MOST_UNITS:,} is the most of a campaign"
        checked.toml.refuse([Problem(("step", largest), None, rule)])


def _by_crosspoint(places: list[list[tuple[str, ...]]], names: list[str]) -> list[tuple[int, tuple[str, ...]]]:
    """Crosspoint by crosspoint; a block has its turn with the first of its crosspoints."""
    return [
        (number, place) for name in names for number, each in enumerate(places) for place in each if name == place[0]
    ]


def _add(made: list[Unit], checked: CheckedCampaign, step: Step, place: tuple[str, ...]) -> None:
    for point, (label, _) in enumerate(step.points):
        for repeat in range(step.entry.repeats):
            parts = [step.name, block_name(place), label, f"repeat {repeat + 1}" if step.entry.repeats > 1 else ""]
            key = "/".join(part for part in parts if part)
            made.append(Unit(len(made), key, step, place, point, repeat, _seed(checked.file.seed, key)))


def _seed(seed: int, key: str) -> int:
    """A seed of its own for every run, the same whenever the campaign is run."""
    return int(np.random.SeedSequence([seed, zlib.crc32(key.encode())]).generate_state(1)[0] >> 1)
