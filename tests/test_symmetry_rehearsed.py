"""symmetry-point on the rehearsed bench, each method, against the truth that the virtual device discloses."""

from __future__ import annotations

from pathlib import Path

import pytest
from rich_device import recorded

from labshd.station.station import open_station
from protocols.symmetry_point import SymmetryPoint

ECRAM = Path(__file__).parents[1] / "data" / "stations" / "ecram.toml"


@pytest.mark.parametrize(("method", "seed"), [("random", 1), ("alternating", 2), ("steered", 3), ("steered", 4)])
def test_each_method_finds_the_symmetry_point_of_the_virtual_device_and_parks_there(method: str, seed: int) -> None:
    protocol = SymmetryPoint.model_validate({"method": method, "seed": seed, "park": True, "target": 0.03})
    with open_station(ECRAM, rehearse=True, seed=seed) as station:
        assert station.virtual is not None
        series, why = recorded(protocol, station["A1"])
        truth = station.virtual.devices["A1"].truth(station["A1"].pulses).symmetry_point_S
    result = protocol.results(series)
    assert why.endswith("parked on the symmetry point")
    assert result["stable"] is True
    assert abs(result["symmetry_point_S"] - truth) < 4 * result["std_S"]
    parked = result["parked"]
    assert abs(parked["conductance_S"] - truth) < 4 * parked["difference_std_S"] + 1.5 * result["step_S"]
