"""Numbers as JSON takes them: numpy's become Python's, NaN and infinity become null."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, cast

import numpy as np


def plain(value: Any) -> Any:
    """`value` with numpy scalars and arrays made plain, NaN and infinity made None; containers are copied."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in cast("Mapping[Any, Any]", value).items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in cast("list[Any]", value)]
    if isinstance(value, np.ndarray):
        return plain(cast("Any", value).tolist())
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
