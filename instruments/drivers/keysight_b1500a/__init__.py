"""Keysight B1500A: the mainframe, its source-measure units and its pulse generator."""

from __future__ import annotations

from instruments.drivers.common.known import Known
from instruments.homes import moved_names

DRIVERS = {
    "keysight-b1500a-smu": Known(
        "smu:KeysightB1500ASmu",
        "smu",
        "B1500A",
        "Keysight B1500A, a source-measure unit",
        box="keysight-b1500a",
        channels=(2, 1, 3, 4, 5, 6, 7, 8, 9, 10),
    ),
    "keysight-b1500a-spgu": Known(
        "spgu:KeysightB1500ASpgu",
        "generator",
        "B1500A",
        "Keysight B1500A, a channel of an HV-SPGU",
        box="keysight-b1500a",
        channels=tuple(100 * slot + sub for slot in range(1, 11) for sub in (1, 2)),
    ),
}

__getattr__ = moved_names(__name__, "instruments.drivers.keysight_b1500a.mainframe")
