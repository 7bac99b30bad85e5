"""Crosspoints and the instruments that make them real: roles, drivers, limits, the wire. Imports no driver."""
