"""The interface of crosspoints: counts that broadcast, views that stay two-dimensional."""

import numpy as np
import pytest

from instruments.crosspoints import counts_for, index_pair, steps_of
from instruments.errors import InputError


def test_counts_broadcast_to_the_block() -> None:
    assert counts_for(3, (2, 2)).tolist() == [[3, 3], [3, 3]]
    assert counts_for([1, -1], (2, 2)).tolist() == [[1, -1], [1, -1]]
    assert counts_for(np.uint8(2), (1, 1)).tolist() == [[2]]
    assert counts_for(range(2), (1, 2)).tolist() == [[0, 1]]


@pytest.mark.parametrize("counts", [1.5, 2.0, float("nan"), float("inf"), [1, 2, 3]])
def test_counts_that_are_none_are_refused(counts: object) -> None:
    with pytest.raises(InputError):
        counts_for(counts, (2, 2))  # type: ignore[arg-type]


def test_a_trace_takes_one_count_a_step_or_one_a_crosspoint() -> None:
    assert steps_of([1, -1, 0], (2, 1)).shape == (3, 2, 1)
    assert steps_of(np.ones((4, 2, 3), dtype=np.int32), (2, 3)).shape == (4, 2, 3)
    with pytest.raises(InputError, match="steps"):
        steps_of(np.ones((4, 2), dtype=np.int64), (4, 2))


@pytest.mark.parametrize(
    ("index", "shape"),
    [((0, 1), (1, 1)), ((-1, -1), (1, 1)), (0, (1, 3)), (slice(0, 2), (2, 3)), ((0, slice(1, 3)), (1, 2))],
)
def test_an_index_keeps_rows_and_columns(index: object, shape: tuple[int, int]) -> None:
    assert np.zeros((2, 3))[index_pair(index)].shape == shape  # type: ignore[arg-type]
