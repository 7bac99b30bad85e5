"""Fits: the likelihood of a trace under a device model, the choice of a model, and its rejection."""
