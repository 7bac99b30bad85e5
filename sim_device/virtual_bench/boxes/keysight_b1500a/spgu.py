"""Twin of a Keysight B1525A HV-SPGU: two pulse channels of one module; one is cabled, the other left open.

Source: B1500A Programming Guide, SPGU module (chapter 2), ``SER``, ``SIM`` to ``SRP`` (chapter 4); data sheet for
ranges and resolutions. Pulses (PG mode) are modelled, arbitrary waves (ALWG) are refused. Guide and data sheet do not
say when widths and periods that conflict are refused: here it is at once.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Final, NamedTuple

from sim_device.virtual_bench.circuit.surroundings import Circuit
from sim_device.virtual_bench.languages.flex import CHANNEL, SWITCH_OPEN, VALUE, FlexError, bounded, whole

SOURCE_IMPEDANCE: Final = 50.0  # [ohm]
OPEN: Final = 1e6  # [ohm] what a gate or a device under the pulse looks like
MOST: Final = 40.0  # [V] of the source itself, open
RAMP: Final = 1.25  # the whole ramp over its 10 % to 90 %
LONGEST_FREE: Final = 31_556_926.0  # [s] of a duration, one year
DC, BOTH = 0, 3  # output modes; 1 and 2 are the pulse sources
FREE_RUN, COUNT, DURATION = 0, 1, 2


class Timing(NamedTuple):
    """Delay, width, leading and trailing edge [s] of a pulse source."""

    delay: float = 0.0
    width: float = 1e-7
    leading: float = 2e-8
    trailing: float = 2e-8

    def end(self) -> float:
        """Time after the start of the period at which the pulse is over [s]."""
        return self.delay + self.width + RAMP * self.trailing


@dataclass
class SpguChannel:
    """One output: levels [V] of the pulse sources and of DC, timing, load [ohm], switches."""

    on: bool = False
    load: float = 50.0
    mode: int = 1
    base: dict[int, float] = field(default_factory=lambda: {0: 0.0, 1: 0.0, 2: 0.0})
    peak: dict[int, float] = field(default_factory=lambda: {1: 0.0, 2: 0.0})
    timing: dict[int, Timing] = field(default_factory=lambda: {1: Timing(), 2: Timing()})
    switch: str = "0,0"
    trigger: int = 0

    def at_device(self, level: float) -> float:
        """Voltage at a device of high impedance [V]: the source is adjusted for the load that was told."""
        return level * (self.load + SOURCE_IMPEDANCE) / self.load * OPEN / (OPEN + SOURCE_IMPEDANCE)

    def sources(self) -> tuple[int, ...]:
        """Which pulse sources reach the output."""
        return {0: (), 1: (1,), 2: (2,), 3: (1, 2)}[self.mode]


class Spgu:
    """All SPGU channels of a box, which start, stop and repeat together; `cabled` is the one in the circuit."""

    def __init__(self, circuit: Circuit, channels: tuple[int, ...], cabled: int | None) -> None:
        self.circuit = circuit
        self.cabled = cabled
        self.numbers = channels
        self.reset()

    def reset(self) -> None:
        """Initial settings, switches open."""
        self.channels = {number: SpguChannel() for number in self.numbers}
        self.period = 1e-6
        self.run_mode, self.condition = FREE_RUN, 1.0
        self._busy_until = -math.inf
        if self.cabled is not None:
            self.circuit.generator_rests(None)

    def channel(self, number: float) -> SpguChannel:
        """The channel of a number, 1 standing for 101; error 121 where there is none."""
        full = int(number) * 100 + 1 if number <= 10 else int(number)
        if number != int(number) or full not in self.channels:
            raise FlexError(CHANNEL)
        return self.channels[full]

    # -- output ----------------------------------------------------------------------------------------------------

    def switch(self, number: int, *, on: bool) -> None:
        """Output switch; it closes at 0 V, and opening it ends what was pulsing."""
        self.channels[number].on = on
        if not on:
            self._busy_until = -math.inf
        if number == self.cabled:
            self.circuit.generator_rests(0.0 if on else None)

    def _driven(self) -> SpguChannel | None:
        """The channel in the circuit, while its switch is closed."""
        channel = None if self.cabled is None else self.channels[self.cabled]
        return channel if channel is not None and channel.on else None

    def running(self) -> bool:
        """``SPST?``."""
        return self.circuit.clock.now() < self._busy_until

    def remaining(self) -> float:
        """Until a counted burst is over [s]; 0 for one that is not, or never will be."""
        left = self._busy_until - self.circuit.clock.now()
        return left if 0 < left < math.inf else 0.0

    def stop(self) -> None:
        """``SPP``: the outputs go to their base."""
        self._busy_until = -math.inf
        self.update()

    def update(self, *numbers: float) -> None:
        """``SPUPD``: the output rests at its base."""
        for channel in [self.channel(number) for number in numbers]:
            if not channel.on:
                raise FlexError(SWITCH_OPEN)
        cabled = self._driven()
        if cabled is not None:
            self.circuit.generator_rests(cabled.at_device(cabled.base[max(cabled.sources()[:1], default=0)]))

    def start(self) -> None:
        """``SRP``: every channel whose switch is closed pulses; error 200 where none is."""
        if not any(channel.on for channel in self.channels.values()):
            raise FlexError(SWITCH_OPEN)
        if self.running():
            return
        self.update()
        count = {FREE_RUN: 1, COUNT: int(self.condition)}.get(self.run_mode, int(self.condition / self.period))
        free = self.run_mode == FREE_RUN
        self._busy_until = math.inf if free else self.circuit.clock.now() + count * self.period
        cabled = self._driven()
        if cabled is None:
            return
        if free:
            self.circuit.fault("the generator runs freely")
        self._pulse(cabled, count)

    def _pulse(self, channel: SpguChannel, count: int) -> None:
        """One source: its pulses at once. Both: in turn, as they follow each other in each period."""
        sources = channel.sources()
        for _ in range(count if len(sources) > 1 else 1):
            for source in sources:
                pulses = 1 if len(sources) > 1 else count
                level = channel.at_device(channel.peak[source])
                if level:
                    self.circuit.generator_pulses(level, channel.timing[source].width, pulses)

    # -- settings --------------------------------------------------------------------------------------------------

    def set_run(self, mode: float, condition: float | None = None) -> None:
        """``SPRM``; ends what is running."""
        kind = whole(mode, FREE_RUN, DURATION)
        if kind == COUNT:
            self.condition = whole(1 if condition is None else condition, 1, 1_000_000)
        elif kind == DURATION:
            self.condition = bounded(1e-6 if condition is None else condition, 1e-6, LONGEST_FREE)
        elif condition is not None:
            raise FlexError(VALUE)
        self.run_mode = kind
        self._busy_until = -math.inf

    def set_period(self, period: float) -> None:
        """``SPPER``: 20 ns to 10 s in steps of 10 ns, and not below the end of a pulse."""
        value = round(bounded(period, 2e-8, 10.0) / 1e-8) * 1e-8
        if any(timing.end() > value * (1 + 1e-9) for timing in self._timings()):
            raise FlexError(VALUE)
        self.period = value

    def _timings(self) -> list[Timing]:
        return [channel.timing[source] for channel in self.channels.values() for source in channel.sources()]

    def set_timing(self, number: float, source: float, *times: float) -> None:
        """``SPT chnum,src,delay,width,leading[,trailing]``: within the ranges, and within the period."""
        channel, kind = self.channel(number), whole(source, 1, 2)
        delay, width, leading = times[:3]
        trailing = times[3] if len(times) > 3 else leading
        timing = Timing(
            bounded(delay, 0.0, 10.0),
            round(bounded(width, 1e-8, 10.0) / 2.5e-9) * 2.5e-9,
            round(bounded(leading, 8e-9, 0.4) / 2e-9) * 2e-9,
            round(bounded(trailing, 8e-9, 0.4) / 2e-9) * 2e-9,
        )
        if timing.width < RAMP * timing.leading * (1 - 1e-9) or timing.end() > self.period * (1 + 1e-9):
            raise FlexError(VALUE)
        channel.timing[kind] = timing

    def set_levels(self, number: float, source: float, base: float, peak: float | None = None) -> None:
        """``SPV chnum,src,base[,peak]``: as far as the source goes behind its 50 ohm."""
        channel, kind = self.channel(number), whole(source, 0, 2)
        most = MOST * channel.load / (channel.load + SOURCE_IMPEDANCE)
        channel.base[kind] = bounded(base, -most, most)
        if kind:
            channel.peak[kind] = bounded(base if peak is None else peak, -most, most)
        elif peak is not None and peak != base:
            raise FlexError(VALUE)

    def set_load(self, number: float, load: float) -> None:
        """``SER``; 0.1 ohm to 1 Mohm, refused where levels that are set would be beyond the source."""
        channel = self.channel(number)
        value = bounded(load, 0.1, 1e6)
        levels = [*channel.base.values(), *channel.peak.values()]
        if max(abs(level) for level in levels) * (value + SOURCE_IMPEDANCE) / value > MOST * (1 + 1e-9):
            raise FlexError(VALUE)
        channel.load = value

    def set_mode(self, number: float, mode: float) -> None:
        """``SPM``: DC, a pulse source, or both; refused where its pulse is longer than the period."""
        channel, kind = self.channel(number), whole(mode, DC, BOTH)
        changed = replace(channel, mode=kind)
        if any(channel.timing[source].end() > self.period * (1 + 1e-9) for source in changed.sources()):
            raise FlexError(VALUE)
        channel.mode = kind

    def shown_mode(self, number: float) -> str:
        """``SPM?``."""
        return str(self.channel(number).mode)

    def shown_timing(self, number: float, source: float) -> str:
        """``SPT?``."""
        return ",".join(f"{time:.6E}" for time in self.channel(number).timing[whole(source, 1, 2)])

    def shown_levels(self, number: float, source: float) -> str:
        """``SPV?``."""
        channel, kind = self.channel(number), whole(source, 0, 2)
        levels = [channel.base[kind], *([channel.peak[kind]] if kind else [])]
        return ",".join(f"{level:.6E}" for level in levels)

    def shown_load(self, number: float) -> str:
        """``SER?``."""
        return f"{self.channel(number).load:.6E}"

    def shown_switch(self, number: float) -> str:
        """``ODSW?``."""
        return self.channel(number).switch

    def set_operation(self, mode: float) -> None:
        """``SIM``: pulses only; channels that are on go to 0 V."""
        whole(mode, 0, 0)
        self._busy_until = -math.inf
        if self._driven() is not None:
            self.circuit.generator_rests(0.0)

    def set_switch(self, number: float, state: float, normal: float = 0, delay: float = 0, width: float = 0) -> None:
        """``ODSW``: the pulse switch stays unused; enabling it is refused."""
        whole(state, 0, 0)
        self.channel(number).switch = f"0,{whole(normal, 0, 1)}"
        bounded(delay, 0, 10)
        bounded(width, 0, 10)
