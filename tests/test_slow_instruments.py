"""One instrument is slower than the others: no relay moves under voltage, in normal operation and at its end."""

import sys
from pathlib import Path

import pytest

from instruments.errors import InstrumentError
from labshd.runs.run import open_run
from labshd.station.station import open_station
from sim_device.virtual_bench.faults.delays import Delay, arrived, slow_down

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))
import hot_relays
import hot_relays_tcp

STATIONS = Path(__file__).parents[1] / "data" / "stations"


@pytest.mark.parametrize("delay", [Delay(network=3e-3), Delay(box=3e-3)], ids=["network", "box"])
@pytest.mark.parametrize(
    ("station", "protocol", "slow"),
    [
        ("1t1r", "update-response", "bias"), ("1t1r", "update-response", "smu"),
        ("1t1r", "update-response", "generator"),
        ("ecram", "update-response", "smu"), ("ecram", "read-noise", "smu"), ("ecram", "update-response", "matrix"),
        ("rram", "iv-sweep", "smu"), ("rram", "forming", "smu"), ("row", "update-response", "generator"),
    ],
)  # fmt: skip
def test_relays_move_cold_whoever_is_slow(tmp_path, station, protocol, slow, delay):
    moves, hot = hot_relays.moved(STATIONS / f"{station}.toml", hot_relays.PROTOCOLS[protocol], slow, delay, tmp_path)
    assert moves > 2
    assert hot == 0
    assert open_run("last", tmp_path).status == "finished"


def test_it_would_be_seen_if_nobody_asked(tmp_path):
    slow = (STATIONS / "1t1r.toml", hot_relays.PROTOCOLS["update-response"], "bias", Delay(network=3e-3), tmp_path)
    assert hot_relays.moved(*slow, asks=False)[1] > 10


@pytest.mark.parametrize("slow", ["generator", "smu", "matrix"])
def test_an_emergency_waits_for_nobody_and_everything_is_off_when_it_has_arrived(slow):
    with open_station(STATIONS / "ecram.toml", rehearse=True) as station:
        virtual = station.virtual
        name = next(one for one in virtual.twins if one.upper() == station.instruments[slow].report.resource.upper())
        ports = slow_down(virtual, {name: Delay(network=0.5)})
        station["A1"].pulse(1)
        station["A1"].read()
        before = virtual.clock.now()
        station.safe()
        assert virtual.clock.now() == before
        assert arrived(virtual, ports)


def test_a_source_that_stays_on_keeps_the_relays_where_they_are():
    with open_station(STATIONS / "ecram.toml", rehearse=True) as station:
        block, virtual = station.all, station.virtual
        block[0, 0].pulse(1)
        moved = virtual.relays_moved
        generator = block.bench.generator
        generator.off, off = lambda: None, generator.off
        with pytest.raises(InstrumentError, match="says that its output is on; no relay moved"):
            block[0, 0].read()
        assert virtual.relays_moved == moved
        generator.off = off
        block.safe()
        assert virtual.is_safe()


def test_the_time_that_an_output_takes_to_open_is_waited_for():
    with open_station(STATIONS / "ecram.toml", rehearse=True) as station:
        block, clock = station.all, station.virtual.clock
        block[0, 0].pulse(1)
        block[0, 0].read()
        begun = clock.now()
        block[0, 0].pulse(1)
        usual = clock.now() - begun
        block[0, 0].read()
        block.bench.smu.off_time = 0.25
        begun = clock.now()
        block[0, 0].pulse(1)
        assert clock.now() - begun == pytest.approx(usual + 0.25, abs=1e-6)


def test_a_station_file_says_how_long_an_output_takes_to_open(tmp_path):
    text = (STATIONS / "ecram.toml").read_text(encoding="utf-8")
    at = text.index("[instruments.smu]") + len("[instruments.smu]\n")
    (tmp_path / "bench.toml").write_text(text[:at] + 'off_time = "250 ms"\n' + text[at:], encoding="utf-8")
    took = []
    for file in (STATIONS / "ecram.toml", tmp_path / "bench.toml"):
        with open_station(file, rehearse=True) as station:
            station["A1"].read()
            begun = station.virtual.clock.now()
            station["A1"].pulse(1)
            took.append(station.virtual.clock.now() - begun)
    assert took[1] == pytest.approx(took[0] + 0.25, abs=1e-6)


@pytest.mark.parametrize("slow", ["bias", "matrix"])
def test_relays_move_cold_over_tcp_too(tmp_path, slow):
    protocol = hot_relays.PROTOCOLS["update-response"]
    moves, hot, ended = hot_relays_tcp.moved(STATIONS / "1t1r.toml", protocol, slow, 3e-3, tmp_path)
    assert ended == "finished"
    assert moves > 50
    assert hot == 0


def test_a_run_that_went_well_ends_cold():
    with open_station(STATIONS / "rram.toml", rehearse=True) as station:
        list(station["A1"].sweep([0.1, 0.2], 1e-5))
        station.all.rest()
        assert station.virtual.is_safe()
        assert not [one for one in station.virtual.faults if "relays" in one]
