"""How long a user waits: `labshd --help`, and the demo; side by side with a Python that does nothing.

    python benchmarks/startup.py [repeats]

Prints medians of whole processes. Targets: help under 0.4 s, demo under 60 s on 2 cores.
"""

import statistics
import subprocess
import sys
import tempfile
import time


def seconds(*command: str) -> float:
    """Wall time [s] of one process."""
    begun = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - begun


def main(repeats: int) -> None:
    """Print the table."""
    labshd = (sys.executable, "-m", "labshd")
    rows = {
        "python -c pass": (sys.executable, "-c", "pass"),
        "labshd --help": (*labshd, "--help"),
        "labshd run symmetry-point --help": (*labshd, "run", "symmetry-point", "--help"),
    }
    for name, command in rows.items():
        taken = [seconds(*command) for _ in range(repeats)]
        print(f"{name:<34} {statistics.median(taken):6.2f} s  (of {repeats}, {min(taken):.2f} to {max(taken):.2f})")
    with tempfile.TemporaryDirectory() as out:
        print(f"{'labshd demo':<34} {seconds(*labshd, 'demo', '--out', out):6.2f} s")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
