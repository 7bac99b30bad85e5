"""What generator drivers share: finite bursts of pulses of either sign from 0 V, on a trigger.

The device under the pulse is of high impedance, so the output is told so and the level written is the level at the
device. Between pulses the output rests at LOW, with inverted polarity at HIGH; one is always 0 V. Polarity changes with
the output off, because every way from one to the other passes a rest that is not 0 V.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Final, NamedTuple

from pymeasure.adapters import Adapter

from instruments.crosspoints import Pulse
from instruments.drivers.common.connected import si
from instruments.drivers.common.scpi import Scpi
from instruments.errors import InputError, InstrumentError, LimitError
from instruments.limits import Limits
from instruments.roles import PulseSource
from instruments.units import text

LONGEST_EDGE: Final = 100e-9  # [s] that is used: a longer one would no longer be a pulse of one voltage
EDGE_SHARE: Final = 0.05  # of the width
AT_START: Final = 1e-6  # [s] width after `prepare`
SHORT: Final = 1e-7  # [s] width that fits the period and the edges of every generator after a reset
QUICK: Final = 1e-4  # [s] a burst so short that it is over before a query of its end is answered


class Commands(NamedTuple):
    """How one family of generators spells what is sent; ``{}`` stands for a number."""

    high: str
    low: str
    period: str
    width: str
    lead: str
    trail: str
    polarity: str  # {} is NORM or INV
    output: str  # {} is ON or OFF
    pulses: str  # for one trigger


class BurstGenerator(Scpi, PulseSource):
    """A generator with levels, polarity, edges and counted bursts.

    A driver gives `commands`, the ranges, `_setup` and `is_off`.
    """

    commands: ClassVar[Commands]
    least: ClassVar[float]  # [V] smallest amplitude into an open circuit
    most: ClassVar[float]  # [V] largest level of either sign into an open circuit
    shortest_edge: ClassVar[float]  # [s]
    external: ClassVar[str] = ""  # makes every rising edge at the trigger input give a burst; "" where nobody knows how

    def __init__(self, adapter: Adapter, limits: Limits, name: str, **kwargs: Any) -> None:
        super().__init__(adapter, limits, name, **kwargs)
        self._forget()

    def _forget(self) -> None:
        self._pulse: Pulse | None = None
        self._width = AT_START
        self._inverted = False
        self._count = 1
        self._on = False
        self._by_cable = False  # bursts come on a trigger at the input, not on one of ours

    @abstractmethod
    def _setup(self, most: float) -> list[str]:
        """Settings after a reset: triggered pulses into high impedance, output limits at ±`most` [V]."""

    def prepare(self) -> None:
        """Reset, output off, then what `_setup` says and a pulse of the least amplitude."""
        self.write("*RST;*CLS")
        self.set_up()

    def set_up(self) -> None:
        """What follows a reset: output off, settings, a pulse of the least amplitude."""
        self._forget()
        most = max(min(self.limits.pulse_voltage, self.most), self.least)
        command, edge = self.commands, si(self.edge(AT_START))
        self.settle(
            ";".join(
                [
                    command.output.format("OFF"),
                    *self._setup(most),
                    command.polarity.format("NORM"),
                    command.width.format(si(SHORT)),
                    command.period.format(si(self.period(AT_START))),
                    command.width.format(si(AT_START)),
                    command.lead.format(edge),
                    command.trail.format(edge),
                ]
            )
        )

    def remembered(self) -> dict[str, Any]:
        """Width, polarity and count: what is as it should be is not sent again."""
        return {"width_s": self._width, "inverted": self._inverted, "count": self._count}

    def recall(self, remembered: Mapping[str, Any]) -> None:
        """As `remembered`."""
        if remembered:
            self._width, self._inverted = float(remembered["width_s"]), bool(remembered["inverted"])
            self._count = int(remembered["count"])

    def edge(self, width: float) -> float:
        """Leading and trailing edge [s] for a width: 5 % of it, as the instrument can and a pulse may."""
        return min(max(EDGE_SHARE * width, self.shortest_edge), LONGEST_EDGE)

    def period(self, width: float) -> float:
        """Start to start [s] within a burst: as long a rest as the pulse, and room for the edges."""
        return 2 * width + 10 * self.shortest_edge

    def off(self) -> None:
        """Output off."""
        self.goes_off()
        self.switch_off(self.commands.output.format("OFF"))

    def goes_off(self) -> None:
        """The output is switched off: a change of polarity must not bring it back."""
        self._on = False

    def output_on(self) -> None:
        """Output on, at rest at 0 V."""
        self._on = True
        self.write(self.commands.output.format("ON"))

    def _configure(self, pulse: Pulse) -> None:
        """Levels and times in an order in which no two settings ever conflict."""
        if not self.least <= abs(pulse.voltage) <= self.most:
            raise LimitError(
                f"a pulse of {text(pulse.voltage, 'V')} is beyond this generator: "
                f"{text(self.least, 'V')} to {text(self.most, 'V')} of either sign"
            )
        if self._by_cable:
            self.prepare()
        self._pulse = None  # until the instrument has taken all of it
        inverted = pulse.voltage < 0
        settings = [*self._levels(pulse.voltage, inverted), *self._times(pulse.width)]
        if inverted != self._inverted:
            command = self.commands
            polarity = command.polarity.format("INV" if inverted else "NORM")
            settings = [command.output.format("OFF"), polarity, *settings]
            if self._on:
                settings.append(command.output.format("ON"))
        self.settle(";".join(settings))
        self._pulse, self._inverted, self._width = pulse, inverted, pulse.width

    def _levels(self, voltage: float, inverted: bool) -> list[str]:
        """The level that moves away from the other comes first, so that HIGH stays above LOW."""
        high, low = self.commands.high, self.commands.low
        if inverted:
            return [low.format(si(voltage)), high.format("0")]
        return [high.format(si(voltage)), low.format("0")]

    def _times(self, width: float) -> list[str]:
        """A longer pulse needs its period first, a shorter one its edges."""
        if width == self._width:
            return []
        command, edge = self.commands, si(self.edge(width))
        edges = [command.lead.format(edge), command.trail.format(edge)]
        period, pulse = command.period.format(si(self.period(width))), command.width.format(si(width))
        return [period, pulse, *edges] if width > self._width else [*edges, pulse, period]

    def _fire(self, count: int) -> float:
        """One burst on a software trigger."""
        duration = self.arm(count)
        trigger(self, duration, count)
        return duration

    def arm(self, count: int) -> float:
        """Let the next trigger give `count` of the configured pulses; how long they take [s]."""
        if self._pulse is None:
            raise InputError("no pulse is configured; configure one before firing")
        if count != self._count:
            self.write(self.commands.pulses.format(count))
            self._count = count
        return (count - 1) * self.period(self._width) + self._width + self.edge(self._width)

    def arm_by_cable(self, pulse: Pulse, count: int) -> float:
        """From now on `count` of a pulse for every edge at the trigger input, while the output is on; their length [s].

        `configure` ends that with a reset. `LimitError` before a byte is sent.
        """
        self.limits.check_pulse(pulse)
        by_cable, self._by_cable = self._by_cable, False
        self.configure(pulse)
        duration = self.arm(count)
        if not by_cable:
            self.settle(self.external)
        self._by_cable = True
        return duration


def trigger(generator: Scpi, duration: float, count: int) -> None:
    """Trigger what is armed, wait for its end on the clock, then ask for it."""
    if duration <= QUICK:
        done = generator.ask("*TRG;*OPC?")
    else:
        generator.write("*TRG")
        generator.clock.wait(duration)
        done = generator.ask("*OPC?")
    if done.strip() not in ("1", "+1"):
        raise InstrumentError(
            f"{generator.name} answered '*OPC?' with {done!r}: whether {count} pulses came is unknown"
        )
