"""Training on the crosspoints of a station: calibrated, recorded, beside simulated twins."""
