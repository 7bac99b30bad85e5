"""The station file: its keys for instruments, wiring, limits, pulses and crosspoints, with units."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from instruments.bench import wiring
from instruments.bench.bench import ReadSetting
from instruments.crosspoints import Pulse, PulsePair
from instruments.limits import Limits
from instruments.units import Amperes, Ohms, Seconds, Share, Volts
from labshd.station.names_in_rows import Arrangement

Name = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_-]*$")]
Row = Annotated[str, Field(pattern=r"^[A-H]$")]
_ROW, _COLUMN = wiring.Terminal.ROW, wiring.Terminal.COLUMN
_PLACE = re.compile(r"([1-9]):([1-9]\d?)")


def _place(said: Any) -> Any:
    """A column number on the card in `wiring.slot`, or "slot:column"."""
    if isinstance(said, int) and not isinstance(said, bool) and 1 <= said <= 99:
        return said
    if isinstance(said, str) and _PLACE.fullmatch(said):
        return said
    raise ValueError('a column is a number from 1, or "slot:column" such as "2:3"')


Column = Annotated[int | str, BeforeValidator(_place)]


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class PulseEntry(_Entry):
    """One pulse at the driven electrode."""

    voltage: Volts = Field(description="signed")
    width: Seconds = Field(gt=0)


class PulsesEntry(_Entry):
    """The pulses of this station and the time a device rests before it is read."""

    up: PulseEntry
    down: PulseEntry
    settle: Seconds = Field(default=1e-3, ge=0, description="between the last pulse and a reading")


class ReadEntry(_Entry):
    """How a conductance is read."""

    voltage: Volts
    compliance: Amperes = Field(gt=0)
    integration: float = Field(default=1.0, ge=0.01, le=10, description="power line cycles")


class InstrumentEntry(_Entry):
    """One instrument: which driver, at which VISA resource, and (if given) which serial number and channel."""

    driver: str
    resource: str
    serial: str | None = Field(default=None, description="part of the identity that must match")
    channel: int | None = Field(default=None, ge=1, description="of a box with several: its slot or channel number")
    off_time: Seconds | None = Field(
        default=None, ge=0, le=10, description="time its output takes to open after it says that it is off"
    )


class InstrumentsEntry(_Entry):
    """The instruments by role, in the order in which they are switched off."""

    generator: InstrumentEntry
    smu: InstrumentEntry
    bias: InstrumentEntry | None = Field(
        default=None, description="a further source-measure unit: holds a word line, a gate, or a crossbar's row"
    )
    matrix: InstrumentEntry | None = None


class WiringEntry(_Entry):
    """Kind of device, and the rows of the matrix on which the instruments are."""

    kind: wiring.Kind
    slot: int = Field(default=1, ge=1, le=6, description="of columns that name none")
    generator: Row | None = None
    inverse: Row | None = Field(default=None, description="the generator's second output, for half-select voltages")
    smu: Row | None = None
    bias: Row | None = None
    ground: Row | None = None
    settle: Seconds = Field(default=0.0, ge=0, description="after relays have moved, beside the matrix's own time")
    read_gate: wiring.ReadGate | None = Field(default=None, description="a three-terminal device's gate while read")
    scheme: wiring.Scheme | None = Field(default=None, description="the lines of a crossbar that are not selected")
    trigger: bool = Field(default=False, description="a cable from the trigger output of the SMU to the generator")


class BiasEntry(_Entry):
    """What the bias source holds while conductance is set (up), reset (down) and read, and the most it may give."""

    set: Volts | None = None
    reset: Volts | None = None
    read: Volts | None = None
    compliance: Amperes = Field(gt=0)


class CrosspointEntry(_Entry):
    """The columns of the matrix on which the electrodes or lines of one crosspoint are."""

    gate: Column | None = None
    channel: Column | None = None
    top: Column | None = None
    source: Column | None = None
    row: Column | None = None
    column: Column | None = None

    def place(self, terminal: wiring.Terminal, slot: int) -> wiring.Column | None:
        """Where a terminal is, None where it is not wired; on the card in `slot` unless it says another."""
        said: int | str | None = getattr(self, terminal.value)
        if isinstance(said, str):
            return wiring.Column(*map(int, said.split(":")))
        return None if said is None else wiring.Column(slot, said)


class RehearsalEntry(_Entry):
    """What stands behind the virtual twins when the station is rehearsed."""

    device: str = Field(default="ecram", description="a virtual device, or the file of a fitted one")
    seed: int = Field(default=1, ge=0)


class CheckEntry(_Entry):
    """A resistor that ``labshd check`` measures: wired like a crosspoint, and named as one."""

    resistor: Ohms = Field(gt=0)
    crosspoint: Name = Field(description="which of [crosspoints] it is")
    tolerance: Share = Field(
        default=0.01, gt=0, lt=1, description='of the resistor and of the instrument, such as "1 %"'
    )


class TrainingEntry(_Entry):
    """Which crosspoints are the auxiliary array A and the core array C: of each one name, a row, or rows of names."""

    auxiliary: Arrangement
    core: Arrangement


class BenchFile(_Entry):
    """A station whose crosspoints are wired to instruments."""

    kind: Literal["bench"]
    name: str = "bench"
    sample: str = Field(default="", description="what is on the bench; pulse budgets begin anew with another sample")
    visa: str = Field(default="@py", description='VISA library: "@py", "@ivi" or the path of a vendor library')
    limits: Limits
    pulses: PulsesEntry
    read: ReadEntry
    instruments: InstrumentsEntry
    wiring: WiringEntry
    bias: BiasEntry | None = None
    crosspoints: dict[Name, CrosspointEntry] = Field(min_length=1)
    rehearsal: RehearsalEntry = RehearsalEntry()
    training: TrainingEntry | None = None
    check: CheckEntry | None = None

    def pulse_pair(self) -> PulsePair:
        """The pulses as the bench applies them."""
        up, down = self.pulses.up, self.pulses.down
        return PulsePair(Pulse(up.voltage, up.width), Pulse(down.voltage, down.width))

    def read_setting(self) -> ReadSetting:
        """How the bench reads."""
        return ReadSetting(self.read.voltage, self.read.compliance, self.read.integration)

    def limits_of(self, role: str) -> Limits:
        """The limits of the instrument in a role: what holds a gate has those of the gate."""
        return self.limits.at_gate() if role == "bias" and self.wiring.kind is not wiring.Kind.CROSSBAR else self.limits

    def grid(self) -> list[list[str]]:
        """Names in rows and columns: those of the lines, for a crossbar without gaps; else all in one row."""
        if self.wiring.kind is not wiring.Kind.CROSSBAR:
            return [list(self.crosspoints)]
        slot = self.wiring.slot
        at = {(one.place(_ROW, slot), one.place(_COLUMN, slot)): name for name, one in self.crosspoints.items()}
        rows, columns = (list(dict.fromkeys(pair[side] for pair in at)) for side in (0, 1))
        if len(at) != len(rows) * len(columns):
            return [list(self.crosspoints)]
        return [[at[row, column] for column in columns] for row in rows]

    def bench_wiring(self) -> wiring.Wiring:
        """The wiring of a checked file."""
        return wiring_of(self.wiring, self.instruments, self.crosspoints, self.bias, self.read.voltage)


def wiring_of(
    entry: WiringEntry,
    instruments: InstrumentsEntry,
    crosspoints: Mapping[str, CrosspointEntry],
    bias: BiasEntry | None,
    read_voltage: float,
) -> wiring.Wiring:
    """The wiring of sections that are right in themselves. The row of a crossbar is read at `read_voltage` [V]."""
    levels = None
    if bias is not None:
        read = read_voltage if entry.kind is wiring.Kind.CROSSBAR else bias.read
        levels = wiring.BiasLevels(bias.set, bias.reset, read, bias.compliance)
    same_box = instruments.generator.resource == instruments.smu.resource
    matrix = None
    if instruments.matrix is not None and entry.generator is not None and entry.smu is not None:
        columns: dict[tuple[str, wiring.Terminal], int | wiring.Column] = {
            (name, terminal): place
            for name, crosspoint in crosspoints.items()
            for terminal in wiring.TERMINALS[entry.kind] + wiring.OPTIONAL.get(entry.kind, ())
            if (place := crosspoint.place(terminal, entry.slot)) is not None
        }
        matrix = wiring.MatrixCabling(
            entry.slot, entry.generator, entry.smu, entry.ground, columns, bias=entry.bias, inverse=entry.inverse
        )
    return wiring.Wiring(
        entry.kind,
        matrix,
        settle=entry.settle,
        read_gate=entry.read_gate,
        bias=levels,
        scheme=entry.scheme or wiring.Scheme.HALF,
        trigger=entry.trigger,
        one_output=same_box and entry.generator == entry.smu and _one_electrode(entry),
    )


def _one_electrode(entry: WiringEntry) -> bool:
    """Whether generator and source-measure unit are cabled to one place: a row of the matrix, or one electrode."""
    return entry.generator is not None or entry.kind is not wiring.Kind.THREE_TERMINAL


class LawEntry(_Entry):
    """How far pulses of other voltage and width go: sinh(|V|/v0) of the voltage, a power of the width."""

    up: PulseEntry = Field(description="the pulse up whose step is that of the device")
    down: PulseEntry = Field(description="the pulse down whose step is that of the device")
    voltage_scale: Volts = Field(gt=0, description="v0")
    width_exponent: float = Field(gt=0, description="1 where twice the width does twice as much")

    def pulse_pair(self) -> PulsePair:
        """The pulses of reference, which are those of the station."""
        return PulsePair(Pulse(self.up.voltage, self.up.width), Pulse(self.down.voltage, self.down.width))


class SimulatedEntry(_Entry):
    """Crosspoints that are arithmetic."""

    device: str = Field(description="a preset, or the file of a fitted device")
    shape: tuple[Annotated[int, Field(ge=1, le=26)], Annotated[int, Field(ge=1)]] = (1, 2)
    seed: int = Field(default=1, ge=0)
    law: LawEntry | None = Field(default=None, description="of pulse voltage and width; none but one pair without it")


class SimulatedFile(_Entry):
    """A station whose crosspoints are simulated: named A1, A2, ... (row letter, column number)."""

    kind: Literal["simulated"]
    name: str = "simulated"
    simulated: SimulatedEntry
    training: TrainingEntry | None = None

    def crosspoint_names(self) -> list[list[str]]:
        """Names by row and column."""
        rows, columns = self.simulated.shape
        return [[f"{chr(ord('A') + row)}{column + 1}" for column in range(columns)] for row in range(rows)]


StationFile = BenchFile | SimulatedFile
KINDS: dict[str, type[BenchFile] | type[SimulatedFile]] = {"bench": BenchFile, "simulated": SimulatedFile}
