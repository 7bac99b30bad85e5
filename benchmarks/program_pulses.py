"""Pulses to program a conductance to 1 % of the range: guided against fixed-step and incremental, on rehearsed benches.

    python benchmarks/program_pulses.py [individuals]

Every method programs the same targets (5 levels between 10 % and 90 % of the window of each individual, twice) within
± 1 % of that window, with at most 300 pulses a target, and may use voltages up to the limit named. Fixed steps are
given at several voltages, one pulse between two readings; the guided way is compared with the pulse that the station
file names, and with the best of all, as if that had been known. The guided way knows nothing beforehand but the window,
or has the fitted device file that `labshd fit` would write: steps of the station's pulse, nothing of other voltages.
Pulses of the ECRAM station are 2 µs long, so that the best fixed step is within its voltages. Prints pulses per target,
standard error over targets.
"""

from __future__ import annotations

import math
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from rehearsed import parameters, rehearsed
from rich_device import recorded

from protocols.analysis.program.outcome import Outcome, outcomes
from protocols.program import Program
from sim_device.models.fitted import FittedDevice, Noise, Verdict
from sim_device.models.formulas import SoftBounds

BENCHES: dict[str, tuple[dict[str, str], float, tuple[float, ...]]] = {
    "ecram.toml": ({"500 ns": "2 us"}, 3.0, (2.0, 2.2, 2.3, 2.4, 2.5, 2.6, 2.8)),
    "rram.toml": ({}, 1.6, (1.15, 1.2, 1.25, 1.3, 1.35, 1.4)),
}
STATION = {"ecram.toml": 2.0, "rram.toml": 1.2}


def _fitted(core: SoftBounds, folder: str) -> str:
    device = FittedDevice(
        unit="S", model_name="soft-bounds", parameters=core.parameters("S"), symmetry_point=None,
        noise=Noise(read=None, cycle_to_cycle=None), verdict=Verdict(accepted=True, why="the truth"),
    )  # fmt: skip
    return str(device.save(Path(folder) / "device.json"))


def tried(station_file: str, individual: int, *, fitted: bool = False, **settings: Any) -> list[Outcome]:
    """Outcomes of all targets of one individual."""
    with (
        TemporaryDirectory() as folder,
        rehearsed(station_file, edit=BENCHES[station_file][0], seed=individual) as station,
    ):
        core = parameters(station).core
        width = core.g_max - core.g_min
        if fitted:
            settings["device"] = _fitted(
                station.virtual.devices["A1"].parameters.core_under(station["A1"].pulses), folder
            )
        protocol = Program(
            low=core.g_min + 0.1 * width, high=core.g_max - 0.1 * width, tolerance=0.01 * width, repeats=2, **settings
        )
        return outcomes(recorded(protocol, station["A1"])[0])


def row(name: str, station_file: str, individuals: int, **settings: Any) -> tuple[float, float]:
    """Print a row; (success, mean pulses over all targets, those not reached with all they had)."""
    found = [one for n in range(individuals) for one in tried(station_file, n + 1, **settings)]
    success = sum(one.reached for one in found) / len(found)
    pulses = [one.pulses for one in found]
    mean = sum(pulses) / len(pulses)
    std = math.sqrt(sum((p - mean) ** 2 for p in pulses) / (len(pulses) - 1) / len(pulses))
    print(f"  {name:24s} {100 * success:6.1f} %   {mean:6.1f} ± {std:.1f}")
    return success, mean


def main(individuals: int) -> None:
    """Print the tables."""
    for station_file, (_, limit, voltages) in BENCHES.items():
        print(f"\n{station_file}, voltages to {limit} V, {individuals} individuals x 10 targets\n"
              f"  {'method':24s} success   pulses a target")  # fmt: skip
        fixed = [
            row(f"fixed at {v} V", station_file, individuals, method="fixed", highest=v, lowest=v) for v in voltages
        ]
        row("incremental", station_file, individuals, method="incremental", highest=limit)
        compared = {
            name: row(name, station_file, individuals, method="guided", highest=limit, fitted=name != "guided")
            for name in ("guided", "guided, fitted device")
        }
        for name, (success, pulses) in compared.items():
            equal = [mean for reached, mean in fixed if reached >= success] or [mean for _, mean in fixed]
            own = next(mean for v, (_, mean) in zip(voltages, fixed, strict=True) if v == STATION[station_file])
            print(
                f"  {name}: {pulses / own:.2f} of write-verify with the station's pulse (target 0.50, equal success), "
                f"{pulses / min(equal):.2f} of the best of all fixed pulses"
            )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 8)
