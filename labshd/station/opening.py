"""Opens the instruments of a bench: reports all problems at once, and leaves nothing on if one is missing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, TypeVar, cast

from instruments.bench.bench import Bench
from instruments.clock import Clock, RealClock
from instruments.crosspoints import Origin
from instruments.errors import InputError, InstrumentError, LabshdError, NotAnswering, WrongInstrument, all_at_once
from instruments.limits import Limits
from instruments.roles import InstrumentRole, PulseSource, SourceMeasureUnit, SwitchMatrix, every
from labshd.common.toml_file import TomlFile
from labshd.station.boxes import Box, boxes, named_roles
from labshd.station.schema import BenchFile, InstrumentEntry, InstrumentsEntry

if TYPE_CHECKING:
    from instruments.wire_log import Sink
    from labshd.station.bench_lock import BenchLock
    from sim_device.virtual_bench import VirtualBench


Role = TypeVar("Role", bound=InstrumentRole)


@dataclass
class InstrumentReport:
    """What is known of one instrument of a station; `ok` when it answers, is the right one, and is off."""

    role: str
    driver: str
    resource: str
    identity: str | None = None
    state: str | None = None
    problem: str | None = None
    calibrated: str | None = None
    interlock: str | None = None

    @property
    def ok(self) -> bool:
        """Nothing to complain of."""
        return self.problem is None

    def json(self) -> dict[str, Any]:
        """For ``--json`` and the run."""
        return {**asdict(self), "ok": self.ok}


@dataclass(frozen=True)
class Link:
    """The way to the instruments: a VISA library (a name such as "@py", or an object) and the clock of the bench."""

    library: Any
    clock: Clock


@dataclass(frozen=True)
class Opened:
    """One open instrument with its report."""

    instrument: InstrumentRole
    report: InstrumentReport


def entries(file: BenchFile) -> dict[str, InstrumentEntry]:
    """The instruments that the file names, by role, in the order of the emergency stop."""
    return named_roles(file.instruments)


def open_each(
    file: BenchFile, link: Link, sink: Sink, *, off_first: bool = False
) -> tuple[dict[str, Opened], list[InstrumentReport]]:
    """Open and identify every instrument; gives those that answer by role, and reports of those that do not.

    `off_first` switches off all that can be reached before any of them is asked a question: one that hangs must not
    keep the others on.
    """
    connected: dict[str, Opened] = {}
    opened: dict[str, Opened] = {}
    failed: list[InstrumentReport] = []
    all_boxes = boxes(entries(file))
    for box in all_boxes:
        reports = {role: InstrumentReport(role, entry.driver, entry.resource) for role, entry in box.roles.items()}
        try:
            instruments = connect(box, link, file.limits_of, sink)
            connected |= {role: Opened(instrument, reports[role]) for role, instrument in instruments.items()}
        except LabshdError as error:
            failed += _failed(reports.values(), error)
    if off_first:
        switch_off(connected)
    for box in all_boxes:
        here = {role: connected[role] for role in box.roles if role in connected}
        try:
            _identify(here, box)
            opened |= here
        except LabshdError as error:
            failed += _failed([one.report for one in here.values()], error)
            close_all(here)
        except BaseException:
            close_all(connected)
            raise
    return opened, failed


def _failed(reports: Iterable[InstrumentReport], error: LabshdError) -> list[InstrumentReport]:
    """The reports of one box, with what is wrong with it."""
    listed = list(reports)
    for report in listed:
        report.problem = str(error)
    return listed


def connect(
    box: Box, link: Link, limits: Callable[[str], Limits], sink: Sink | None = None
) -> dict[str, InstrumentRole]:
    """One connection to a box, with the driver of each of its roles on it, under the `limits` of that role."""
    from instruments import drivers
    from instruments.wire import Wire

    classes = {role: cast("Callable[..., InstrumentRole]", drivers.load(e.driver)) for role, e in box.roles.items()}
    wire = Wire(box.resource, link.library, instrument=box.name, clock=link.clock, sink=sink)
    try:
        made = {
            role: classes[role](wire, limits(role), **({} if entry.channel is None else {"channel": entry.channel}))
            for role, entry in box.roles.items()
        }
    except BaseException:
        wire.close()
        raise
    for role, entry in box.roles.items():
        if entry.off_time is not None:
            made[role].off_time = entry.off_time
    return made


def _identify(here: Mapping[str, Opened], box: Box) -> None:
    """Ask a box once who it is; raise `WrongInstrument` unless it is who the station file says."""
    from instruments import drivers

    identity: str | None = None
    for role, one in here.items():
        identity = one.instrument.identity() if identity is None else identity
        one.report.identity = identity
        _verify(box.roles[role], identity, drivers.known()[box.roles[role].driver].identity)


def _verify(entry: InstrumentEntry, identity: str, expected: str) -> None:
    """Raise `WrongInstrument` unless the identity is the one that driver and station file expect."""
    if expected.lower() not in identity.lower():
        raise WrongInstrument(
            f"{entry.resource} is {identity!r}, not the {expected} that driver {entry.driver!r} speaks to; "
            "correct the resource or the driver"
        )
    if entry.serial and entry.serial.lower() not in identity.lower():
        raise WrongInstrument(
            f"{entry.resource} is {identity!r}, the station file expects serial {entry.serial!r}; "
            "is it another box of the same model? correct the resource or the serial"
        )


RELAYS, ASKED = "relays", "after sources have said that they are off"
"""What a run keeps of how relays were moved; runs of version 0.1 and before have no such entry, and asked nobody."""


def bench_of(file: BenchFile, opened: Mapping[str, Opened], clock: Clock, kind: str) -> Bench:
    """The bench of a station whose instruments are open; `kind` is that of its origin."""

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
        origin=Origin(kind, {"station": file.name, "instruments": identities, RELAYS: ASKED}),
        bias=instrument("bias", SourceMeasureUnit),
    )


def switch_off(opened: dict[str, Opened]) -> list[Exception]:
    """Everything off, in the order generator, source-measure unit, matrix; write-only; gives what was raised."""
    return every(opened[role].instrument.off for role in InstrumentsEntry.model_fields if role in opened)


def ask_states(opened: dict[str, Opened]) -> None:
    """Ask each instrument whether it is off and drain its error queue; into its report."""
    for one in opened.values():
        try:
            off = one.instrument.is_off()
            one.report.state = "outputs off" if off else "OUTPUT ON"
            if not off:
                one.report.problem = "an output is on or a relay is closed; switch it off with: labshd safe STATION"
            one.instrument.check_errors()
        except InstrumentError as error:
            one.report.problem = str(error)


def refuse_unreachable(toml: TomlFile, opened: dict[str, Opened], failed: list[InstrumentReport]) -> None:
    """Raise with every instrument that could not be opened, the others switched off; return when there is none."""
    if not failed:
        return
    switch_off(opened)
    close_all(opened)
    lines = [f"{report.role} ({report.driver} at {report.resource}): {report.problem}" for report in failed]
    raise NotAnswering(all_at_once(f"{toml.path}: cannot open the bench", lines))


def close_all(opened: dict[str, Opened]) -> None:
    """Close the connections."""
    every(one.instrument.disconnect for one in opened.values())


def lock_of(file: BenchFile, toml: TomlFile) -> BenchLock:
    """The lock on all instruments of a bench; `BenchInUse` says who has them."""
    from labshd.station.bench_lock import BenchLock

    return BenchLock((entry.resource for entry in entries(file).values()), toml.path)


def link_to(file: BenchFile, virtual: VirtualBench | None) -> Link:
    """The way to the instruments, or to their twins."""
    return Link(virtual.library(), virtual.clock) if virtual else Link(file.visa, RealClock())


def virtual_bench_of(file: BenchFile, toml: TomlFile, seed: int | None = None) -> VirtualBench:
    """The twins of a bench, with the device of its ``[rehearsal]`` behind them."""
    from labshd.station.rehearsal import virtual_bench

    return virtual_bench(file, toml.path.parent, seed=seed)
