"""A process that is killed loses no reading that it acknowledged, and its run opens."""

import re
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))
import killed_runs


@pytest.mark.parametrize(("rehearsed", "seed"), [(0, 1), (3, 2)])
def test_killed_at_a_random_moment_nothing_acknowledged_is_lost(rehearsed, seed):
    said = killed_runs.report(3, rehearsed, seed)
    count = {name: int(value.replace(",", "")) for name, value in re.findall(r"^(.*?)\s+([\d,]+)$", said, re.MULTILINE)}
    assert count["killed"] == 3
    assert count["readings acknowledged"] > 0
    assert count["readings lost"] == 0
    assert count["runs that do not open"] == 0
    assert count["runs with another status than interrupted"] == 0
    assert count.get("pulses recorded and not counted", 0) == 0
