"""Checks of a station file: no limit may be wider than what the instruments can do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from instruments.bench.capability import MOST
from instruments.limits import Limits
from instruments.units import text
from labshd.common.toml_file import Problem
from labshd.station.schema import InstrumentsEntry


def capability_checks(sections: dict[str, Any]) -> Iterator[Problem]:
    """Limits that are wider than the generator or the source-measure unit."""
    limits: Limits | None = sections.get("limits")
    instruments: InstrumentsEntry | None = sections.get("instruments")
    if limits is None or instruments is None:
        return
    pulses, reads = MOST.get(instruments.generator.driver), MOST.get(instruments.smu.driver)
    if pulses is not None:
        yield from _wider("pulse_voltage", limits.pulse_voltage, pulses.voltage, "V", instruments.generator.driver)
    if reads is not None:
        unit = instruments.smu.driver
        yield from _wider("read_voltage", limits.read_voltage, reads.voltage, "V", unit)
        if limits.sweep_voltage is not None:
            yield from _wider("sweep_voltage", limits.sweep_voltage, reads.voltage, "V", unit)
        if reads.current is not None:
            yield from _wider("current", limits.current, reads.current, "A", unit)


def _wider(key: str, limit: float, most: float, unit: str, driver: str) -> Iterator[Problem]:
    if limit > most * (1 + 1e-9):
        rule = (
            f"is wider than what a {driver} can do, {text(most, unit)}, so that it protects nothing; "
            "lower it to what the device bears"
        )
        yield Problem(("limits", key), text(limit, unit), rule)
