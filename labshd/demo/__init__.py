"""The demo: the whole way from a station file to a trained weight, on a virtual bench, through drivers and VISA."""
