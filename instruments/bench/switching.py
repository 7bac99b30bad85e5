"""Changes from one phase of a bench to the next: relays switch cold, bias on first and off last.

Entering a setup: whoever may not stay on goes off (all, where relays move), whoever was told so says that it is off,
relays move, they settle, the bias source goes to its level and is measured there, and only then may generator or
source-measure unit go on. An emergency (`Switching.safe`) asks nobody.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TypeAlias

from instruments.bench.phases import Phase, Setup, setup
from instruments.bench.wiring import Relay, Source, Wiring
from instruments.clock import Clock
from instruments.crosspoints import Status
from instruments.errors import InputError, InstrumentError
from instruments.roles import PulseSource, SourceMeasureUnit, SwitchMatrix, every
from instruments.units import text

log = logging.getLogger(__name__)

HELD_WITHIN = 0.01  # of the level, that the bias source may be off when it is measured there
HELD_LEAST = 10e-3  # [V] that it may be off whatever the level: beyond the offset of any source, below what matters
HOLD_INTEGRATION = 0.1  # power line cycles of that measurement


Driving: TypeAlias = PulseSource | SourceMeasureUnit


def _always() -> None:
    """Nobody forbids it."""


class Switching:
    """What is on and what is connected. `enter` is the only way from one phase to another."""

    def __init__(
        self,
        generator: PulseSource,
        smu: SourceMeasureUnit,
        matrix: SwitchMatrix | None,
        bias: SourceMeasureUnit | None,
        *,
        wiring: Wiring,
        clock: Clock,
        asks: bool = True,
    ) -> None:
        self.generator = generator
        self.smu = smu
        self.matrix = matrix
        self.bias = bias
        self.wiring = wiring
        self.clock = clock
        self.permit: Callable[[], object] = _always
        """Asked before anything drives, or goes on driving; raises where it must not."""
        self.asks = asks  # False in a replay of a run from before sources were asked
        self._setups: dict[tuple[str, Phase], Setup] = {}
        self._names: dict[tuple[Relay, ...], frozenset[str]] = {}  # as the matrix writes them
        self._forget()

    def _forget(self) -> None:
        sources = (self.generator, self.smu, self.bias)
        self._told_off: list[Driving] = [one for one in sources if one is not None]  # and not said yet that they are
        self.generator_on = False
        self.smu_on = False
        self._bias_on = False
        self._held: float | None = None  # [V] that the bias source was found to hold
        self._bias_set = False
        self._relays: tuple[Relay, ...] | None = None
        self._setup: Setup | None = None

    def setup(self, name: str, phase: Phase) -> Setup:
        """What a phase of a crosspoint asks for."""
        found = self._setups.get((name, phase))
        if found is None:
            found = self._setups[name, phase] = setup(self.wiring, name, phase)
        return found

    def enter(self, wanted: Setup) -> bool:
        """Make it so, cold; whether generator and source-measure unit changed places on their one output."""
        before = self._setup
        if wanted is before:
            return False
        self._setup = None
        moves = self.matrix is not None and wanted.relays != self._relays
        if moves or not (wanted.driver is Source.GENERATOR or Source.GENERATOR in wanted.may_stay):
            self.generator_off()
        if moves or not (wanted.driver is Source.SMU or Source.SMU in wanted.may_stay):
            self.smu_off()
        if moves or wanted.bias is None:
            self._bias_off()
        if moves:
            self._move(wanted.relays)
        if wanted.bias is not None:
            self._hold(wanted.bias)
        self._setup = wanted
        return self.wiring.one_output and (before is None or before.driver is not wanted.driver)

    def generator_goes_on(self) -> None:
        """The output that pulses, at rest until it is fired."""
        self.permit()
        if not self.generator_on:
            self.generator_on = True
            self.generator.output_on()

    def smu_goes_on(self) -> None:
        """The output that reads."""
        self.permit()
        if not self.smu_on:
            self.smu_on = True
            self.smu.output_on()

    def generator_off(self) -> None:
        """Off, if it is on."""
        if self.generator_on:
            self.generator.off()
            self.told_off(self.generator)
            self.generator_on = False

    def smu_off(self) -> None:
        """Off, if it is on."""
        if self.smu_on:
            self.smu.off()
            self.told_off(self.smu)
            self.smu_on = False

    def rest(self) -> None:
        """All off and all relays open, cold: as `enter`, with nobody on. Nothing where nobody is asked."""
        if not self.asks:
            return
        self._setup = None
        self.generator_off()
        self.smu_off()
        self._bias_off()
        if self.matrix is not None and self._relays != ():
            self._move(())

    def safe(self) -> None:
        """Generator, source-measure unit and bias source off, relays open: write-only, each whatever the others do."""
        stops: list[Callable[[], object]] = [self.generator.off, self.smu.off]
        if self.bias is not None:
            stops.append(self.bias.off)
        if self.matrix is not None:
            stops.append(self.matrix.off)
        for error in every(stops):
            log.error("while switching off: %s", error)
        self._forget()

    def told_off(self, source: Driving) -> None:
        """A source was told to switch off; relays wait until it has said that it is."""
        if source not in self._told_off:
            self._told_off.append(source)

    def _all_off(self) -> None:
        """Ask every source that was told to switch off whether it is, and wait until its output has opened.

        Instruments have connections of their own: what was sent to one first may arrive last.
        """
        if not self.asks:
            return
        while self._told_off:
            source = self._told_off[-1]
            if not source.is_off():
                raise InstrumentError(f"{source} was told to switch off and says that its output is on; no relay moved")
            if source.off_time:
                self.clock.wait(source.off_time)
            self._told_off.pop()

    def _move(self, relays: tuple[Relay, ...]) -> None:
        """Close exactly these, and let them settle."""
        matrix = self.matrix
        assert matrix is not None
        self._all_off()
        self._relays = None
        names = self._names.get(relays)
        if names is None:
            names = frozenset(matrix.channel(relay.slot, relay.row, relay.column) for relay in relays)
            self._names[relays] = names
        matrix.close(names)
        self._relays = relays
        if self.wiring.settle:
            self.clock.wait(self.wiring.settle)

    # -- the bias source -------------------------------------------------------------------------------------------

    def _hold(self, level: float) -> None:
        """Hold `level` [V], and make sure that it is held: a gate that leaks or a line that is shorted is no gate."""
        self.permit()
        if level == self._held:
            return
        source, levels = self.bias, self.wiring.bias
        if source is None or levels is None:
            raise InputError("this wiring needs a further source that holds a voltage; name it in instruments.bias")
        if not self._bias_set:
            each = (levels.set, levels.reset, levels.read)
            span = max(abs(one) for one in each if one is not None)
            source.configure_sweep(span, levels.compliance, HOLD_INTEGRATION)
            self._bias_set = True
        self._held = None
        source.level(level)
        if not self._bias_on:
            self._bias_on = True
            source.output_on()
        self._verify(source, level)
        self._held = level

    def _verify(self, source: SourceMeasureUnit, level: float) -> None:
        (found,) = source.measure(1)
        if found.status & Status.COMPLIANCE or not abs(found.voltage - level) <= HELD_LEAST + HELD_WITHIN * abs(level):
            raise InstrumentError(
                f"the bias source holds {text(found.voltage, 'V')} with {text(found.current, 'A')}, where "
                f"{text(level, 'V')} was asked for: what it is connected with leaks or is shorted"
            )

    def _bias_off(self) -> None:
        if self._bias_on and self.bias is not None:
            self._held = None
            self.bias.off()
            self.told_off(self.bias)
            self._bias_on = False
