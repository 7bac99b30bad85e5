"""Simulated crosspoints: arrays of devices, the compiled loops that run them, their random numbers."""
