"""An open station: named crosspoints, real or simulated, and everything off when it is closed.

with open_station("bench.toml") as bench:
    run = record(SymmetryPoint(), bench["A1"])
"""

from __future__ import annotations

import atexit
import logging
import os
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np

from instruments.bench.block import BenchCrosspoints
from instruments.clock import RealClock
from instruments.crosspoints import Crosspoints
from instruments.errors import InputError, InstrumentError
from labshd.common.provenance import StationRecord
from labshd.common.signals import SIGNALS, Terminated, error_of, interrupts
from labshd.common.station_of import PulsesOfRun, belongs
from labshd.common.toml_file import TomlFile, nearest
from labshd.runs.run import runs_folder
from labshd.station import opening
from labshd.station.exits import BENCHES
from labshd.station.opening import Opened
from labshd.station.run_pulses import RunPulses
from labshd.station.schema import BenchFile, SimulatedFile, StationFile
from labshd.station.station_file import read_station_file
from labshd.station.wire_tap import Tap

if TYPE_CHECKING:
    from labshd.station.bench_lock import BenchLock
    from sim_device.virtual_bench import VirtualBench

log = logging.getLogger(__name__)


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
        lock: BenchLock | None = None,
    ) -> None:
        self.file = file
        self.toml = toml
        self.grid = np.array(names, dtype=np.str_)
        self.virtual = virtual
        self._block: Crosspoints | None = block
        self._opened = opened or {}
        self._tap = tap
        self._lock = lock
        self._bench = block.bench if isinstance(block, BenchCrosspoints) else None
        self._run_pulses = RunPulses(self._bench, file, rehearsed=virtual is not None)
        self._process = os.getpid()
        self._user = threading.current_thread()  # who drove last
        belongs(block, self)
        # Whatever ends the process, `safe` runs.
        atexit.register(self._at_exit)
        if self._bench is not None:
            self._bench.count.watch = self._before_pulses
            self._bench.switching.permit = self._permit
            if isinstance(self._bench.clock, RealClock):
                self._bench.clock.permit = self._permit
            BENCHES.hold(self)

    @property
    def instruments(self) -> Mapping[str, Opened]:
        """The open instruments by role; none of a simulation."""
        return self._opened

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

    def record(self) -> StationRecord:
        """What a run keeps of its station."""
        return StationRecord(
            file=str(self.toml.path),
            text=self.toml.text,
            resolved=self.file.model_dump(mode="json"),
            instruments={
                role: {**one.report.json(), "remembers": one.instrument.remembered()}
                for role, one in self._opened.items()
            },
            limits=self.file.limits.model_dump(mode="json") if isinstance(self.file, BenchFile) else {},
        )

    def safe(self) -> None:
        """Nothing driven; idempotent; never raises. Ctrl-C and the like wait until it is done."""
        if self._block is not None and self._is_ours():
            with interrupts() as caught:
                caught.hold()
                self._block.safe()

    def close(self) -> None:
        """Everything off, connections closed. Idempotent; whatever one step raises, the others are done."""
        try:
            self.safe()
        finally:
            opened, self._opened, self._block = self._opened, {}, None
            atexit.unregister(self._at_exit)
            try:
                if self._is_ours():
                    opening.close_all(opened)
            finally:
                if self._lock is not None:
                    self._lock.release()
                BENCHES.release(self)

    def _at_exit(self) -> None:
        with suppress(KeyboardInterrupt):  # one that comes before it can be held back
            self.safe()
        self.safe()  # sends nothing new where it has been done

    def end_is_near(self, name: str, last: bool) -> None:
        """A signal came in: what another thread drives goes off now, and that thread is stopped where it drives again.

        What the main thread drives goes off as the error unwinds that is raised there next.
        """
        if not last and (self._user is threading.main_thread() or not self._user.is_alive()):
            return
        try:
            self.safe()
        except Exception:
            log.exception("while switching off at %s", name)

    def disown(self) -> None:
        """In the child of a fork: the instruments are the parent's; nothing is sent to them and nothing closed."""
        atexit.unregister(self._at_exit)

    def _is_ours(self) -> bool:
        return self._process == os.getpid() or self.virtual is not None

    def _permit(self) -> None:
        """Before anything drives: not in a child of a fork, not in a thread that was asked to end."""
        if not self._is_ours():
            raise InstrumentError(
                f"{self.toml.path} was opened in process {self._process}; this is its child {os.getpid()}: open the "
                "station here, after the parent has closed it"
            )
        self._user = threading.current_thread()
        SIGNALS.heed()
        if name := SIGNALS.asked_of(self._user):
            self.safe()
            raise error_of(name)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def keep_wire(self, path: Path | None) -> None:
        """From now on write every message to and from the instruments, if there are any, to `path`; None ends that."""
        if self._tap is not None:
            self._tap.keep(path)

    def count_earlier(self, runs: Path) -> None:
        """Count what the runs in the folder `runs` gave the devices towards their budgets, once a folder."""
        self._run_pulses.count_earlier(runs)

    def note_pulses(self, path: Path, before: Mapping[str, int]) -> None:
        """From now on note pulses at `path` before they are fired, going on from the totals `before`."""
        self._run_pulses.begin(path, before)

    def noted_pulses(self) -> PulsesOfRun | None:
        """End that; gives the pulses of the run, None where none were noted."""
        return self._run_pulses.end()

    def _before_pulses(self, name: str, count: int) -> None:
        self._permit()
        if by := self.asked_to_stop():
            raise Terminated(by)
        self._run_pulses.note(name, count)

    def asked_to_stop(self) -> str | None:
        """Who asked, from another process, that what is done with the instruments ends; None while nobody has."""
        return self._lock.asked_to_stop() if self._lock is not None else None


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
    BenchInUse
        Another process, or another open station of this one, has one of the instruments; says who.
    InstrumentError
        Instruments that do not answer or are not the right ones, all at once; nothing is left on.
    """
    file, toml = read_station_file(Path(path))
    SIGNALS.begin()
    if isinstance(file, SimulatedFile):
        return _open_simulated(file, toml, seed)
    return _open_bench(file, toml, rehearse, seed)


def _open_simulated(file: SimulatedFile, toml: TomlFile, seed: int | None) -> Station:
    from labshd.station.devices import simulated_crosspoints
    from sim_device.arrays.crosspoints import NOMINAL
    from sim_device.models.voltage_law import VoltageLaw

    entry, law = file.simulated, file.simulated.law
    block = simulated_crosspoints(
        entry.device,
        toml.path.parent,
        shape=entry.shape,
        seed=entry.seed if seed is None else seed,
        pulses=law.pulse_pair() if law else NOMINAL,
        law=VoltageLaw(law.voltage_scale, law.width_exponent) if law else None,
    )
    return Station(file, toml, block, names=file.crosspoint_names())


def _open_bench(file: BenchFile, toml: TomlFile, rehearse: bool, seed: int | None) -> Station:
    if not SIGNALS.ready():
        raise InputError(
            f"{toml.path} is opened in a thread, and the main thread has not imported labshd: nobody would switch the "
            "outputs off when the process is asked to end. Write `import labshd.station` where the script begins"
        )
    virtual = opening.virtual_bench_of(file, toml, seed) if rehearse else None
    lock = None if rehearse else opening.lock_of(file, toml)
    try:
        station = _opened_bench(file, toml, virtual, lock)
    except BaseException:
        if lock is not None:
            lock.release()
        raise
    try:
        for one in station.instruments.values():
            one.instrument.prepare()
        station.count_earlier(runs_folder())
    except BaseException:
        station.close()
        raise
    return station


def _opened_bench(file: BenchFile, toml: TomlFile, virtual: VirtualBench | None, lock: BenchLock | None) -> Station:
    link, tap = opening.link_to(file, virtual), Tap()
    opened, failed = opening.open_each(file, link, tap)
    opening.refuse_unreachable(toml, opened, failed)
    names = file.grid()
    bench = opening.bench_of(file, opened, link.clock, "rehearsal" if virtual is not None else "bench")
    block = BenchCrosspoints(bench, np.array(names, dtype=np.str_))
    return Station(file, toml, block, names=names, opened=opened, tap=tap, virtual=virtual, lock=lock)
