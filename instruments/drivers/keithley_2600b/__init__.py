"""Keithley 2600B: source-measure units, slow pulses and the trace loop that runs in the box."""
