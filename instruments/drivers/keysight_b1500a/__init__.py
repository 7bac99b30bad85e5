"""Keysight B1500A: the mainframe, its source-measure units and its pulse generator."""
