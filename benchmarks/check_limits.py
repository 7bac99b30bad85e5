"""Random stations, pulses and biases, many of them beyond the limits: what reaches the devices, seen from the wires.

    python benchmarks/check_limits.py [--trials N] [--seed N]

Every other trial draws limits, an instrument and a series of requests, and lets the driver have them; the others draw
a whole station of one of the kinds of wiring, with levels for its bias source, and ask its crosspoints. The observer
is the virtual circuit, which sees nothing but what the bytes did: voltages and widths at the devices and at gates,
current limits, conflicts. Prints how many requests were refused and how many trials drove beyond a limit, which must
be none.
"""

from __future__ import annotations

import argparse
import random
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from instruments.bench.bench import Bench, ReadSetting
from instruments.bench.block import BenchCrosspoints
from instruments.bench.wiring import (
    TERMINALS,
    BiasLevels,
    Column,
    Kind,
    MatrixCabling,
    ReadGate,
    Relay,
    Terminal,
    Wiring,
)
from instruments.crosspoints import Origin, Pulse, PulsePair
from instruments.drivers import known, load
from instruments.errors import InputError, InstrumentError
from instruments.limits import Limits
from instruments.roles import PulseSource, SourceMeasureUnit
from instruments.wire import Wire
from sim_device.virtual_bench import VirtualBench, make_devices
from sim_device.virtual_bench.boxes.twins import Cabled

NAME = "TCPIP0::it::inst0::INSTR"
SHOWN = 5  # trials beyond a limit that are printed
TOLERANCE = 1 + 2e-4  # of a level: 1 Mohm behind 50 ohm, and 7 digits


def logarithmic(random_: random.Random, low: float, high: float) -> float:
    """A number between `low` and `high`, uniform in its logarithm."""
    return low * (high / low) ** random_.random()


def limits(random_: random.Random) -> Limits:
    """Limits of a station, none like the other."""
    return Limits(
        pulse_voltage=logarithmic(random_, 0.05, 20.0),
        pulse_width=logarithmic(random_, 1e-8, 1e-2),
        read_voltage=logarithmic(random_, 1e-3, 5.0),
        gate_voltage=logarithmic(random_, 0.05, 20.0),
        current=logarithmic(random_, 1e-8, 0.1),
        pulses_per_crosspoint=1000,
    )


def request(random_: random.Random, instrument: object) -> None:
    """One thing asked of an instrument."""
    sign = random_.choice((-1.0, 1.0))
    if isinstance(instrument, PulseSource):
        act = random_.randrange(4)
        if act == 0:
            instrument.configure(Pulse(sign * logarithmic(random_, 1e-3, 50.0), logarithmic(random_, 1e-9, 1.0)))
        elif act == 1:
            instrument.output_on()
        elif act == 2:
            instrument.fire(random_.randint(0, 20))
        else:
            instrument.off()
    elif isinstance(instrument, SourceMeasureUnit):
        act = random_.randrange(4)
        if act == 0:
            voltage, current = sign * logarithmic(random_, 1e-4, 300.0), logarithmic(random_, 1e-10, 10.0)
            instrument.configure(voltage, current, logarithmic(random_, 1e-4, 100.0))
        elif act == 1:
            instrument.output_on()
        elif act == 2:
            instrument.measure(random_.randint(0, 3))
        else:
            instrument.off()


def beyond(bench: VirtualBench, allowed: Limits) -> list[str]:
    """What the observer saw beyond the limits."""
    most = max(allowed.pulse_voltage, allowed.read_voltage)
    seen = [f"{voltage:g} V on {name}" for name, voltage in bench.largest_voltage.items() if voltage > most * TOLERANCE]
    seen += [f"a pulse of {p.voltage:g} V" for p in bench.applied if abs(p.voltage) > allowed.pulse_voltage * TOLERANCE]
    seen += [f"{one.width:g} s" for one in bench.applied if one.width > allowed.pulse_width * TOLERANCE]
    if bench.largest_gate_voltage > (allowed.gate_voltage or 0.0) * TOLERANCE:
        seen.append(f"{bench.largest_gate_voltage:g} V at a gate")
    if bench.largest_current_limit > allowed.current * TOLERANCE:
        seen.append(f"a current limit of {bench.largest_current_limit:g} A")
    return seen + bench.faults


def driver_of(name: str) -> Callable[..., Any]:
    """The class of a driver, made of a wire and limits."""
    return load(name)


def alone(name: str) -> VirtualBench:
    """A bench on which one instrument stays on one device; a half-select source on the two lines of it."""
    devices = make_devices(["a"], "ecram", seed=1)
    if not name.endswith("-halves"):
        return VirtualBench(Wiring(Kind.THREE_TERMINAL, None), devices, {NAME: name})
    lines = {("a", Terminal.ROW): 1, ("a", Terminal.COLUMN): 2}
    matrix = MatrixCabling(1, "A", "C", "D", dict(lines), bias="E", inverse="B")
    bench = VirtualBench(Wiring(Kind.CROSSBAR, matrix), devices, {NAME: name})
    bench.matrix_closes(frozenset({Relay(1, "A", 1), Relay(1, "B", 2)}))
    return bench


