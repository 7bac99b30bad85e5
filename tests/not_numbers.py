"""What is no count, no number of readings, no voltage and no time: strategies of hypothesis for tests of refusals."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

MOST = 2**31 - 1  # pulses of one count

_nothing: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.booleans(),
    st.text(max_size=3),
    st.sampled_from(["3", "1e3", b"3", bytearray(b"3"), 3 + 0j, {}, {1}, {"a": 1}, object(), np.bool_(True)]),
    st.complex_numbers(),
    st.binary(max_size=3),
)
_beyond = st.integers(min_value=MOST + 1, max_value=2**70) | st.integers(min_value=-(2**70), max_value=-MOST - 1)
_floats = st.floats() | st.sampled_from([2.0, -1.0, np.float64(2.0), np.float32(1.0)])

_no_count = st.one_of(_nothing, _floats, _beyond)
_mixed = st.builds(lambda before, bad, after: [*before, bad, *after], st.just([1, 0]), _no_count, st.just([-1]))
_arrays: st.SearchStrategy[Any] = st.sampled_from(
    [
        np.array([1, 2], dtype=object),
        np.ma.array([1, 2], mask=[False, True]),
        np.ma.array(3),
        [np.ma.array([1, 2], mask=[True, False])],
        np.array([True, False]),
        np.array([1.0, 2.0]),
        np.array([2**62, 2**62, 2**62, 2**62, 5]),
        np.array([-(2**63)]),
        np.array([2**64 - 1], dtype=np.uint64),
        np.array(["3"]),
        np.array([1 + 0j]),
        np.array([np.datetime64("2020-01-01")]),
        [[1, 2], [3]],
        [1, [2]],
        np.ones((1, 2, 3, 4), dtype=np.int64),
    ]
)

no_counts = st.one_of(_no_count, _mixed, _arrays)
"""Of `pulse`, `stream` and `trace`."""

no_readings = st.one_of(_no_count, st.integers(max_value=0), st.just([1]), st.just(np.array([1])))
"""Of `read`."""

no_voltages = st.one_of(
    _nothing.map(lambda one: [one]),
    st.sampled_from([
        [np.inf], [-np.inf], ["0.1"], [None], [True], [0.1, None], [0.1 + 0j], [[0.1], [0.1, 0.2]], 0.1, "0.1",
        np.array([0.1], dtype=object), np.ma.array([0.1], mask=[True]), np.ones((1, 2, 3, 4)), np.array([True]),
    ]),
)  # fmt: skip
"""Of `sweep`."""

no_seconds = st.one_of(
    _nothing, st.sampled_from([np.nan, np.inf, -np.inf, -1, -1e-9, [1.0], np.array([1.0]), np.array(1.0)])
)
"""Of `wait`."""

no_pairs = st.one_of(
    st.sampled_from([0, 1, True, False, "", "up", (), [], {}, object(), 2.0]), st.text(max_size=2), st.booleans()
)
"""In place of a `PulsePair`."""

no_index = st.one_of(
    st.none(), st.booleans(), st.floats(), st.text(max_size=2), st.complex_numbers(),
    st.sampled_from([(0,), (0, 0, 0), (0, "a"), (True, 0), slice(0.0, 1), slice(None, None, 0), [0], np.array([0])]),
)  # fmt: skip
"""In place of a row and a column."""
