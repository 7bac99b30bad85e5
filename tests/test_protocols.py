"""Protocols by name and by file, and what holds for every one of them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from rehearsed import rehearsed
from rich_device import RichCrosspoints, soft_bounds

from instruments.errors import InputError
from protocols.common import catalogue
from protocols.common.protocol import Protocol

OWN = """
from typing import Any, ClassVar
from pydantic import Field
from instruments.units import Volts
from protocols.common.protocol import Protocol, Points

class Twice(Protocol):
    name: ClassVar[str] = "twice"
    title: ClassVar[str] = "read twice"
    bias: Volts = Field(0.1, description="not used")

    def run(self, crosspoints):
        for _ in range(2):
            yield Points("rest", [[[0]]], crosspoints.read())
        return "done"

    def analyse(self, series) -> dict[str, Any]:
        return {"readings": len(series)}
"""


@pytest.mark.parametrize("name", catalogue.names())
def test_every_protocol_is_found_under_its_own_name_and_describes_its_settings(name: str) -> None:
    protocol = catalogue.find(name)
    assert protocol.name == name
    assert protocol.title
    for setting in protocol.model_fields.values():
        assert setting.description
        assert not setting.is_required()


HOLDING = ("forming", "iv-sweep")  # need crosspoints that can be held at a voltage


@pytest.mark.parametrize("name", [name for name in catalogue.names() if name not in HOLDING])
def test_closing_a_protocol_half_way_pulses_no_more(name: str) -> None:
    crosspoints = RichCrosspoints(soft_bounds(10e-6, 100e-6, 0.02, 0.01, read=1e-7)[0], 30e-6, 1)
    steps = catalogue.find(name)().run(crosspoints)
    for _ in range(8):
        next(steps)
    applied = crosspoints.applied.copy()
    steps.close()
    assert (crosspoints.applied == applied).all()


@pytest.mark.parametrize("name", HOLDING)
def test_closing_a_sweep_half_way_switches_off(name: str) -> None:
    with rehearsed("rram.toml", edit={'device = "rram" ': 'device = "rram-pristine" '}) as station:
        assert station.virtual is not None
        steps = catalogue.find(name)().run(station["A1"])
        for _ in range(8):
            next(steps)
        assert station.virtual.outputs_on()
        steps.close()
        assert station.virtual.outputs_on() == []


def test_an_unknown_name_lists_the_known_and_the_nearest() -> None:
    with pytest.raises(InputError, match=r"no protocol 'symetry-point'; did you mean 'symmetry-point'\?") as caught:
        catalogue.find("symetry-point")
    assert all(name in str(caught.value) for name in catalogue.names())


def test_an_own_file_is_a_protocol(tmp_path: Path) -> None:
    file = tmp_path / "my_protocol.py"
    file.write_text(OWN, encoding="utf-8")
    for name in (str(file), f"{file}:twice"):
        protocol = catalogue.find(name)
        assert issubclass(protocol, Protocol)
        assert protocol.name == "twice"
        assert protocol.model_validate({"bias": "20 mV"}).bias == 0.02


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("x = 1", "defines no protocol"),
        ("import nowhere_at_all", r"my\.py:1 does not run: ModuleNotFoundError"),
        ("def (", "does not run: SyntaxError"),
        (OWN.replace('    name: ClassVar[str] = "twice"\n', ""), "Twice has no name"),
        (
            OWN + "\nclass Thrice(Twice):\n    name: ClassVar[str] = 'thrice'\n",
            "defines twice, thrice; name one of them",
        ),
        (OWN.replace("def analyse", "def analyze"), "defines no protocol"),
    ],
)
def test_a_file_that_cannot_be_used_says_why(tmp_path: Path, content: str, message: str) -> None:
    file = tmp_path / "my.py"
    file.write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match=message):
        catalogue.find(str(file))


def test_a_missing_file_is_named() -> None:
    with pytest.raises(InputError, match=r"nowhere\.py is not a file"):
        catalogue.find("nowhere.py")


def test_looking_a_protocol_up_imports_nothing_heavy() -> None:
    code = "import sys; from protocols.common.catalogue import find; find('symmetry-point'); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"numba", "scipy", "matplotlib", "pandas", "pyvisa", "pymeasure"} & set(loaded)
