"""Twin of the Keithley 2450."""
