"""Training of analog weights on crosspoints: tiles, pulse trains, algorithms, tasks, the loop.

In a notebook::

    calibration = Calibration.from_model(model)
    training = one_weight(OneParameter(), "shd", core, calibration, auxiliary=auxiliary).finish()
    result(training)["final"]
"""

from labshd.training.assembly import ALGORITHMS, network, one_weight, simulated_arrays
from labshd.training.calibration import Calibration
from labshd.training.figures import figures
from labshd.training.loop import Block, Settings, Training
from labshd.training.outcome import result
from labshd.training.pulse_train import Pulsing
from labshd.training.tasks import LinearRegression, OneParameter, Task

__all__ = [
    "ALGORITHMS",
    "Block",
    "Calibration",
    "LinearRegression",
    "OneParameter",
    "Pulsing",
    "Settings",
    "Task",
    "Training",
    "figures",
    "network",
    "one_weight",
    "result",
    "simulated_arrays",
]
