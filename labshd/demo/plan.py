"""The stages of the demo and how long each takes; imports nothing, so that help stays fast."""

STAGES = {
    "update response of A1": 6.0,
    "symmetry point of A1": 3.0,
    "fit": 6.0,
    "steps of A2": 2.0,
    "SHD on the bench": 9.0,
    "SGD on the bench": 6.0,
    "SHD on the fitted device": 4.0,
    "SGD on the fitted device": 3.0,
    "SHD on a symmetric device": 4.0,
    "report": 6.0,
}
