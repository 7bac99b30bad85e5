"""Random stations, pulses and biases, many of them beyond the limits: what reaches the devices, seen from the wires.

    python benchmarks/check_limits.py [--trials N] [--seed N]

Each trial draws limits, an instrument and a series of requests, and lets the driver have them. The observer is the
virtual circuit, which sees nothing but what the bytes did: voltages and widths at the devices, current limits,
conflicts. Prints how many requests were refused and how many trials drove beyond a limit, which must be none.
"""

from __future__ import annotations

import argparse
import random
from collections import Counter

from instruments.crosspoints import Pulse
from instruments.drivers import known, load
from instruments.errors import InputError, InstrumentError
from instruments.limits import Limits
from instruments.roles import PulseSource, SourceMeasureUnit
from instruments.wire import Wire
from instruments.wiring import Kind, Wiring
from sim_device.virtual_bench import VirtualBench, make_devices

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


def beyond(bench: VirtualBench, allowed: Limits, role: str) -> list[str]:
    """What the observer saw beyond the limits."""
    most = allowed.pulse_voltage if role == "generator" else allowed.read_voltage
    seen = [f"{voltage:g} V on {name}" for name, voltage in bench.largest_voltage.items() if voltage > most * TOLERANCE]
    seen += [f"{one.width:g} s" for one in bench.applied if one.width > allowed.pulse_width * TOLERANCE]
    if bench.largest_current_limit > allowed.current * TOLERANCE:
        seen.append(f"a current limit of {bench.largest_current_limit:g} A")
    return seen + bench.faults


def trial(random_: random.Random, tally: Counter[str]) -> None:
    """One station, one instrument, a dozen requests."""
    name = random_.choice([name for name, driver in known().items() if driver.role != "matrix"])
    allowed = limits(random_)
    bench = VirtualBench(Wiring(Kind.THREE_TERMINAL, None), make_devices(["a"], "ecram", seed=1), {NAME: name})
    instrument = load(name)(Wire(NAME, bench.library(), instrument=name, clock=bench.clock), allowed)
    instrument.prepare()
    for _ in range(12):
        tally["requests"] += 1
        try:
            request(random_, instrument)
        except InputError:
            tally["refused before a byte was sent"] += 1
        except InstrumentError:
            tally["refused by the instrument"] += 1
    seen = beyond(bench, allowed, known()[name].role)
    if seen:
        tally["beyond a limit"] += 1
        if tally["beyond a limit"] <= SHOWN:
            print(name, allowed, seen[:3])


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
