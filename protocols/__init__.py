"""Protocols: one measurement a file, with the numbers and figures drawn from it."""
