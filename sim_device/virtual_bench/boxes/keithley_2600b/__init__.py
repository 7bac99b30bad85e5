"""Twin of the Keithley 2600B."""

from __future__ import annotations

TWINS = {
    "keithley-2600b": "smu:Keithley2600BTwin",
    "keithley-2600b-channel-b": "smu:Keithley2600BTwin",
    "keithley-2600b-channel-b-pulses": "smu:Keithley2600BTwin",
}