def instrument_trial(random_: random.Random, tally: Counter[str]) -> list[str]:
    """One instrument, a dozen requests."""
    name = random_.choice([name for name, driver in known().items() if driver.role != "matrix"])
    allowed, bench = limits(random_), alone(name)
    instrument = driver_of(name)(Wire(NAME, bench.library(), instrument=name, clock=bench.clock), allowed)
    instrument.prepare()
    for _ in range(12):
        asked(tally, lambda: request(random_, instrument))
    seen = beyond(bench, allowed)
    if known()[name].role == "smu":
        most = allowed.read_voltage * TOLERANCE
        seen += [f"{volts:g} V held on {who}" for who, volts in bench.largest_voltage.items() if volts > most]
    return [f"{name}: {what}" for what in seen]


def asked(tally: Counter[str], act: Callable[[], object], otherwise: str = "refused by the instrument") -> None:
    """Ask for it, and count how it ended."""
    tally["requests"] += 1
    try:
        act()
    except InputError:
        tally["refused before a byte was sent"] += 1
    except InstrumentError:
        tally[otherwise] += 1


# -- whole stations ----------------------------------------------------------------------------------------------------


def wiring_of(random_: random.Random, kind: Kind) -> Wiring:
    """Two crosspoints of a kind behind a matrix, with levels of the bias source that may be beyond the limits."""
    columns = [(name, terminal) for name in "ab" for terminal in TERMINALS[kind]]
    if kind is Kind.ONE_TRANSISTOR and random_.random() < 0.5:
        columns += [(name, Terminal.SOURCE) for name in "ab"]
    places: dict[tuple[str, Terminal], int | Column] = {
        electrode: Column(1 + number % 2, 1 + number // 2) for number, electrode in enumerate(columns)
    }
    if kind is Kind.CROSSBAR:
        places["b", Terminal.ROW] = places["a", Terminal.ROW]
    levels = BiasLevels(*(logarithmic(random_, 0.01, 5.0) for _ in range(3)), compliance=1e-8)
    gate = random_.choice(list(ReadGate)) if kind is Kind.THREE_TERMINAL else None
    return Wiring(kind, MatrixCabling(1, "A", "B", "C", places, bias="D", inverse="E"), read_gate=gate, bias=levels)


def station(random_: random.Random, allowed: Limits) -> tuple[BenchCrosspoints, VirtualBench]:
    """A station of some kind, its instruments prepared."""
    kind = random_.choice(list(Kind))
    wiring = wiring_of(random_, kind)
    halves = "keysight-81160a-halves" if kind is Kind.CROSSBAR else "keysight-81160a"
    smus = [name for name, driver in known().items() if driver.role == "smu" and not driver.channels]
    drivers = {
        "generator": halves,
        "smu": random_.choice(smus),
        "bias": random_.choice(smus),
        "matrix": "keithley-707b",
    }
    names = {role: f"TCPIP0::{role}::inst0::INSTR" for role in drivers}
    virtual = VirtualBench(
        wiring,
        make_devices("ab", "ecram" if kind is Kind.THREE_TERMINAL else "rram", seed=1),
        {names[role]: [Cabled(driver, role=role)] for role, driver in drivers.items()},
    )
    gate = allowed if kind is Kind.CROSSBAR else allowed.at_gate()
    opened: dict[str, Any] = {}
    for role, driver in drivers.items():
        wire = Wire(names[role], virtual.library(), instrument=role, clock=virtual.clock)
        opened[role] = driver_of(driver)(wire, gate if role == "bias" else allowed)
        opened[role].prepare()
    width = logarithmic(random_, 1e-8, 1e-2)
    pulses = PulsePair(Pulse(logarithmic(random_, 0.2, 5.0), width), Pulse(-logarithmic(random_, 0.2, 5.0), width))
    reading = ReadSetting(logarithmic(random_, 1e-3, 1.0), logarithmic(random_, 1e-7, 1e-3), 0.1)
    bench = Bench(
        **opened, wiring=wiring, limits=allowed, pulses=pulses, reading=reading, settle=1e-3, clock=virtual.clock,
        origin=Origin("rehearsal"),
    )  # fmt: skip
    return BenchCrosspoints(bench, np.array([["a", "b"]])), virtual


def station_trial(random_: random.Random, tally: Counter[str]) -> list[str]:
    """One station, a dozen pulses and readings."""
    allowed = limits(random_)
    block, virtual = station(random_, allowed)
    for _ in range(12):
        counts = [[random_.randint(-3, 3) for _ in range(2)]]
        act = block.read if random_.random() < 0.5 else partial(block.pulse, counts)
        asked(tally, act, otherwise="a bias that its compliance does not hold")
    block.safe()
    seen = beyond(virtual, allowed) + ([] if virtual.is_safe() else ["left on"])
    return [f"{virtual.wiring.kind}: {what}" for what in seen]


def trial(random_: random.Random, tally: Counter[str]) -> None:
    """An instrument or a station."""
    seen = random_.choice((instrument_trial, station_trial))(random_, tally)
    if seen:
        tally["beyond a limit"] += 1
        if tally["beyond a limit"] <= SHOWN:
            print(seen[:3])


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    random_, tally = random.Random(options.seed), Counter[str]()
    for _ in range(options.trials):
        trial(random_, tally)
    for what, count in tally.items():
        print(f"{what:<34}{count:8d}")
    print(f"{'trials that drove beyond a limit':<34}{tally['beyond a limit']:8d} of {options.trials}")


if __name__ == "__main__":
    main()
