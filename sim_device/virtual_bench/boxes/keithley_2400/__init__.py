"""Twin of the Keithley 2400."""
