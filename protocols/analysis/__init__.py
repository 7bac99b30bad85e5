"""Analysis: numbers and figures from the points of a run."""
