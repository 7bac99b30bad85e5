"""Tables as laboratories have them, for tests: one with counted pulses, and what a run holds of one device."""

from __future__ import annotations

import pytest

COUNTED = "Pulse number,Polarity,G (uS)\n1,up,10\n2,up,11\n3,up,12\n4,down,11\n5,down,10.5\n"


def of(run, row=0, column=0):
    """Counts, conductance and phases of one device."""
    series = run.series()
    return (
        series.counts[:, row, column].tolist(),
        pytest.approx(series.readings.conductance[:, row, column].tolist(), rel=1e-12, nan_ok=True),
        series.phases.tolist(),
    )
