"""One source-measure unit that pulses and reads a two-terminal device: the station file, protocols, and the truth."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conformance import Conformance
from rehearsed import STATIONS, rehearsed
from rich_device import recorded

from instruments.crosspoints import Crosspoints, Pulse, PulsePair, Status
from instruments.errors import InputError
from labshd.recording.recorder import record
from labshd.station.station import open_station
from labshd.station.station_file import read_station_file
from protocols.symmetry_point import SymmetryPoint
from protocols.update_response import UpdateResponse
from sim_device.virtual_bench.devices.device import VirtualDevice

STATION = "rram-one-box.toml"
BOXES = ("keysight-b2902b", "keithley-2450", "keithley-2400")


def test_update_response_by_sequences_finds_range_and_symmetry_point(tmp_path: Path) -> None:
    with rehearsed(STATION) as station:
        run = record(UpdateResponse(pulses=200, cycles=3), station.first, runs=tmp_path, station=station)
        truth = station.virtual.devices["A1"].truth(station.first.pulses)  # type: ignore[union-attr]
    result = run.info["result"]
    assert run.info["origin"]["details"]["traces"] == "sequences: list sweep of the source-measure unit"
    assert run.info["pulses_per_crosspoint"] == [[1200]]
    (point,) = result["symmetry_points"]
    assert abs(point["conductance_S"] - truth.symmetry_point_S) < 4 * point["std_S"]
    # 200 pulses of 3.3 % go to 0.1 % of the range, and relaxation of a tenth of a step is far below that
    window = result["dynamic_range"]
    assert window["high_S"] == pytest.approx(truth.g_max_S, abs=5 * window["high_std_S"] + 0.2e-6)
    assert window["low_S"] == pytest.approx(truth.g_min_S, abs=5 * window["low_std_S"] + 0.3e-6)
    assert result["noise"]["cycle_to_cycle"] == pytest.approx(
        truth.cycle_to_cycle, abs=4 * result["noise"]["cycle_to_cycle_std"]
    )
    sent = (run.folder / "wire.jsonl").read_text(encoding="utf-8").splitlines()
    assert len(sent) < 300  # messages, for 1,220 readings


@pytest.mark.parametrize("seed", [1, 2])
def test_symmetry_point_by_sequences(seed: int) -> None:
    with rehearsed(STATION, seed=seed) as station:
        series, _ = recorded(SymmetryPoint.model_validate({"seed": seed}), station.first)
        truth = station.virtual.devices["A1"].truth(station.first.pulses)  # type: ignore[union-attr]
    result = SymmetryPoint().results(series)
    assert abs(result["symmetry_point_S"] - truth.symmetry_point_S) < 4 * result["std_S"]


@pytest.mark.parametrize("box", BOXES)
def test_step_by_step_a_box_that_takes_turns_moves_and_reads_the_same_device(box: str) -> None:
    with rehearsed(STATION, edit={"keysight-b2902b": box}) as station:
        block, virtual = station.first, station.virtual
        assert virtual is not None
        quiet = replace(virtual.devices["A1"].parameters, switching=None, white_noise=0.0, slow_noise=0.0)
        virtual.devices["A1"] = VirtualDevice(replace(quiet, cycle_to_cycle=0.0, volatile=0.0), 1, 60e-6)
        found = [readings.conductance[0, 0, 0] for readings in Crosspoints.stream(block, [0, 1, 1, -1])]
        core, g, expected = quiet.core_under(block.pulses), 60e-6, [60e-6]
        for up in (True, True, False):
            g += core.s_up * (core.g_max - g) if up else core.s_down * (core.g_min - g)
            expected.append(g)
        assert found == pytest.approx(expected, abs=3e-7)  # widths are a message or two uncertain
        assert [one.voltage for one in virtual.applied] == pytest.approx([0.85, 0.85, -0.85], rel=1e-6)
        assert block.bench.pulses_applied == {"A1": 3}  # type: ignore[attr-defined]
        block.safe()
        assert virtual.is_safe()


def test_readings_while_the_output_is_off_are_none() -> None:
    """Somebody has pressed the button on the front, or the interlock has opened."""
    with rehearsed(STATION) as station:
        block = station.first
        assert np.all(block.read(3).status == 0)
        twin = station.virtual.twins["TCPIP0::192.168.0.21::inst0::INSTR"]  # type: ignore[union-attr]
        twin.put("output", 1, False)  # type: ignore[attr-defined]
        readings = block.read(3)
        assert np.all(readings.status & Status.INVALID)
        assert np.all(np.isnan(readings.conductance))


def test_one_output_is_on_one_electrode(tmp_path: Path) -> None:
    text = (STATIONS / STATION).read_text(encoding="utf-8")
    path = tmp_path / "wrong.toml"
    path.write_text(text.replace("two-terminal", "three-terminal"), encoding="utf-8")
    with pytest.raises(InputError, match="cannot be on two electrodes at once"):
        read_station_file(path)
    path.write_text(text.replace('"keysight-b2902b"', '"keithley-2450"'), encoding="utf-8")
    with pytest.raises(InputError, match="two instruments share this resource"):
        read_station_file(path)


def test_the_station_of_the_examples_opens_without_an_instrument() -> None:
    with open_station(STATIONS / STATION, rehearse=True) as station:
        assert station.names == ["A1"]


class TestOneBox(Conformance):
    """The suite that every kind of crosspoints passes, on a bench whose traces are sequences."""

    unmoved = 3e-6  # white and slow noise of a reading are 0.36 uS together; slow noise hardly averages
    visible = 20

    @pytest.fixture
    def crosspoints(self) -> Iterator[Crosspoints]:
        with rehearsed(STATION) as station:
            yield station.all

    def forbidden(self, crosspoints: Crosspoints) -> PulsePair:
        return PulsePair(Pulse(1.3, 1e-2), Pulse(-0.85, 1e-2))
