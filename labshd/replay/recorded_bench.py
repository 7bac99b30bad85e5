"""The bench of a recorded run: its instruments answer as they did then."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from instruments.errors import InputError
from labshd.runs.run import Run
from labshd.station.selection import block_name

if TYPE_CHECKING:
    from instruments.bench.bench import Bench
    from labshd.station.schema import BenchFile
    from sim_device.virtual_bench.reach.replay import Recording


def station_of_run(run: Run) -> BenchFile:
    """The station file of a run; `InputError` where it has no instruments."""
    from pydantic import ValidationError

    from labshd.station.schema import BenchFile

    resolved = run.info.get("station", {}).get("resolved", {})
    if resolved.get("kind") != "bench":
        raise InputError(
            f"{run.id} has no instruments to replay: its crosspoints were {resolved.get('kind', 'unknown')}"
        )
    try:
        return BenchFile.model_validate(resolved)
    except ValidationError as error:
        raise InputError(f"the station in {run.id} is not understood by this version: {error}") from error


def recorded_bench(run: Run, file: BenchFile, recording: Recording) -> Bench:
    """The bench of the run, its instruments speaking from the record."""
    from instruments.bench.bench import Bench
    from instruments.crosspoints import Origin
    from labshd.station.boxes import boxes, named_roles
    from labshd.station.opening import RELAYS, Link, connect
    from sim_device.virtual_bench import VirtualBench, make_devices
    from sim_device.virtual_bench.reach.replay import recorded_ports
    from sim_device.virtual_bench.reach.visa import VirtualVisaLibrary

    found = boxes(named_roles(file.instruments))
    twins = VirtualBench(
        file.bench_wiring(),
        make_devices(file.crosspoints, "ecram", seed=1),
        {box.resource: box.plugged() for box in found},
    )
    details = run.info.get("origin", {}).get("details", {})
    told = details.get("instruments", {})
    identities = {box.name: told[role] for box in found for role in box.roles if role in told}
    called = {box.resource: box.name for box in found}
    library = VirtualVisaLibrary.around(recorded_ports(recording, twins.ports(), called, identities), recording.clock)
    instruments: dict[str, Any] = {"matrix": None}
    for box in found:
        roles = connect(box, Link(library, recording.clock), file.limits_of)
        next(iter(roles.values())).identity()
        instruments |= roles
    began: dict[str, Any] = run.info.get("instruments", {})
    for role in named_roles(file.instruments):
        instruments[role].prepare()
        instruments[role].recall(began.get(role, {}).get("remembers", {}))
    return Bench(
        **instruments,
        wiring=file.bench_wiring(),
        limits=file.limits,
        pulses=file.pulse_pair(),
        reading=file.read_setting(),
        settle=file.pulses.settle,
        clock=recording.clock,
        origin=Origin("replay", {"run": run.id}),
        asks=RELAYS in details,
    )


def names_of_run(run: Run, file: BenchFile) -> NDArray[np.str_]:
    """Names of the crosspoints of a measurement, (rows, columns); `InputError` where its station has none such."""
    grid = np.array(file.grid(), dtype=np.str_)
    rows, columns = run.shape
    campaign: dict[str, Any] = run.info.get("campaign") or {}
    listed: list[str] = campaign.get("crosspoints") or []
    if len(listed) == rows * columns:
        return np.array(listed, dtype=np.str_).reshape(run.shape)
    if run.crosspoint in grid and run.shape == (1, 1):
        return np.array([[run.crosspoint]])
    for top in range(grid.shape[0] - rows + 1):
        for left in range(grid.shape[1] - columns + 1):
            block = grid[top : top + rows, left : left + columns]
            if block_name([str(name) for name in block.flat]) == run.crosspoint:
                return block
    raise InputError(f"{run.id} is of crosspoints {run.crosspoint!r}, which its station does not have")
