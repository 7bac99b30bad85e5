"""What drivers of source-measure units with list sweeps share."""

from __future__ import annotations

from abc import abstractmethod

from instruments.drivers.common.scpi import Scpi
from instruments.roles import SourceMeasureUnit
from instruments.sequences import Plan


class ListUnit(Scpi, SourceMeasureUnit):
    """Goes back to single levels after a list, and checks the levels of a plan before it sets ranges for them."""

    started = True  # a sequence may be running: nobody knows until `prepare` has reset the instrument
    in_list = False  # settings are those of a list sweep

    def _configure(self, voltage: float, compliance: float, integration: float) -> None:
        """Limit and ranges before the level; the limit is read back."""
        if self.in_list:
            self.prepare()
        self._set(voltage, voltage, compliance, integration)

    def hold(self, span: float, plan: Plan) -> None:
        """As `configure`, on a source range that holds levels up to `span` [V] beside the read voltage of a plan.

        `LimitError` before a byte is sent, for the read voltage and for every pulse of the plan; a span of 0 V says
        that the pulses are those of a generator, whose current this unit does not limit.
        """
        self.limits.check_bias(plan.voltage, plan.compliance)
        for pulse in plan.used:
            self.limits.check_pulse(pulse)
            if span:
                self.limits.check_power(pulse.voltage, max(plan.limit, plan.compliance))
        self._set(max(span, abs(plan.voltage)), plan.voltage, plan.compliance, plan.integration)

    @abstractmethod
    def _set(self, span: float, voltage: float, compliance: float, integration: float) -> None:
        """Send the limit, ranges for `span` [V] and the level."""
