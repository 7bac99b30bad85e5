"""Symmetry point on the rehearsed bench against the truth that the virtual device discloses, for many individuals.

    python benchmarks/symmetry_point_rehearsed.py [seeds] [method ...]

The virtual device relaxes after pulses, drifts, and reads with slow noise: it is richer than the steps of the
estimate. Prints, for each seed, estimate, standard error, truth and their distance in standard errors, and how far from
the symmetry point parking ended; then how many are within 1, 2 and 3 standard errors (expected of a normal error: 68 %,
95 %, 99.7 %). All three methods, unless some are named.
"""

import math
import sys
import tempfile
from pathlib import Path

from labshd.recording.recorder import record
from labshd.station.station import open_station
from protocols.symmetry_point import SymmetryPoint

STATIONS = Path(__file__).parents[1] / "data" / "stations"


def distance(station_file: Path, method: str, seed: int) -> tuple[float, float, float, float, int, str]:
    """(estimate, standard error, truth, parked at [S], pulses, why it stopped) for the individual that `seed` makes."""
    with tempfile.TemporaryDirectory() as runs, open_station(station_file, rehearse=True, seed=seed) as station:
        protocol = SymmetryPoint.model_validate({"method": method, "seed": seed, "park": True})
        run = record(protocol, station["A1"], runs=runs, station=station)
        result = run.result or {}
        assert station.virtual is not None
        truth = station.virtual.devices["A1"].truth(station["A1"].pulses)
        parked: dict[str, float] = result.get("parked") or {}
        value, std = (float(result[key] or math.nan) for key in ("symmetry_point_S", "std_S"))
        return value, std, truth.symmetry_point_S, parked.get("conductance_S", math.nan), run.pulses, run.why_stopped


def table(name: str, method: str, seeds: int) -> None:
    """One station, one method, all individuals."""
    print(f"\n{name}, {method}")
    print("seed  estimate_uS  std_uS  truth_uS  z      parked_uS  pulses  why stopped")
    z: list[float] = []
    used: list[int] = []
    for seed in range(seeds):
        estimate, std, truth, at, pulses, why = distance(STATIONS / name, method, seed)
        z.append((estimate - truth) / std)
        used.append(pulses)
        print(
            f"{seed:4d}  {estimate * 1e6:11.3f}  {std * 1e6:6.3f}  {truth * 1e6:8.3f}  {z[-1]:+5.2f}  "
            f"{at * 1e6:9.3f}  {pulses:6d}  {why.split(':')[0]}",
            flush=True,
        )
    found = [one for one in z if math.isfinite(one)]
    within = [sum(abs(one) <= limit for one in found) for limit in (1, 2, 3)]
    mean_square = sum(one**2 for one in found) / max(len(found), 1)
    print(
        f"{name}, {method}: {len(found)} of {seeds} identified; within 1, 2, 3 standard errors: {within}; mean square "
        f"of z {mean_square:.2f} (1 is honest); {sum(used) / seeds:.0f} pulses on average"
    )


if __name__ == "__main__":
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    for station_name in ("ecram.toml", "rram.toml"):
        for chosen in sys.argv[2:] or ("random", "alternating", "steered"):
            table(station_name, chosen, number)
