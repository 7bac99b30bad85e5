"""Twin of the Keithley 2450."""

from __future__ import annotations

TWINS = {
    "keithley-2450": "buffers:Keithley2450Twin",
    "keithley-2450-pulses": "buffers:Keithley2450Twin",
}
