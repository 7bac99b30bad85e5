"""Faults put in on purpose: on the way to a twin, in it, or in a relay."""
