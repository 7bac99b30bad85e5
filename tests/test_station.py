"""An open station: whatever ends a run, the virtual instruments are off, every reading is kept, the run says how."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from instruments.crosspoints import Crosspoints, Pulse, PulsePair
from instruments.errors import InputError, LimitError, RunError
from labshd.analysis.fit import fit_run
from labshd.recording.recorder import record, run_of
from labshd.runs.run import open_run
from labshd.station.station import Station, open_station
from protocols.common.protocol import Points, Protocol, Series, Steps
from protocols.update_response import UpdateResponse

ROOT = Path(__file__).parents[1]
ECRAM, RRAM, ARRAY = (ROOT / "data" / "stations" / name for name in ("ecram.toml", "rram.toml", "array.toml"))


class Ramps(Protocol):
    """Ramps up and down until something happens."""

    name: ClassVar[str] = "ramps"
    title: ClassVar[str] = "ramps until something happens"
    happens_after: int = 300
    happens: ClassVar[BaseException] = RuntimeError("the roof fell in")

    def run(self, crosspoints: Crosspoints) -> Steps:
        """One pulse after the other."""
        for step in range(10_000):
            if step == self.happens_after:
                raise self.happens
            counts = np.full((1, *crosspoints.shape), 1 if step // 100 % 2 == 0 else -1)
            yield Points("ramp", counts, crosspoints.trace(counts))
        return "never"

    def analyse(self, series: Series) -> dict[str, Any]:
        """How many there were."""
        return {"readings": len(series)}


@pytest.fixture
def bench() -> Generator[Station]:
    with open_station(ECRAM, rehearse=True) as station:
        yield station


@pytest.mark.parametrize("file", [ECRAM, RRAM])
def test_a_finished_run_leaves_everything_off(file: Path, tmp_path: Path) -> None:
    with open_station(file, rehearse=True) as station:
        run = record(UpdateResponse(pulses=20, cycles=1), station["A2"], runs=tmp_path, station=station)
        assert station.virtual is not None
        assert station.virtual.is_safe()
        assert station.virtual.faults == []
        assert {pulse.crosspoint for pulse in station.virtual.applied} == {"A2"}
    assert (run.status, run.crosspoint) == ("finished", "A2")
    assert run.info["origin"]["kind"] == "rehearsal"
    assert (run.folder / "wire.jsonl").stat().st_size > 0


@pytest.mark.parametrize(
    ("happens", "status"), [(RuntimeError("the roof fell in"), "failed"), (KeyboardInterrupt(), "interrupted")]
)
def test_whatever_happens_outputs_go_off_and_readings_are_kept(
    bench: Station, tmp_path: Path, happens: BaseException, status: str
) -> None:
    class Happening(Ramps):
        """Something happens."""

    Happening.happens = happens
    with pytest.raises((RunError, KeyboardInterrupt)) as raised:
        record(Happening(), bench["A1"], runs=tmp_path, station=bench)
    assert bench.virtual is not None
    assert bench.virtual.is_safe()
    stopped = run_of(raised.value)
    assert stopped is not None
    run = open_run(stopped.folder)
    assert run.status == status
    assert len(run.series()) == 300
    assert fit_run(run).fit.parameters["g_max_S"] is not None
    with pytest.raises(InputError, match="no crosspoint"):
        bench["A5"]


CHILD = """
import json, os, signal, sys
from pathlib import Path
from labshd.recording.recorder import record, run_of
from labshd.station.station import open_station
from protocols.common.protocol import Protocol
sys.path.insert(0, {tests!r})
from test_station import Ramps

class Killed(Ramps):
    def run(self, crosspoints):
        for step, points in enumerate(super().run(crosspoints)):
            if step == 50:
                os.kill(os.getpid(), getattr(signal, {name!r}))
            yield points

with open_station({station!r}, rehearse=True) as station:
    try:
        record(Killed(), station["A1"], runs={runs!r}, station=station)
    except KeyboardInterrupt as error:
        run = run_of(error)
        print(json.dumps({{"safe": station.virtual.is_safe(), "run": str(run.folder), "status": run.status}}))
"""


@pytest.mark.skipif(os.name == "nt", reason="Windows delivers no SIGTERM to a handler")
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_signals_end_safe(tmp_path: Path, name: str) -> None:
    code = CHILD.format(tests=str(ROOT / "tests"), name=name, station=str(ECRAM), runs=str(tmp_path))
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False)
    assert ran.returncode == 0, ran.stderr
    said = json.loads(ran.stdout)
    assert said["safe"]
    assert said["status"] == "interrupted"
    assert len(open_run(said["run"]).series()) >= 50
    assert getattr(signal, name)


def test_limits_are_checked_before_a_byte_is_sent(bench: Station, tmp_path: Path) -> None:
    block = bench["A1"]
    block.read()
    bench.keep_wire(tmp_path / "wire.jsonl")
    for pair in (PulsePair(Pulse(3.5, 5e-7), Pulse(-2, 5e-7)), PulsePair(Pulse(2, 2e-3), Pulse(-2, 5e-7))):
        with pytest.raises(LimitError, match="limit"):
            block.pulse(1, pair)
    with pytest.raises(LimitError, match="budget"):
        block.pulse(2_000_000)
    bench.keep_wire(None)
    assert (tmp_path / "wire.jsonl").read_text(encoding="utf-8") == ""
    assert bench.virtual is not None
    assert bench.virtual.applied == []


def test_a_seed_decides_what_the_rehearsed_devices_are() -> None:
    def truth(seed: int) -> float:
        with open_station(ECRAM, rehearse=True, seed=seed) as station:
            assert station.virtual is not None
            return station.virtual.devices["A1"].truth(station["A1"].pulses).symmetry_point_S

    assert truth(3) == truth(3)
    assert truth(3) != truth(4)


def test_a_simulated_station_runs_the_same_protocol(tmp_path: Path) -> None:
    with open_station(ARRAY) as station:
        run = record(UpdateResponse(pulses=20, cycles=1), station["B8"], runs=tmp_path, station=station)
        assert station["B8"].name == "B8"
        assert station.all.shape == (2, 8)
    assert run.info["origin"]["kind"] == "simulated"


def test_a_closed_station_says_so() -> None:
    station = open_station(ECRAM, rehearse=True)
    station.close()
    station.close()
    with pytest.raises(InputError, match="closed"):
        station["A1"]
