"""Tasks by name, and what a run keeps of each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, is_dataclass
from functools import partial
from typing import Any, cast

from instruments.errors import InputError
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

_KINDS: dict[str, Callable[..., Task]] = {kind.name: kind for kind in (OneParameter, LinearRegression, ClassifyDigits)}


def task_from(name: str, settings: Mapping[str, Any]) -> Task:
    """The task that `settings_of` described, perhaps by way of JSON; `InputError` where there is none of that name."""
    if name not in _KINDS:
        raise InputError(f"no task {name!r} is known here; these are: {', '.join(_KINDS)}")
    given: dict[str, Any] = {key: _tuple(value) for key, value in settings.items()}
    return _KINDS[name](**given)


def _tuple(value: Any) -> Any:
    return tuple(cast("list[Any]", value)) if isinstance(value, list) else value


def settings_of(task: Task) -> dict[str, Any]:
    """The parameters of a task, JSON-able."""
    return asdict(task) if is_dataclass(task) and not isinstance(task, type) else {}
