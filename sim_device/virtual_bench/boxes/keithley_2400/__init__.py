"""Twin of the Keithley 2400."""

from __future__ import annotations

TWINS = {
    "keithley-2400": "measuring:Keithley2400Twin",
    "keithley-2400-pulses": "measuring:Keithley2400Twin",
}
