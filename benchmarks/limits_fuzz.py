"""Random stations of the docs, with random limits, pulses and biases, and random requests of their crosspoints.

    python benchmarks/limits_fuzz.py [--stations N] [--seed N]

The judge is the state of the virtual bench alone, whatever labshd believes: levels and current limits of each source as
the bytes set them, pulses as devices saw them. Beyond a limit is |V| of a pulse or a level, the width, the number of
pulses, the current limit, V x I of a source-measure unit however it drives (levels, sweeps, readings, gate, pulses one
by one or as a list), and the share of the time that pulses last. Prints how many; there must be none.
"""

from __future__ import annotations

import argparse
import random
import tempfile
from collections import Counter
from collections.abc import Callable, Generator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from instruments.crosspoints import Crosspoints, Pulse, PulsePair
from instruments.errors import InputError, InstrumentError
from instruments.limits import Limits
from instruments.units import text
from labshd.station.schema import BenchFile
from labshd.station.station import Station, open_station
from sim_device.virtual_bench.bench import VirtualBench
from sim_device.virtual_bench.circuit.smu_as_generator import SmuAsGenerator

STATIONS = Path(__file__).parents[1] / "data" / "stations"
ONE_BOX = ("keysight-b2902b", "keithley-2450", "keithley-2400")
TEMPLATES = ("rram-one-box.toml", "rram-one-box.toml", "rram.toml", "ecram.toml", "ecram-2600b.toml")
TOLERANCE = 1 + 2e-4  # of a level: 7 digits, and 1 Mohm behind 50 ohm
SHOWN = 10


