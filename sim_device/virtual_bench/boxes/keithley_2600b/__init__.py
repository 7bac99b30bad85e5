"""Twin of the Keithley 2600B."""
