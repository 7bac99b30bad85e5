"""Keysight B2902B: source-measure unit and list sweep."""
