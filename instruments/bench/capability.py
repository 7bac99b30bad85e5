"""What each instrument can do at most: a station's limit beyond that protects nothing and is refused."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final, NamedTuple


class Most(NamedTuple):
    """Largest voltage [V] of either sign into an open circuit, and largest current [A] that can be limited at.

    None where an instrument has none (a generator limits no current).
    """

    voltage: float
    current: float | None = None


# Of the drivers, which refuse what is beyond: ranges of the data sheets, source-measure units 5 % beyond their names.
# A 2600B goes as far as its model, here the widest of the family (2636B: 200 V, 2602B: 3 A; specifications 2600BS).
MOST: Final = MappingProxyType(
    {
        "keithley-2400": Most(210.0, 1.05),
        "keithley-2400-pulses": Most(20.0, 1.05),
        "keithley-2450": Most(210.0, 1.05),
        "keithley-2450-pulses": Most(20.0, 1.05),
        "keithley-2600b": Most(202.0, 3.03),
        "keithley-2600b-channel-b": Most(202.0, 3.03),
        "keithley-2600b-channel-b-pulses": Most(20.0, 1.5),
        "keysight-33500b": Most(10.0),
        "keysight-33500b-halves": Most(20.0),
        "keysight-33600a": Most(10.0),
        "keysight-33600a-halves": Most(20.0),
        "keysight-81160a": Most(9.99),
        "keysight-81160a-halves": Most(19.98),
        "keysight-b1500a-smu": Most(200.0, 1.0),
        "keysight-b1500a-spgu": Most(40.0),
        "keysight-b2902b": Most(210.0, 1.575),
        "keysight-b2902b-pulses": Most(20.0, 1.5),
        "tektronix-afg31000": Most(10.0),
    }
)
