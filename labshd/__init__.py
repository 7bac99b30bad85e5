"""The application: open a station, run something on it, keep and show the result; training."""
