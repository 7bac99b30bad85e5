"""The lines of a crossbar: which are driven, what the others float to, and the current into one.

Every device is a conductance between its row and its column line. Lines that a source or ground touches have its
potential; the others float to where no current flows into them, ``sum_j G_ij (V_i - V_j) = 0``. Lines are ideal.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from instruments.bench.wiring import Column, MatrixCabling, Terminal
from instruments.crosspoints import FloatArray
from sim_device.virtual_bench.circuit.nets import Electrode


class Lines:
    """Row and column lines of the devices that a matrix is cabled to."""

    def __init__(self, matrix: MatrixCabling, names: Iterable[str]) -> None:
        self.names = list(names)
        self._matrix = matrix
        ends = [(matrix.column(name, Terminal.ROW), matrix.column(name, Terminal.COLUMN)) for name in self.names]
        lines = sorted({line for pair in ends for line in pair})
        self._number: dict[Column, int] = {line: number for number, line in enumerate(lines)}
        self._rows = np.array([self._number[row] for row, _ in ends])
        self._columns = np.array([self._number[column] for _, column in ends])

    def numbers(self, electrodes: Iterable[Electrode]) -> set[int]:
        """The lines of electrodes."""
        return {self._number[self._matrix.column(*electrode)] for electrode in electrodes}

    def across(self, fixed: Mapping[int, float], conductance: FloatArray) -> FloatArray:
        """Voltage [V] from row to column across every device, for lines at `fixed` potentials [V].

        `conductance` [S] of the devices decides what floating lines do; one that no current reaches is at 0 V.
        """
        volts = self._potentials(fixed, conductance)
        return volts[self._rows] - volts[self._columns]

    def current_into(self, lines: set[int], fixed: Mapping[int, float], conductance: FloatArray) -> float:
        """Current [A] that flows from a source into `lines`, all of one potential."""
        flow = conductance * self.across(fixed, conductance)
        wanted = list(lines)
        return float(flow[np.isin(self._rows, wanted)].sum() - flow[np.isin(self._columns, wanted)].sum())

    def _potentials(self, fixed: Mapping[int, float], conductance: FloatArray) -> FloatArray:
        volts = np.zeros(len(self._number))
        volts[list(fixed)] = list(fixed.values())
        floating = [line for line in range(len(volts)) if line not in fixed]
        if not floating or not any(fixed.values()):
            return volts
        matrix = np.zeros((len(volts), len(volts)))
        np.add.at(matrix, (self._rows, self._columns), -conductance)
        matrix += matrix.T
        np.fill_diagonal(matrix, -matrix.sum(axis=1))
        held = list(fixed)
        flows = -matrix[np.ix_(floating, held)] @ volts[held]
        volts[floating] = np.linalg.lstsq(matrix[np.ix_(floating, floating)], flows, rcond=None)[0]
        return volts
