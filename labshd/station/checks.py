"""Checks across the sections of a station file: pulses within limits, one column an electrode, known drivers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from instruments.crosspoints import Pulse
from instruments.errors import InputError
from instruments.limits import Limits
from labshd.common.toml_file import Key, Problem, nearest
from labshd.station.capability_checks import capability_checks
from labshd.station.names_in_rows import flat, shape_of, twice
from labshd.station.schema import (
    CheckEntry,
    InstrumentEntry,
    InstrumentsEntry,
    PulsesEntry,
    ReadEntry,
    RehearsalEntry,
    SimulatedEntry,
    SimulatedFile,
    TrainingEntry,
)
from labshd.station.wiring_checks import wiring_checks


def cross_checks(sections: dict[str, Any], folder: Path) -> Iterator[Problem]:
    """Rules between sections. Each looks only at sections that are right in themselves."""
    yield from _within_limits(sections)
    yield from capability_checks(sections)
    yield from _drivers(sections)
    yield from wiring_checks(sections)
    yield from _training(sections)
    yield from _resistor(sections)
    yield from _law(sections)
    yield from _devices(sections, folder)


def _within_limits(sections: dict[str, Any]) -> Iterator[Problem]:
    limits: Limits | None = sections.get("limits")
    pulses: PulsesEntry | None = sections.get("pulses")
    reading: ReadEntry | None = sections.get("read")
    if limits and pulses:
        for name, entry in (("up", pulses.up), ("down", pulses.down)):
            try:
                limits.check_pulse(Pulse(entry.voltage, entry.width))
            except InputError as error:
                yield Problem(("pulses", name), None, str(error))
    if limits and reading:
        try:
            limits.check_bias(reading.voltage, reading.compliance)
        except InputError as error:
            yield Problem(("read",), None, str(error))
    if reading and reading.voltage == 0:
        yield Problem(("read", "voltage"), "0 V", 'no conductance can be read at 0 V; try "100 mV"')


def _drivers(sections: dict[str, Any]) -> Iterator[Problem]:
    from instruments import drivers

    instruments: InstrumentsEntry | None = sections.get("instruments")
    if instruments is None:
        return
    for role in InstrumentsEntry.model_fields:
        entry: InstrumentEntry | None = getattr(instruments, role)
        if entry is None:
            continue
        wanted = "smu" if role == "bias" else role
        fitting = [name for name, info in drivers.known().items() if info.role == wanted]
        if entry.driver not in fitting:
            yield Problem(
                ("instruments", role, "driver"), entry.driver, f"no {role} driver" + nearest(entry.driver, fitting)
            )
        else:
            yield from _channel(("instruments", role, "channel"), entry)
    yield from _shared(instruments)


def _channel(key: Key, entry: InstrumentEntry) -> Iterator[Problem]:
    """A channel that the driver has; none where it has no choice."""
    from instruments import drivers

    channels = drivers.known()[entry.driver].channels
    if entry.channel is None or entry.channel in channels:
        return
    rule = "has no such channel; known are " + ", ".join(str(number) for number in sorted(channels))
    if not channels:
        rule = f"{entry.driver} has no channels to choose from; remove it"
    yield Problem(key, entry.channel, rule)


def _shared(instruments: InstrumentsEntry) -> Iterator[Problem]:
    """Two roles at one resource: allowed for the roles of one box, each with a part of the box for itself."""
    from labshd.station.boxes import boxes, named_roles

    for box in boxes(named_roles(instruments)):
        if len(box.roles) == 1:
            continue
        if not box.may_be_shared():
            rule = "two instruments share this resource; each needs its own, unless they are roles of one box"
            yield Problem(("instruments",), box.resource, rule)
            continue
        for part, roles in box.contested().items():
            rule = f"channel {part} of this box for {' and '.join(roles)}; give each its own `channel`"
            yield Problem(("instruments",), box.resource, rule)


def _training(sections: dict[str, Any]) -> Iterator[Problem]:
    entry: TrainingEntry | None = sections.get("training")
    if entry is None:
        return
    names = set[str]()
    if "crosspoints" in sections:
        names = set(sections["crosspoints"])
    elif "simulated" in sections:
        simulated = SimulatedFile(kind="simulated", simulated=sections["simulated"])
        names = {name for row in simulated.crosspoint_names() for name in row}
    both: list[str] = []
    for key in TrainingEntry.model_fields:
        listed = flat(getattr(entry, key))
        for name in twice(listed):
            yield Problem(("training", key), name, "one crosspoint twice in an array; each weight needs its own")
        for name in dict.fromkeys(listed):
            if names and name not in names:
                yield Problem(("training", key), name, "no crosspoint of this station" + nearest(name, names))
        both += dict.fromkeys(listed)
    for name in twice(both):
        yield Problem(("training", "core"), name, "A and C must be two crosspoints; this one is in both arrays")
    if (a := shape_of(entry.auxiliary)) != (c := shape_of(entry.core)):
        rule = f"A is {a[0]} x {a[1]} crosspoints and C {c[0]} x {c[1]}; each weight takes one of either"
        yield Problem(("training",), None, rule)


def _resistor(sections: dict[str, Any]) -> Iterator[Problem]:
    entry: CheckEntry | None = sections.get("check")
    names: Mapping[str, Any] | None = sections.get("crosspoints")
    if entry is not None and names is not None and entry.crosspoint not in names:
        rule = "no crosspoint of this station" + nearest(entry.crosspoint, names)
        yield Problem(("check", "crosspoint"), entry.crosspoint, rule)


def _law(sections: dict[str, Any]) -> Iterator[Problem]:
    """The pulses of reference of a simulated station go both ways."""
    simulated: SimulatedEntry | None = sections.get("simulated")
    if simulated is None or simulated.law is None:
        return
    if simulated.law.up.voltage * simulated.law.down.voltage >= 0:
        rule = 'up and down are pulses of opposite sign, such as "2 V" and "-2 V"'
        yield Problem(("simulated", "law", "down", "voltage"), f"{simulated.law.down.voltage:g} V", rule)


def _devices(sections: dict[str, Any], folder: Path) -> Iterator[Problem]:
    """A device is a preset's name or the file of a fitted one, looked for beside the station file."""
    from sim_device.models.presets import PRESETS
    from sim_device.virtual_bench.devices import device as virtual

    for section, known in (("rehearsal", virtual.known()), ("simulated", PRESETS)):
        entry: RehearsalEntry | SimulatedEntry | None = sections.get(section)
        if entry is None or entry.device in known:
            continue
        if not entry.device.endswith(".json"):
            rule = "no such device" + nearest(entry.device, known) + "; a fitted device is named by its .json file"
            yield Problem((section, "device"), entry.device, rule)
        elif not (folder / entry.device).is_file():
            yield Problem((section, "device"), entry.device, f"no such file beside the station file ({folder})")
