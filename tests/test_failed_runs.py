"""Runs that an error ends: outputs off first, the record closed after it, and no Ctrl-C cuts that short."""

from __future__ import annotations

import json
import signal
from types import SimpleNamespace

import pytest
from rehearsed import STATIONS, rehearsed
from test_recorder import Ramp, Station, UpRamp, raising

import labshd.runs.writer
from instruments.bench.bench import Bench
from instruments.errors import InputError, InstrumentError
from labshd.campaign.runner import run_campaign
from labshd.campaign.store import open_campaign
from labshd.common import signals
from labshd.common.provenance import What
from labshd.common.station_of import PulsesOfRun
from labshd.recording.recorder import record, recording, run_of
from labshd.runs.json_files import write_json
from labshd.runs.run import list_runs


def test_when_run_json_tells_the_end_the_bench_is_safe_and_the_record_tells_how_it_became_so(tmp_path, monkeypatch):
    def writing(path, info) -> None:
        if info.get("ended"):
            safe_then.append(virtual.is_safe())
        write_json(path, info)

    def failing() -> None:
        with recording(What("protocol", "up-ramp"), station["A1"], runs=tmp_path, station=station):
            station["A1"].read()
            station["A1"].pulse(1)
            assert virtual.outputs_on()
            raise InstrumentError("gone")

    safe_then: list[bool] = []
    monkeypatch.setattr(labshd.runs.writer, "write_json", writing)
    with rehearsed() as station:
        virtual = station.virtual
        with pytest.raises(InstrumentError, match="gone") as caught:
            failing()
    run = run_of(caught.value)
    assert run is not None
    assert (run.status, run.why_stopped) == ("failed", "gone")
    assert safe_then == [True]
    lines = (run.folder / "wire.jsonl").read_text(encoding="utf-8").splitlines()
    last = [json.loads(line)["text"] for line in lines[-3:]]
    assert [any(off in sent for sent in last) for off in (":OUTP1 OFF", ":OUTP OFF", "channel.open")] == [True] * 3


class Slow(Ramp):
    """Fails at its third reading, and takes 2 s to switch off, in the middle of which Ctrl-C is pressed."""

    now = 0.0

    def __init__(self):
        super().__init__(raising(InstrumentError("gone")), at=3)

    def safe(self):
        self.now += 2.0
        signal.raise_signal(signal.SIGINT)
        super().safe()


def test_ctrl_c_while_a_failed_run_is_switched_off_waits_for_its_end_and_is_raised_then(tmp_path, monkeypatch):
    device = Slow()
    monkeypatch.setattr(signals, "time", SimpleNamespace(monotonic=lambda: device.now))
    with pytest.raises(KeyboardInterrupt) as caught:  # not the error, after which a campaign goes on
        record(UpRamp(), device, runs=tmp_path)
    assert (device.driven, device.safes) == (False, 1)
    run = run_of(caught.value)
    assert run is not None
    assert (run.status, run.why_stopped, run.readings) == ("failed", "gone", 2)


def test_every_block_of_a_training_is_made_safe_by_whatever_it_ends(tmp_path) -> None:
    blocks = [Ramp(), Ramp()]

    def trained() -> None:
        with recording(What("protocol", "up-ramp"), blocks, runs=tmp_path):
            for block in blocks:
                block.pulse(1)
            raise InstrumentError("gone")

    with pytest.raises(InstrumentError):
        trained()
    assert [block.driven for block in blocks] == [False, False]


def test_a_run_that_pulsed_and_was_then_refused_is_kept_with_its_pulses(tmp_path, monkeypatch) -> None:
    refusing = Ramp(raising(InputError("no such level")), at=1)
    monkeypatch.setattr(Station, "noted_pulses", lambda self: PulsesOfRun({"A1": 3}, {"A1": 1}, {"A2": 3}))
    with pytest.raises(InputError) as caught:
        record(UpRamp(), refusing, runs=tmp_path, station=Station())
    run = run_of(caught.value)
    assert run is not None
    assert run.info["pulses_fired"] == {"A1": 3}
    assert run.info["pulses_uncertain"] == {"A1": 1}
    assert run.info["pulses_half_selected"] == {"A2": 3}
    monkeypatch.setattr(Station, "noted_pulses", lambda self: PulsesOfRun({}, {}))
    before = len(list(tmp_path.glob("[!.]*")))
    with pytest.raises(InputError) as caught:
        record(UpRamp(), Ramp(raising(InputError("no such level")), at=1), runs=tmp_path, station=Station())
    assert len(list(tmp_path.glob("[!.]*"))) == before
    assert run_of(caught.value) is None


CAMPAIGN = """
name = "array"
station = "bench.toml"
[[step]]
name = "up"
protocol = "up.py"
crosspoints = "A*"
"""
FAILING = '''
"""Fails on A1 with outputs on."""

from instruments.errors import InstrumentError
from protocols.common.protocol import Protocol
from protocols.common.stepping import at_rest


class Up(Protocol):
    name = "up"
    title = "a pulse up"

    def run(self, crosspoints):
        yield from at_rest(crosspoints, "rest", 2)
        crosspoints.pulse(1)
        raise InstrumentError(f"{crosspoints.name} is stuck")

    def analyse(self, series):
        return {}
'''


def test_ctrl_c_while_the_run_of_a_crosspoint_that_failed_is_switched_off_ends_the_campaign(tmp_path, monkeypatch):
    def interrupted(bench) -> None:
        if not pulsed:
            pulsed.update(bench.pulses_applied)
            signal.raise_signal(signal.SIGINT)
        safe(bench)

    pulsed: dict[str, int] = {}
    safe = Bench.safe
    (tmp_path / "bench.toml").write_text((STATIONS / "ecram.toml").read_text(encoding="utf-8"), encoding="utf-8")
    (tmp_path / "up.py").write_text(FAILING, encoding="utf-8")
    (tmp_path / "array.toml").write_text(CAMPAIGN, encoding="utf-8")
    monkeypatch.setattr(Bench, "safe", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run_campaign(tmp_path / "array.toml", rehearse=True, runs=tmp_path / "runs")
    assert pulsed == {"A1": 1}
    (run,) = list_runs(tmp_path / "runs")
    assert (run.status, run.crosspoint) == ("failed", "A1")
    campaign = open_campaign("last", tmp_path / "runs")
    assert (campaign.info["status"], campaign.info["why_stopped"]) == ("interrupted", "stopped by Ctrl-C")
