"""An open station: named crosspoints, whatever stands behind them, and everything off when it is left.

with open_station("bench.toml") as bench:
    run = record(SymmetryPoint(), bench["A1"])
"""

from __future__ import annotations

import atexit
import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Self, TypeVar

import numpy as np

from instruments.bench import Bench, BenchCrosspoints
from instruments.clock import Clock, RealClock
from instruments.crosspoints import Crosspoints, Origin
from instruments.errors import InputError
from instruments.roles import InstrumentRole, PulseSource, SourceMeasureUnit, SwitchMatrix
from labshd import opening
from labshd.belonging import belongs
from labshd.opening import InstrumentReport, Link, Opened
from labshd.provenance import StationRecord
from labshd.station_file import read_station_file
from labshd.station_schema import BenchFile, SimulatedFile, StationFile
from labshd.toml_file import TomlFile, nearest

if TYPE_CHECKING:
    from instruments.wire import Message, WireLog
    from sim_device.virtual_bench import VirtualBench


log = logging.getLogger(__name__)
Role = TypeVar("Role", bound=InstrumentRole)


class Tap:
    """Where the traffic of the instruments goes: to a file while a run is recorded, else nowhere."""

    def __init__(self) -> None:
        self._log: WireLog | None = None

    def keep(self, path: Path | None) -> None:
        """From now on write every message to `path`; None ends that."""
        if self._log is not None:
            ended, self._log = self._log, None
            ended.close()
        if path is not None:
            from instruments.wire import WireLog

            self._log = WireLog(path)

    def __call__(self, message: Message) -> None:
        """One message passes. A disk that is full must not stop a command that switches off: the log ends instead."""
        if self._log is None:
            return
        try:
            self._log(message)
        except OSError as error:
            self._log = None
            log.warning("the traffic of the instruments is no longer kept: %s", error)


class Station:
    """Named crosspoints of a bench, of its rehearsal, or of a simulation. A context that ends with everything off.

    Made by `open_station`. `virtual` is the virtual bench of a rehearsal, which tells tests the truth; else None.
    """

    def __init__(
        self,
        file: StationFile,
        toml: TomlFile,
        block: Crosspoints,
        *,
        names: Sequence[Sequence[str]],
        opened: dict[str, Opened] | None = None,
        tap: Tap | None = None,
        virtual: VirtualBench | None = None,
    ) -> None:
        self.file = file
        self.toml = toml
        self.grid = np.array(names, dtype=np.str_)
        self.virtual = virtual
        self._block: Crosspoints | None = block
        self._opened = opened or {}
        self._tap = tap
        belongs(block, self)
        # Whatever ends the process, `safe` runs.
        atexit.register(self.safe)

    @property
    def names(self) -> list[str]:
        """Names of the crosspoints."""
        return [str(name) for name in self.grid.flat]

    @property
    def all(self) -> Crosspoints:
        """The block of all crosspoints."""
        if self._block is None:
            raise InputError(f"{self.toml.path} is closed; open the station again")
        return self._block

    @property
    def first(self) -> Crosspoints:
        """The first crosspoint of the station."""
        return self[self.names[0]]

    def __getitem__(self, name: str) -> Crosspoints:
        """The crosspoint of that name, shape (1, 1)."""
        if name not in self.names:
            raise InputError(f"{self.toml.path} has no crosspoint {name!r}{nearest(name, self.names)}")
        row, column = (int(where[0]) for where in np.nonzero(self.grid == name))
        chosen = self.all[row, column]
        chosen.name = name
        belongs(chosen, self)
        return chosen

    def auxiliary_and_core(self) -> tuple[str, str]:
        """Names of the crosspoints for A and C: as the file says, else the first two."""
        if self.file.training is not None:
            return self.file.training.auxiliary, self.file.training.core
        if len(self.names) < 2:
            raise InputError(
                f"{self.toml.path} has one crosspoint; training needs two, A and C: add one to [crosspoints]"
            )
        return self.names[0], self.names[1]

    def record(self) -> StationRecord:
        """What a run keeps of its station."""
        return StationRecord(
            file=str(self.toml.path),
            text=self.toml.text,
            resolved=self.file.model_dump(mode="json"),
            instruments={role: one.report.json() for role, one in self._opened.items()},
            limits=self.file.limits.model_dump(mode="json") if isinstance(self.file, BenchFile) else {},
        )

    def safe(self) -> None:
        """Nothing driven; idempotent; never raises."""
        if self._block is not None:
            self._block.safe()

    def close(self) -> None:
        """Everything off, connections closed. Idempotent."""
        self.safe()
        atexit.unregister(self.safe)
        opening.close_all(self._opened)
        self._opened = {}
        self._block = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def keep_wire(self, path: Path | None) -> None:
        """From now on write every message to and from the instruments, if there are any, to `path`; None ends that."""
        if self._tap is not None:
            self._tap.keep(path)


