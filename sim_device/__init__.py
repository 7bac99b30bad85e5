"""Crosspoints that are arithmetic: device models, fits, the virtual bench."""
