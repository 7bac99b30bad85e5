"""An open station: named crosspoints, whatever stands behind them, and everything off when it is left.

    with open_station("bench.toml") as bench:
        run = record(SymmetryPoint(), bench["A1"], station=bench)
"""

from __future__ import annotations

import atexit
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from instruments.bench import Bench, BenchCrosspoints
from instruments.clock import Clock, RealClock
from instruments.crosspoints import Crosspoints, Origin
from instruments.errors import InputError
from instruments.roles import PulseSource, SourceMeasureUnit, SwitchMatrix
from labshd import opening
from labshd.opening import InstrumentReport, Opened
from labshd.provenance import StationRecord
from labshd.station_file import read_station_file
from labshd.station_schema import BenchFile, SimulatedFile, StationFile
from labshd.toml_file import TomlFile, nearest

if TYPE_CHECKING:
    from instruments.wire import Message
    from sim_device.virtual_bench import VirtualBench


class Station:
    """Named crosspoints of a bench, of its rehearsal, or of a simulation. A context that ends with everything off."""

    def __init__(self, file: StationFile, toml: TomlFile, names: Sequence[Sequence[str]]) -> None:
        self.file = file
        self.toml = toml
        self.grid = np.array(names, dtype=np.str_)
        self.reports: list[InstrumentReport] = []
        self.virtual: VirtualBench | None = None
        self.sink: Callable[[Message], None] | None = None
        """Gets every message to and from the instruments; the recorder sets it."""
        self._all: Crosspoints | None = None
        self._opened: dict[str, Opened] = {}

    @property
    def names(self) -> list[str]:
        """Names of the crosspoints."""
        return [str(name) for name in self.grid.flat]

    @property
    def all(self) -> Crosspoints:
        """The block of all crosspoints."""
        if self._all is None:
            raise InputError(f"{self.toml.path} is closed; open the station again")
        return self._all

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
        return chosen

    def auxiliary_and_core(self) -> tuple[str, str]:
        """Names of the crosspoints for A and C: as the file says, else the first two."""
        if self.file.training is not None:
            return self.file.training.auxiliary, self.file.training.core
        if len(self.names) < 2:
            raise InputError(f"{self.toml.path} has one crosspoint; training needs two, A and C: add one to [crosspoints]")
        return self.names[0], self.names[1]

    def record(self) -> StationRecord:
        """What a run keeps of its station."""
        return StationRecord(
            file=str(self.toml.path),
            text=self.toml.text,
            resolved=self.file.model_dump(mode="json"),
            instruments={report.role: report.json() for report in self.reports},
            limits=self.file.limits.model_dump(mode="json") if isinstance(self.file, BenchFile) else {},
        )

    def safe(self) -> None:
        """Nothing driven; idempotent; never raises."""
        if self._all is not None:
            self._all.safe()

    def close(self) -> None:
        """Everything off, connections closed. Idempotent."""
        self.safe()
        atexit.unregister(self.safe)
        opening.close_all(self._opened)
        self._opened = {}
        self._all = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _on_message(self, message: Message) -> None:
        if self.sink is not None:
            self.sink(message)

    # -- opening -------------------------------------------------------------------------------------------------

    def _open_simulated(self, file: SimulatedFile, seed: int | None) -> None:
        from labshd.devices import simulated_crosspoints

        self._all = simulated_crosspoints(
            file.simulated.device,
            self.toml.path.parent,
            shape=file.simulated.shape,
            seed=file.simulated.seed if seed is None else seed,
        )

    def _open_bench(self, file: BenchFile, rehearse: bool, seed: int | None) -> None:
        library, clock = self._library(file, rehearse, seed)
        self._opened, failed = opening.open_each(file, library, self._on_message)
        self.reports = [one.report for one in self._opened.values()] + failed
        opening.refuse_unreachable(self.toml, self._opened, failed)
        # From here on something may be driven: whatever ends the process, `safe` runs.
        self._all = BenchCrosspoints(self._bench(file, clock, rehearse), self.grid)
        atexit.register(self.safe)
        try:
            for one in self._opened.values():
                one.instrument.prepare()
        except BaseException:
            self.close()
            raise

    def _library(self, file: BenchFile, rehearse: bool, seed: int | None) -> tuple[Any, Clock]:
        if not rehearse:
            return file.visa, RealClock()
        from labshd.rehearsal import virtual_bench

        self.virtual = virtual_bench(file, self.toml.path.parent, seed=seed)
        return self.virtual.library(), self.virtual.clock

    def _bench(self, file: BenchFile, clock: Clock, rehearse: bool) -> Bench:
        def instrument(role: str, kind: type[Any]) -> Any:
            one = self._opened.get(role)
            if one is not None and not isinstance(one.instrument, kind):
                raise InputError(f"{self.toml.path}: driver {one.report.driver!r} is no {kind.__name__}")
            return one and one.instrument

        identities = {report.role: report.identity for report in self.reports}
        return Bench(
            instrument("generator", PulseSource),
            instrument("smu", SourceMeasureUnit),
            instrument("matrix", SwitchMatrix),
            wiring=file.bench_wiring(),
            limits=file.limits,
            pulses=file.pulse_pair(),
            reading=file.read_setting(),
            settle=file.pulses.settle,
            clock=clock,
            origin=Origin("rehearsal" if rehearse else "bench", {"station": file.name, "instruments": identities}),
        )


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
        station = Station(file, toml, file.crosspoint_names())
        station._open_simulated(file, seed)  # noqa: SLF001
        return station
    station = Station(file, toml, [list(file.crosspoints)])
    station._open_bench(file, rehearse, seed)  # noqa: SLF001
    return station


def check_station(path: Path, *, rehearse: bool = False) -> list[InstrumentReport]:
    """Open every instrument, ask identity, state and error queue; drives nothing. Unreachable ones are in the list."""
    return _visit(path, rehearse, lambda opened: None)


def make_safe(path: Path, *, rehearse: bool = False) -> list[InstrumentReport]:
    """Switch everything off, write-only first; then ask each instrument whether it is."""
    return _visit(path, rehearse, opening.switch_off)


def _visit(path: Path, rehearse: bool, do: Callable[[dict[str, Opened]], object]) -> list[InstrumentReport]:
    file, toml = read_station_file(path)
    if isinstance(file, SimulatedFile):
        return []
    library: Any = file.visa
    if rehearse:
        from labshd.rehearsal import virtual_bench

        library = virtual_bench(file, toml.path.parent).library()
    opened, failed = opening.open_each(file, library, lambda _: None)
    try:
        do(opened)
        opening.ask_states(opened)
    finally:
        opening.close_all(opened)
    reports = {report.role: report for report in [*(one.report for one in opened.values()), *failed]}
    return [reports[role] for role in opening.entries(file)]