def open_station(path: str | Path, *, rehearse: bool = False, seed: int | None = None) -> Station:
    """Open a station file.

    Parameters
    ----------
    rehearse
        Virtual twins in place of the instruments, with the device of the file's ``[rehearsal]`` behind them.
    seed
        Of the simulated or virtual devices, in place of the file's.

    Raises
    ------
    InputError
        The file is wrong: every problem, before anything is opened.
    InstrumentError
        Instruments that do not answer or are not the right ones, all at once; nothing is left on.
    """
    file, toml = read_station_file(Path(path))
    if isinstance(file, SimulatedFile):
        return _open_simulated(file, toml, seed)
    return _open_bench(file, toml, rehearse, seed)


def _open_simulated(file: SimulatedFile, toml: TomlFile, seed: int | None) -> Station:
    from labshd.devices import simulated_crosspoints

    entry = file.simulated
    block = simulated_crosspoints(
        entry.device, toml.path.parent, shape=entry.shape, seed=entry.seed if seed is None else seed
    )
    return Station(file, toml, block, names=file.crosspoint_names())


def _open_bench(file: BenchFile, toml: TomlFile, rehearse: bool, seed: int | None) -> Station:
    virtual = _virtual_bench(file, toml, seed) if rehearse else None
    link = _link(file, virtual)
    tap = Tap()
    opened, failed = opening.open_each(file, link, tap)
    opening.refuse_unreachable(toml, opened, failed)
    names = [list(file.crosspoints)]
    bench = _bench(file, opened, link.clock, "rehearsal" if rehearse else "bench")
    block = BenchCrosspoints(bench, np.array(names, dtype=np.str_))
    station = Station(file, toml, block, names=names, opened=opened, tap=tap, virtual=virtual)
    try:
        for one in opened.values():
            one.instrument.prepare()
    except BaseException:
        station.close()
        raise
    return station


def _bench(file: BenchFile, opened: dict[str, Opened], clock: Clock, kind: str) -> Bench:
    def instrument(role: str, expected: type[Role]) -> Role | None:
        if role not in opened:
            return None
        found = opened[role].instrument
        if not isinstance(found, expected):
            raise InputError(f"driver {opened[role].report.driver!r} is no {expected.__name__}")
        return found

    generator, smu = instrument("generator", PulseSource), instrument("smu", SourceMeasureUnit)
    if generator is None or smu is None:
        raise InputError("a bench needs a generator and a source-measure unit")
    identities = {role: one.report.identity for role, one in opened.items()}
    return Bench(
        generator,
        smu,
        instrument("matrix", SwitchMatrix),
        wiring=file.bench_wiring(),
        limits=file.limits,
        pulses=file.pulse_pair(),
        reading=file.read_setting(),
        settle=file.pulses.settle,
        clock=clock,
        origin=Origin(kind, {"station": file.name, "instruments": identities}),
    )


def _link(file: BenchFile, virtual: VirtualBench | None) -> Link:
    return Link(virtual.library(), virtual.clock) if virtual else Link(file.visa, RealClock())


def _virtual_bench(file: BenchFile, toml: TomlFile, seed: int | None = None) -> VirtualBench:
    from labshd.rehearsal import virtual_bench

    return virtual_bench(file, toml.path.parent, seed=seed)


def check_station(path: Path, *, rehearse: bool = False) -> list[InstrumentReport]:
    """Open every instrument, ask identity, state and error queue; drives nothing. Unreachable ones are in the list."""
    return _visit(path, rehearse, lambda _: None)


def make_safe(path: Path, *, rehearse: bool = False) -> list[InstrumentReport]:
    """Switch everything off, write-only first; then ask each instrument whether it is."""
    return _visit(path, rehearse, opening.switch_off)


def _visit(path: Path, rehearse: bool, do: Callable[[dict[str, Opened]], object]) -> list[InstrumentReport]:
    file, toml = read_station_file(path)
    if isinstance(file, SimulatedFile):
        return []
    link = _link(file, _virtual_bench(file, toml) if rehearse else None)
    opened, failed = opening.open_each(file, link, lambda _: None)
    try:
        do(opened)
        opening.ask_states(opened)
    finally:
        opening.close_all(opened)
    reports = {report.role: report for report in [*(one.report for one in opened.values()), *failed]}
    return [reports[role] for role in opening.entries(file)]
