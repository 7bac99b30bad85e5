"""The likelihood fit of one crosspoint's series, and its symmetry points."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from instruments.crosspoints import Status
from instruments.errors import InputError
from protocols.common.protocol import Series, known_counts, unknown_before

if TYPE_CHECKING:
    from sim_device.fit.result import Fit
    from sim_device.fit.symmetry import EstimatedSymmetryPoint

_LEFT_OUT = Status.COMPLIANCE | Status.OVERRANGE | Status.INVALID


def fit_series(series: Series, pieces: Any = None) -> tuple[Fit | None, str]:
    """Straight steps of any slope through a series of one crosspoint; or None, and why not.

    `pieces` (n,): labels of stretches that do not join, besides those that begin where a count is unknown or
    uncertain. Readings at compliance or over range are left out.
    """
    from sim_device.fit.fitting import fit_trace  # compiled code: imported when there is something to fit

    y, counts = series.readings.conductance[:, 0, 0], series.counts[:, 0, 0]
    y = np.where((series.readings.status[:, 0, 0] & _LEFT_OUT) != 0, np.nan, y)
    unknown = np.cumsum(unknown_before(series)[:, 0, 0])
    labels = unknown if pieces is None else unknown + (1 + int(unknown.max(initial=0))) * np.asarray(pieces)
    try:
        # As "normalised": read noise may make a reading near zero negative, which is no reason to refuse it here.
        # A device that does not move at all has steps without information: their errors overflow, to be seen as such.
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            return fit_trace(known_counts(counts), y, unit="normalised", model="linear-step", segments=labels), ""
    except InputError as error:
        return None, str(error)


def crossings(fit: Fit | None) -> list[EstimatedSymmetryPoint]:
    """Symmetry points within the measured range that are told apart from parallel steps, from low to high.

    Of straight steps where these hold for the readings, else of curved ones.
    """
    if fit is None:
        return []
    points = fit.symmetry_points if fit.accepted else fit.other_symmetry_points or fit.symmetry_points
    return [point for point in points if point.clear and point.inside]
