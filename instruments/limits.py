"""The limits of a station: checked before a byte is sent; nothing is clamped, excess is refused."""

from __future__ import annotations

from typing import Final

from pydantic import BaseModel, ConfigDict, Field

from instruments.errors import LimitError
from instruments.readings import Pulse
from instruments.units import Amperes, Seconds, Share, Volts, Watts, text

BURST_DUTY: Final = 0.5  # of every driver's bursts: pulses are at least as far apart as they are wide


class Limits(BaseModel):
    """What may be done to the devices of a station. What has no default is asked of the user: there is no safe one."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    pulse_voltage: Volts = Field(gt=0, description="largest magnitude of a pulse, either sign")
    pulse_width: Seconds = Field(gt=0, description="longest pulse")
    read_voltage: Volts = Field(gt=0, description="largest magnitude of a read or bias voltage, either sign")
    current: Amperes = Field(gt=0, description="largest compliance current of the source-measure unit")
    pulses_per_crosspoint: int = Field(gt=0, description="endurance budget: pulses that a crosspoint may ever see")
    gate_voltage: Volts | None = Field(
        default=None, gt=0, description="largest magnitude held on a gate or a word line; not given: none is held"
    )
    sweep_voltage: Volts | None = Field(
        default=None, gt=0, description="largest magnitude held in a sweep (forming, I-V); not given: no sweeps at all"
    )

    power: Watts | None = Field(
        default=None,
        gt=0,
        description="largest power of a source-measure unit, voltage times compliance, held or pulsed",
    )
    duty: Share | None = Field(
        default=None, gt=0, le=1, description="largest share of the time that pulses last; not given: 50 % in a burst"
    )

    def check_pulse(self, pulse: Pulse) -> None:
        """Raise `LimitError` unless `pulse` is within the limits."""
        if abs(pulse.voltage) > self.pulse_voltage:
            raise LimitError(
                f"a pulse of {text(pulse.voltage, 'V')} is beyond the limit of ±{text(self.pulse_voltage, 'V')} "
                "(limits.pulse_voltage); lower the pulse, or raise the limit if the device allows it"
            )
        if pulse.width > self.pulse_width:
            raise LimitError(
                f"a pulse width of {text(pulse.width, 's')} is beyond the limit of {text(self.pulse_width, 's')} "
                "(limits.pulse_width); shorten the pulse, or raise the limit if the device allows it"
            )

    def check_bias(self, voltage: float, current: float) -> None:
        """Raise `LimitError` unless a bias of `voltage` [V] with a compliance of `current` [A] is within the limits."""
        if not abs(voltage) <= self.read_voltage:
            raise LimitError(
                f"a bias of {text(voltage, 'V')} is beyond the limit of ±{text(self.read_voltage, 'V')} "
                "(limits.read_voltage); lower it, or raise the limit if the device allows it"
            )
        if not 0 < current <= self.current:
            raise LimitError(
                f"a compliance of {text(current, 'A')} is beyond the limit of {text(self.current, 'A')} "
                "(limits.current); lower it, or raise the limit if the device allows it"
            )
        self.check_power(voltage, current)

    def check_power(self, voltage: float, current: float) -> None:
        """Raise `LimitError` where ``P = |V| I``, the most that a source gives at its compliance, is too much.

        A device that takes just the compliance at the full voltage sees it; any other sees less of one of them.
        """
        if self.power is not None and not abs(voltage) * current <= self.power * (1 + 1e-9):
            raise LimitError(
                f"{text(voltage, 'V')} with a compliance of {text(current, 'A')} may give "
                f"{text(abs(voltage) * current, 'W')}, beyond the limit of {text(self.power, 'W')} (limits.power); "
                "lower the compliance (of a pulse: limits.current), or raise the limit if the device allows it"
            )

    def rest_after(self, pulse: Pulse) -> float | None:
        """Rest [s] that `duty` asks for after each pulse; None where bursts as they are leave enough."""
        if self.duty is None or self.duty >= BURST_DUTY:
            return None
        return pulse.width * (1.0 / self.duty - 1.0)

    def check_gate(self, voltage: float, current: float) -> None:
        """Raise `LimitError` unless a gate may be held at `voltage` [V] with a compliance of `current` [A]."""
        if self.gate_voltage is None:
            raise LimitError(
                f"this station allows no gate to be held at {text(voltage, 'V')}: it names no limits.gate_voltage; "
                "give one in the station file if the gate may be held at such a voltage"
            )
        if not abs(voltage) <= self.gate_voltage:
            raise LimitError(
                f"a gate held at {text(voltage, 'V')} is beyond the limit of ±{text(self.gate_voltage, 'V')} "
                "(limits.gate_voltage); lower it, or raise the limit if the gate allows it"
            )
        self.check_bias(0.0, current)
        self.check_power(voltage, current)

    def at_gate(self) -> GateLimits:
        """The limits of the source that holds a gate."""
        return GateLimits(**dict(self))

    def check_sweep(self, voltage: float, current: float) -> None:
        """Raise `LimitError` unless a crosspoint may be held at `voltage` [V] with a compliance of `current` [A].

        What may be read at may be held. Beyond that a station must say how far: there is no safe default.
        """
        if abs(voltage) <= self.read_voltage:
            self.check_bias(voltage, current)
            return
        if self.sweep_voltage is None:
            raise LimitError(
                f"this station allows no sweep to {text(voltage, 'V')}: it names no limits.sweep_voltage; "
                "give one in the station file if the device may be held at such voltages"
            )
        if not abs(voltage) <= self.sweep_voltage:
            raise LimitError(
                f"a sweep to {text(voltage, 'V')} is beyond the limit of ±{text(self.sweep_voltage, 'V')} "
                "(limits.sweep_voltage); lower it, or raise the limit if the device allows it"
            )
        self.check_bias(0.0, current)
        self.check_power(voltage, current)

    def check_budget(self, spent: int, more: int, crosspoint: str, earlier: int = 0) -> None:
        """Raise `LimitError` if `more` pulses after the `spent` ones would pass the budget of a crosspoint.

        `earlier` of the spent ones are from earlier runs.
        """
        if spent + more > self.pulses_per_crosspoint:
            of_these = f" ({earlier} of these in earlier runs)" if earlier else ""
            raise LimitError(
                f"{more} more pulses on {crosspoint} after {spent}{of_these} make {spent + more}, which passes its "
                f"budget of {self.pulses_per_crosspoint} (limits.pulses_per_crosspoint); ask for fewer pulses, or "
                "raise the budget if the device allows it"
            )


class GateLimits(Limits):
    """The limits of a station as they are for a source that holds a gate: whatever it holds is a gate voltage."""

    def check_bias(self, voltage: float, current: float) -> None:
        """As `check_gate`."""
        if voltage == 0:
            super().check_bias(voltage, current)
        else:
            self.check_gate(voltage, current)

    def check_sweep(self, voltage: float, current: float) -> None:
        """As `check_gate`."""
        self.check_bias(voltage, current)
