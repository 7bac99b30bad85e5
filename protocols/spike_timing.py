"""Spike timing: applies the net pulse of a spike pair for one delay after another."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from pydantic import Field

from instruments.crosspoints import Crosspoints, FloatArray, Pulse, PulsePair
from instruments.errors import InputError
from instruments.foreseen import Foreseen, pulses_of
from instruments.units import Seconds, Volts, text
from protocols.analysis.spike_timing import pairs as spike_pairs
from protocols.analysis.spike_timing.pairs import BEFORE, phase_of
from protocols.common.protocol import Series, Steps
from protocols.common.watch import Stoppable

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class SpikeTiming(Stoppable):
    """Settings of `spike-timing`.

    A spike is a short peak and then a tail of the other sign. The later spike's peak meets the tail of the earlier one
    on the other electrode, and the crosspoint sees their sum: ``V(dt) = peak + tail exp(-|dt|/decay)``, up where the
    pre-synaptic spike came first (dt > 0), down where it came last.
    """

    name: ClassVar[str] = "spike-timing"
    title: ClassVar[str] = "change of conductance against the delay between two spikes, as net pulses"
    not_foreign: ClassVar[str] = "the delay between two spikes is only told by its own run"

    peak: Volts | None = Field(default=None, gt=0, description="peak of a spike; half the station's pulse if not given")
    tail: Volts | None = Field(
        default=None, gt=0, description="where the tail begins; what peak lacks to the station's pulse if not given"
    )
    decay: Seconds = Field(default=20e-3, gt=0, description="time in which the tail falls to 1/e")
    shortest: Seconds = Field(default=1e-3, gt=0, description="shortest delay between the spikes, either order")
    longest: Seconds = Field(default=80e-3, gt=0, description="longest delay")
    delays: int = Field(default=8, ge=4, description="delays of either order, evenly spaced on a log scale")
    pairs: int = Field(default=1, ge=1, description="pairs of spikes at once between two readings")
    repeats: int = Field(default=12, ge=3, description="times that every delay is measured, in an order by the seed")
    reads: int = Field(default=3, ge=1, description="readings before and after the pairs")
    seed: int = Field(default=0, ge=0, description="of the order of delays")

    def planned_readings(self, shape: tuple[int, int]) -> int:
        """All delays of both orders, and single spikes."""
        return 2 * (self.delays + 1) * self.repeats * 2 * self.reads

    def times(self) -> FloatArray:
        """Delays [s] of either order."""
        if self.shortest >= self.longest:
            raise InputError(f"shortest {text(self.shortest, 's')} is not below longest {text(self.longest, 's')}")
        return np.geomspace(self.shortest, self.longest, self.delays)

    def net(self, delay: float, station: PulsePair) -> PulsePair:
        """The net pulses of a delay [s], either order; infinite for a spike alone. Width and signs of the station."""
        whole = abs(station.up.voltage)
        peak = self.peak if self.peak is not None else (whole / 2 if self.tail is None else whole - self.tail)
        tail = self.tail if self.tail is not None else whole - peak
        if peak <= 0 or tail <= 0:
            raise InputError(
                f"peak {text(peak, 'V')} and tail {text(tail, 'V')} are no spike beside pulses of {text(whole, 'V')}; "
                "give both above zero"
            )
        level = (peak + tail * math.exp(-delay / self.decay)) / whole
        up, down = station.up, station.down
        return PulsePair(Pulse(up.voltage * level, up.width), Pulse(down.voltage * level, down.width))

    def foreseen(self, crosspoints: Crosspoints) -> Foreseen:
        """All delays of both orders, and single spikes."""
        pairs = [self.net(delay, crosspoints.pulses) for delay in (*self.times().tolist(), math.inf)]
        most = self.stopped_at(2 * len(pairs) * self.repeats * self.pairs, self.pairs)
        return Foreseen(self.name, "repeats, delays or pairs", most, pulses_of(pairs))

    def run(self, crosspoints: Crosspoints) -> Steps:
        """Every delay in both orders and single spikes, shuffled; up and down take turns so that it stays in place."""
        delays = [*self.times().tolist(), math.inf]
        pulses = {delay: self.net(delay, crosspoints.pulses) for delay in delays}
        watch, order = self.watch(crosspoints), np.random.default_rng(self.seed)
        counts = np.zeros((2, self.reads), dtype=np.int64)
        counts[0, 0], counts[1, 0] = self.pairs, -self.pairs
        for _ in range(self.repeats):
            for up, down in zip(order.permutation(delays).tolist(), order.permutation(delays).tolist(), strict=True):
                for delay, sign, count in ((up, 1, counts[0]), (down, -1, counts[1])):
                    if watch.active:
                        yield from watch.rest(BEFORE, self.reads)
                        yield from watch.apply(phase_of(sign * delay), count, pulses[delay])
        return watch.reason(f"all {2 * len(delays)} delays are measured {self.repeats} times")

    def analyse(self, series: Series) -> dict[str, Any]:
        """Amplitude and time constant of either order."""
        return spike_pairs.result(series)

    def figures(self, series: Series, result: dict[str, Any]) -> list[Figure]:
        """Change against delay with the exponentials."""
        from protocols.analysis.spike_timing.figures import figures

        return figures(series)
