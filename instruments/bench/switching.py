"""Changes from one phase of a bench to the next: relays switch cold, bias on first and off last.

Entering a setup: whoever may not stay on goes off (all, where relays move), relays move, they settle, the bias source
goes to its level and is measured there, and only then may generator or source-measure unit go on.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

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
    ) -> None:
        self.generator = generator
        self.smu = smu
        self.matrix = matrix
        self.bias = bias
        self.wiring = wiring
        self.clock = clock
        self.permit: Callable[[], object] = _always
        """Asked before anything drives, or goes on driving; raises where it must not."""
        self._setups: dict[tuple[str, Phase], Setup] = {}
        self._names: dict[tuple[Relay, ...], frozenset[str]] = {}  # as the matrix writes them
        self._forget()

    def _forget(self) -> None:
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
            self.generator_on = False

    def smu_off(self) -> None:
        """Off, if it is on."""
        if self.smu_on:
            self.smu.off()
            self.smu_on = False

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

    def _move(self, relays: tuple[Relay, ...]) -> None:
        """Close exactly these, and let them settle."""
        matrix = self.matrix
        assert matrix is not None
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
            self._bias_on = False