class Judge:
    """What sources drove on a virtual bench, noted where the circuit is told."""

    def __init__(self) -> None:
        self.power, self.held, self.limit = 0.0, 0.0, 0.0  # largest [W], [V] and [A] of source-measure units

    def drove(self, level: float, limit: float) -> None:
        """A level [V] under a current limit [A]."""
        if level:
            self.power = max(self.power, abs(level) * limit)
            self.held, self.limit = max(self.held, abs(level)), max(self.limit, limit)

    @contextmanager
    def watching(self) -> Generator[None]:
        """Note everything that any source-measure unit drives within."""
        kept: list[tuple[type, str, Callable[..., Any]]] = []
        for owner, name in (
            (VirtualBench, "smu_drives"), (VirtualBench, "bias_drives"), (SmuAsGenerator, "smu_drives"),
            (VirtualBench, "smu_runs"),
        ):  # fmt: skip
            real = getattr(owner, name)
            kept.append((owner, name, real))
            setattr(owner, name, self._noting(real))
        try:
            yield
        finally:
            for owner, name, real in kept:
                setattr(owner, name, real)

    def _noting(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def told(circuit: Any, what: Any) -> Any:
            if hasattr(what, "levels"):
                self.drove(float(np.abs(what.levels).max(initial=0.0)), float(what.limit) if what.levels.size else 0.0)
            elif what is not None:
                self.drove(what.level, what.limit)
            return real(circuit, what)

        return told


def logarithmic(random_: random.Random, low: float, high: float) -> float:
    """A number between `low` and `high`, uniform in its logarithm."""
    return low * (high / low) ** random_.random()


def station_text(random_: random.Random) -> tuple[str, str]:
    """Name and text of a station file: one of the docs with other limits, pulses, bias and box."""
    name = random_.choice(TEMPLATES)
    said = (STATIONS / name).read_text(encoding="utf-8")
    if name == "rram-one-box.toml":
        said = said.replace("keysight-b2902b", random_.choice(ONE_BOX))
    width = logarithmic(random_, 1e-4, 2e-2) if name != "ecram.toml" else logarithmic(random_, 1e-7, 1e-4)
    volts, amps = logarithmic(random_, 0.3, 3.0), logarithmic(random_, 1e-5, 1e-3)
    lines: list[str] = []
    for line in said.splitlines():
        key = line.split("=")[0].strip()
        new = {
            "pulse_voltage": f'"{text(volts * logarithmic(random_, 0.8, 2.0), "V", 6)}"',
            "pulse_width": f'"{text(width * logarithmic(random_, 0.9, 4.0), "s", 6)}"',
            "current": f'"{text(amps * logarithmic(random_, 0.9, 3.0), "A", 6)}"'
            if random_.random() < 0.5
            else f'"{text(amps, "A", 6)}"',
            "pulses_per_crosspoint": str(random_.randint(5, 60)),
            "up": f'{{ voltage = "{text(volts, "V", 6)}", width = "{text(width, "s", 6)}" }}',
            "down": f'{{ voltage = "{text(-volts, "V", 6)}", width = "{text(width, "s", 6)}" }}',
            "compliance": f'"{text(amps, "A", 6)}"',
        }.get(key)
        lines.append(line if new is None or "=" not in line or key in ("",) else f"{key} = {new}")
        if key == "read_voltage" and random_.random() < 0.7:
            lines.append(f'power = "{text(logarithmic(random_, 1e-6, 1e-2), "W", 6)}"')
        if key == "read_voltage" and "sweep_voltage" not in said and random_.random() < 0.6:
            lines.append(f'sweep_voltage = "{text(logarithmic(random_, 0.2, 3.0), "V", 6)}"')
        if key == "read_voltage" and random_.random() < 0.4:
            lines.append(f'duty = "{100 * logarithmic(random_, 0.02, 1.0):.6g} %"')
    return name, "\n".join(lines) + "\n"


def request(random_: random.Random, block: Crosspoints) -> None:
    """One thing asked of crosspoints, with what is often too much."""
    act, n = random_.randrange(5), random_.randint(1, 8)
    pair = None
    if random_.random() < 0.5:
        scale, longer = logarithmic(random_, 0.5, 2.0), logarithmic(random_, 0.5, 2.0)
        own = block.pulses
        pair = PulsePair(
            *(Pulse(one.voltage * scale, one.width * longer) for one in (own.up, own.down)),
        )
    if act == 0:
        block.pulse(random_.choice([n, -n, 2**31 - 1, 10_000]), pair)
    elif act == 1:
        block.trace([random_.choice((-2, -1, 0, 1, 2)) for _ in range(n)], pair)
    elif act == 2:
        block.read(n)
    elif act == 3:
        ends = [random_.choice((-1, 1)) * logarithmic(random_, 0.01, 3.0) for _ in range(n)]
        for _ in block.sweep(ends, logarithmic(random_, 1e-7, 2e-3)):
            pass
    else:
        block.trace([1] * n + [-1] * n, pair)


def beyond(station: Station, judge: Judge, limits: Limits) -> list[str]:
    """What was driven beyond the limits."""
    virtual = station.virtual
    assert virtual is not None
    seen = list(virtual.faults)
    held = max(limits.read_voltage, limits.sweep_voltage or 0.0, limits.pulse_voltage, limits.gate_voltage or 0.0)
    checks = [
        ("V held", judge.held, held),
        ("A", judge.limit, limits.current),
        ("V pulsed", max((abs(one.voltage) for one in virtual.applied), default=0.0), limits.pulse_voltage),
        # a pulse that the computer times lasts as long as its messages take, which simulated ones do not
        ("s", max((one.width for one in virtual.applied), default=0.0), limits.pulse_width + 1e-3),
    ]
    if limits.power is not None:
        checks.append(("W", judge.power, limits.power))
    seen += [f"{found:g} {unit}, allowed {most:g}" for unit, found, most in checks if found > most * TOLERANCE]
    for name in station.names:
        mine = [one for one in virtual.applied if one.crosspoint == name]
        total = sum(one.pulses for one in mine)
        if total > limits.pulses_per_crosspoint:
            seen.append(f"{total} pulses on {name}, allowed {limits.pulses_per_crosspoint}")
        if limits.duty is not None and limits.duty < 0.5:
            gaps = [(b.time - a.time, a) for a, b in pairwise(mine) if a.pulses == b.pulses == 1]
            seen += [f"pulses {gap:g} s apart" for gap, a in gaps if gap < 0.98 * a.width / limits.duty]
            seen += [f"a burst of {one.pulses} under a duty" for one in mine if one.pulses > 1]
    return seen


def trial(random_: random.Random, tally: Counter[str], folder: Path) -> list[str]:
    """One station, some requests; gives what passed a limit."""
    name, said = station_text(random_)
    path = folder / name
    path.write_text(said, encoding="utf-8")
    judge = Judge()
    try:
        with judge.watching(), open_station(path, rehearse=True, seed=random_.randrange(1000)) as station:
            assert isinstance(station.file, BenchFile)
            block = random_.choice((station.first, station.all))
            for _ in range(random_.randint(2, 8)):
                tally["requests"] += 1
                try:
                    request(random_, block)
                except InputError:
                    tally["refused"] += 1
                except InstrumentError:
                    tally["refused by an instrument"] += 1
            found = beyond(station, judge, station.file.limits)
    except InputError:
        tally["stations refused"] += 1
        return []
    tally["stations"] += 1
    return [f"{name}: {one}" for one in found]


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stations", type=int, default=2000, help="stations that are opened, beside those refused")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    random_, tally = random.Random(options.seed), Counter[str]()
    with tempfile.TemporaryDirectory() as folder:
        while tally["stations"] < options.stations:
            found = trial(random_, tally, Path(folder))
            tally["violations"] += bool(found)
            if found and tally["violations"] <= SHOWN:
                print(found[:3])
    for what in ("stations", "stations refused", "requests", "refused", "refused by an instrument"):
        print(f"{what:<26}{tally[what]:8d}")
    print(f"violations: {tally['violations']}")


if __name__ == "__main__":
    main()
