"""Symmetry point on the rehearsed bench against the truth that the virtual device discloses, for many individuals.

    python benchmarks/symmetry_point_rehearsed.py [seeds]

The virtual device relaxes after pulses, drifts, and reads with slow noise: it is richer than the local straight steps
of the estimate. Prints, for each seed, estimate, standard error, truth and their distance in standard errors; then
how many are within 1, 2 and 3 (expected of a normal error: 68 %, 95 %, 99.7 %).
"""

import sys
import tempfile
from pathlib import Path

from labshd.recorder import record
from labshd.station import open_station
from protocols.symmetry_point import SymmetryPoint

STATIONS = Path(__file__).parents[1] / "data" / "stations"


def distance(station_file: Path, seed: int) -> tuple[float, float, float, int, str]:
    """(estimate, standard error, truth [S], pulses, why it stopped) for the individual that `seed` makes."""
    with tempfile.TemporaryDirectory() as runs, open_station(station_file, rehearse=True, seed=seed) as station:
        run = record(SymmetryPoint(seed=seed), station["A1"], runs=runs, station=station)
        result = run.result or {}
        assert station.virtual is not None
        truth = station.virtual.devices["A1"].truth(station["A1"].pulses)
        return result["symmetry_point_S"], result["std_S"], truth.symmetry_point_S, run.pulses, run.why_stopped


def main(seeds: int) -> None:
    """Print the table for both example stations."""
    for name in ("ecram.toml", "rram.toml"):
        print(f"\n{name}\nseed  estimate_uS  std_uS  truth_uS  z      pulses  why stopped")
        z = []
        for seed in range(seeds):
            estimate, std, truth, pulses, why = distance(STATIONS / name, seed)
            z.append((estimate - truth) / std)
            print(
                f"{seed:4d}  {estimate * 1e6:11.3f}  {std * 1e6:6.3f}  {truth * 1e6:8.3f}  {z[-1]:+5.2f}  "
                f"{pulses:6d}  {why.split(':')[0]}"
            )
        within = [sum(abs(one) <= limit for one in z) for limit in (1, 2, 3)]
        mean_square = sum(one**2 for one in z) / len(z)
        print(f"within 1, 2, 3 standard errors: {within} of {seeds}; mean square of z {mean_square:.2f} (1 is honest)")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20)
