"""Drivers, one instrument a file, on PyMeasure's Instrument; imported only when a station names one."""
