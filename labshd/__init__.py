"""labshd: open a station, run something on it, keep and show the result; training.

::

    import labshd
    from protocols.symmetry_point import SymmetryPoint

    with labshd.open_station("bench.toml") as bench:
        run = labshd.record(SymmetryPoint(), bench["A1"])
    fitted = labshd.fit(run)
    labshd.runs.table(since="7 d")
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from instruments.homes import keep_old_places, offered
from labshd._moved import MOVED
from labshd.common.signals import SIGNALS

if TYPE_CHECKING:
    from labshd import runs
    from labshd.analysis.fit import fit_run as fit
    from labshd.recording.recorder import record
    from labshd.station.station import open_station

__all__ = ["fit", "open_station", "record", "runs"]
__getattr__ = offered(
    __name__,
    {
        "fit": "labshd.analysis.fit:fit_run",
        "open_station": "labshd.station.station",
        "record": "labshd.recording.recorder",
        "runs": "labshd.runs:",
    },
)

SIGNALS.install()  # where a script begins, so that signals are told whoever opens a bench later
keep_old_places(MOVED)
