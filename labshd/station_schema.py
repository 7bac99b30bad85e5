"""What a station file may say: instruments, wiring, limits, pulses and crosspoints, with units."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from instruments import wiring
from instruments.bench import ReadSetting
from instruments.crosspoints import Pulse, PulsePair
from instruments.limits import Limits
from instruments.units import Amperes, Seconds, Volts

Name = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_-]*$")]
Row = Annotated[str, Field(pattern=r"^[A-H]$")]
Column = Annotated[int, Field(ge=1, le=99)]


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
    """One instrument: which driver, at which VISA resource, and (if given) which serial number."""

    driver: str
    resource: str
    serial: str | None = Field(default=None, description="part of the identity that must match")


class InstrumentsEntry(_Entry):
    """The instruments by role."""

    generator: InstrumentEntry
    smu: InstrumentEntry
    matrix: InstrumentEntry | None = None


class WiringEntry(_Entry):
    """Kind of device, and the rows of the matrix on which the instruments are."""

    kind: wiring.Kind
    slot: int = Field(default=1, ge=1, le=6)
    generator: Row | None = None
    smu: Row | None = None
    ground: Row | None = None


class CrosspointEntry(_Entry):
    """The columns of the matrix on which the electrodes of one crosspoint are."""

    gate: Column | None = None
    channel: Column | None = None
    top: Column | None = None

    def column(self, terminal: wiring.Terminal) -> int | None:
        """The column of a terminal, None where it is not wired."""
        return getattr(self, terminal.value)


class RehearsalEntry(_Entry):
    """What stands behind the virtual twins when the station is rehearsed."""

    device: str = Field(default="ecram", description="a virtual device, or the file of a fitted one")
    seed: int = Field(default=1, ge=0)


class TrainingEntry(_Entry):
    """Which crosspoints are the auxiliary array A and the core array C."""

    auxiliary: Name
    core: Name


class BenchFile(_Entry):
    """A station whose crosspoints are wired to instruments."""

    kind: Literal["bench"]
    name: str = "bench"
    visa: str = Field(default="@py", description='VISA library: "@py", "@ivi" or the path of a vendor library')
    limits: Limits
    pulses: PulsesEntry
    read: ReadEntry
    instruments: InstrumentsEntry
    wiring: WiringEntry
    crosspoints: dict[Name, CrosspointEntry] = Field(min_length=1)
    rehearsal: RehearsalEntry = RehearsalEntry()
    training: TrainingEntry | None = None

    def pulse_pair(self) -> PulsePair:
        """The pulses as the bench applies them."""
        up, down = self.pulses.up, self.pulses.down
        return PulsePair(Pulse(up.voltage, up.width), Pulse(down.voltage, down.width))

    def read_setting(self) -> ReadSetting:
        """How the bench reads."""
        return ReadSetting(self.read.voltage, self.read.compliance, self.read.integration)

    def bench_wiring(self) -> wiring.Wiring:
        """The wiring of a checked file."""
        entry = self.wiring
        if entry.generator is None or entry.smu is None:
            return wiring.Wiring(entry.kind, None)
        columns = {
            (name, terminal): column
            for name, crosspoint in self.crosspoints.items()
            for terminal in wiring.TERMINALS[entry.kind]
            if (column := crosspoint.column(terminal)) is not None
        }
        matrix = wiring.MatrixCabling(entry.slot, entry.generator, entry.smu, entry.ground, columns)
        return wiring.Wiring(entry.kind, matrix)


class SimulatedEntry(_Entry):
    """Crosspoints that are arithmetic."""

    device: str = Field(description="a preset, or the file of a fitted device")
    shape: tuple[Annotated[int, Field(ge=1, le=26)], Annotated[int, Field(ge=1)]] = (1, 2)
    seed: int = Field(default=1, ge=0)


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
