"""Keithley 2450: source-measure unit and list sweep."""
