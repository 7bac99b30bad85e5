"""The languages that instruments speak: SCPI, TSP, FLEX."""
