"""Figures of the protocols' pages, drawn from rehearsed benches whose devices age in known ways.

    python benchmarks/protocol_figures.py

Writes docs/images/protocols/NAME.png and prints the verdict of each run.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from rehearsed import rehearsed
from rich_device import recorded

from protocols.common import catalogue
from sim_device.arrays.crosspoints import SimCrosspoints, SimNoise, Spread
from sim_device.models.formulas import SoftBounds
from sim_device.virtual_bench.devices.ageing import Ageing

FOLDER = Path(__file__).parents[1] / "docs" / "images" / "protocols"
# name -> (settings, changes of the virtual device, which figure)
SHOWN: dict[str, tuple[dict[str, Any], dict[str, Any], int]] = {
    "update-response": ({"pulses": 300}, {}, 1),
    "symmetry-point": ({}, {}, 0),
    "pulse-window": ({}, {}, 0),
    "program": ({"repeats": 3, "highest": 2.9}, {}, 0),
    "relaxation": ({}, {"volatile_time": 0.5}, 0),
    "retention": ({"pulses": 40}, {"ageing": Ageing(log_drift=5e-8, log_drift_start=1e-3), "rest_time": 1e15}, 0),
    "endurance": ({}, {"ageing": Ageing(endurance=20_000)}, 0),
    "read-disturb": ({}, {"ageing": Ageing(read_disturb=1e-5)}, 0),
    "read-noise": (
        {"reads": 1500},
        {"ageing": Ageing(telegraph=1.2e-7, telegraph_low_time=0.8, telegraph_high_time=0.4)},
        3,
    ),
    "half-select": ({}, {}, 0),
}
# name of the figure -> (protocol, settings, station file, its text replaced, which figure)
OTHERS: dict[str, tuple[str, dict[str, Any], str, dict[str, str], int]] = {
    "update-ramps": (
        "update-response",
        {"pulses": 120, "ramp": "voltage", "lowest": "1.3 V", "highest": "2.2 V"},
        "ecram.toml",
        {"500 ns": "5 us"},
        1,
    ),
    "forming": ("forming", {}, "rram.toml", {'device = "rram" ': 'device = "rram-pristine" '}, 0),
    "iv-sweep": ("iv-sweep", {"cycles": 10, "step": "25 mV"}, "rram.toml", {}, 0),
    "iv-cycles": ("iv-sweep", {"cycles": 30}, "rram.toml", {}, 1),
    "spike-timing": ("spike-timing", {"repeats": 20}, "ecram.toml", {"500 ns": "2 us"}, 0),
}


def main() -> None:
    """Draw all."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, (settings, changes, which) in SHOWN.items():
        protocol = catalogue.find(name).model_validate(settings)
        with rehearsed(seed=2, **changes) as station:
            series, _ = recorded(protocol, station["A1"])
        result = protocol.results(series)
        protocol.figures(series, result)[which].savefig(FOLDER / f"{name}.png", dpi=90)
        print(f"{name}: {result['verdict']}")
    for name, (of, settings, station_file, edit, which) in OTHERS.items():
        protocol = catalogue.find(of).model_validate(settings)
        with rehearsed(station_file, edit=edit, seed=2) as station:
            series, _ = recorded(protocol, station["A1"])
        result = protocol.results(series)
        protocol.figures(series, result)[which].savefig(FOLDER / f"{name}.png", dpi=90)
        print(f"{name}: {result['verdict']}")
    block = SimCrosspoints(
        SoftBounds(1e-5, 5e-5, 0.01, 0.01), (8, 12), noise=SimNoise(0.3, 2e-8), seed=3,
        spread=Spread(high=0.2, stuck=0.08, step=0.2),
    )  # fmt: skip
    protocol = catalogue.find("array-map")()
    series, _ = recorded(protocol, block)
    result = protocol.results(series)
    protocol.block_figures(series, result)[0].savefig(FOLDER / "array-map.png", dpi=90)
    print(f"array-map: {result['verdict']}")
    half_select_in_an_array()


def half_select_in_an_array() -> None:
    """Of the whole crossbar: 12,170 readings of 16 crosspoints."""
    protocol = catalogue.find("half-select")()
    with rehearsed("crossbar.toml", seed=2) as station:
        series, _ = recorded(protocol, station.all)
    result = protocol.results(series)
    protocol.block_figures(series, result)[0].savefig(FOLDER / "half-select-array.png", dpi=90)
    print(f"half-select in an array: {result['verdict']}")


if __name__ == "__main__":
    main()
