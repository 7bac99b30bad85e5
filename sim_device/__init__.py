"""Simulated crosspoints: device models, fits of them, and the virtual bench."""
