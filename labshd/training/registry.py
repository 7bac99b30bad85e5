"""Tasks by name, and what a run keeps of one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, is_dataclass
from functools import partial
from typing import Any

from labshd.training.digits import ClassifyDigits
from labshd.training.tasks import LinearRegression, OneParameter, Task

TASKS: dict[str, Callable[..., Task]] = {
    OneParameter.name: OneParameter,
    LinearRegression.name: LinearRegression,
    "digits-0-1": partial(ClassifyDigits, (0, 1)),
    "digits": partial(ClassifyDigits, tuple(range(10)), gain=4.0),
    "digits-network": partial(ClassifyDigits, tuple(range(10)), hidden=(16,), gain=4.0),
}
"""One weight; four of them; logistic regression of two digits; of ten; a network of 64-16-10."""


def settings_of(task: Task) -> dict[str, Any]:
    """The parameters of a task, JSON-able."""
    return asdict(task) if is_dataclass(task) and not isinstance(task, type) else {}
