"""An open bench: who its instruments must be, what is asked of them, and that closing leaves nothing behind."""

import gc
import signal
import sys
import weakref

import pytest
from rehearsed import STATIONS, rehearsed
from test_bench import Generator, Housekeeping, Journal, Matrix, Smu

from instruments.bench.block import BenchCrosspoints
from instruments.clock import VirtualClock
from instruments.drivers.common.connected import Connected
from instruments.drivers.keithley_2450.smu import Keithley2450
from instruments.errors import CommandRefused, InputError, NotAnswering
from labshd.common import locks
from labshd.common.locks import FileLock, Held, is_held
from labshd.common.signals import Terminated
from labshd.common.station_of import PulsesOfRun
from labshd.runs.pulse_notes import PulseNotes, fired_in
from labshd.station.exits import BENCHES
from labshd.station.make_safe import make_safe
from labshd.station.opening import InstrumentReport, Opened, ask_states, bench_of, refuse_unreachable, switch_off
from labshd.station.schema import BenchFile
from labshd.station.station import Station, open_station
from labshd.station.station_file import read_station_file

ECRAM = STATIONS / "ecram.toml"


def opened(journal: Journal, **kinds: type[Housekeeping]) -> dict[str, Opened]:
    return {role: Opened(kind(journal, role), InstrumentReport(role, "d", "r")) for role, kind in kinds.items()}  # type: ignore[arg-type]


@pytest.fixture
def disconnected(monkeypatch) -> list[str]:
    names: list[str] = []
    disconnect = Connected.disconnect

    def closing(self) -> None:
        names.append(self.name)
        disconnect(self)

    monkeypatch.setattr(Connected, "disconnect", closing)
    return names


def test_connections_are_closed_with_the_station_and_after_labshd_safe(disconnected) -> None:
    with rehearsed() as station:
        assert disconnected == []
    assert len(disconnected) == 3
    with pytest.raises(InputError, match="is closed; open the station again"):
        station["A1"]
    assert station.instruments == {}
    del disconnected[:]
    assert make_safe(ECRAM, rehearse=True).ok
    assert len(disconnected) == 3


def test_a_closed_station_keeps_nothing_in_memory() -> None:
    with rehearsed() as station:
        gone = weakref.ref(station)
    del station
    gc.collect()
    assert gone() is None


def test_an_instrument_with_another_serial_is_not_driven_and_connections_are_closed(tmp_path, disconnected) -> None:
    text = ECRAM.read_text(encoding="utf-8")
    smu = 'driver = "keithley-2450"\n'
    assert smu in text
    (tmp_path / "bench.toml").write_text(text.replace(smu, f'{smu}serial = "no such number"\n'), encoding="utf-8")
    with pytest.raises(NotAnswering, match="expects serial 'no such number'"):
        open_station(tmp_path / "bench.toml", rehearse=True)
    assert len(disconnected) == 3


def test_the_right_serial_is_found_in_the_identity_however_it_is_written(tmp_path) -> None:
    with rehearsed() as station:
        serial = station.instruments["smu"].report.identity.split(",")[2].strip()  # type: ignore[union-attr]
    smu = 'driver = "keithley-2450"\n'
    with rehearsed(edit={smu: f'{smu}serial = "{serial.lower()}"\n'}) as station:
        assert station.instruments["smu"].report.ok


def test_whoever_says_it_is_on_or_has_errors_is_told(monkeypatch) -> None:
    journal = Journal()
    found = opened(journal, generator=Generator, smu=Smu, matrix=Matrix)
    monkeypatch.setattr(Matrix, "is_off", lambda self: False)
    journal.fails = "smu errors?"
    ask_states(found)
    reports = {role: one.report for role, one in found.items()}
    assert (reports["generator"].state, reports["generator"].problem) == ("outputs off", None)
    assert reports["smu"].problem == "smu errors?: no reply"
    assert reports["matrix"].state == "OUTPUT ON"
    assert "labshd safe" in (reports["matrix"].problem or "")


def test_where_one_instrument_is_missing_the_others_are_off_before_they_are_let_go() -> None:
    journal = Journal()
    found = opened(journal, generator=Generator, smu=Smu)
    file, toml = read_station_file(ECRAM)
    refuse_unreachable(toml, found, [])
    assert journal == []
    lost = InstrumentReport("matrix", "keithley-707b", "TCPIP0::192.168.0.13::inst0::INSTR", problem="no answer")
    with pytest.raises(NotAnswering, match=r"matrix \(keithley-707b .*no answer"):
        refuse_unreachable(toml, found, [lost])
    assert journal == ["generator off", "smu off", "generator disconnected", "smu disconnected"]
    assert isinstance(file, BenchFile)


def test_everything_is_told_to_go_off_although_the_first_does_not_answer() -> None:
    journal = Journal()
    journal.fails = "generator off"
    raised = switch_off(opened(journal, generator=Generator, smu=Smu, matrix=Matrix))
    assert journal == ["generator off", "smu off", "matrix off"]
    assert [str(error) for error in raised] == ["generator off: no reply"]


def test_a_bench_is_made_of_the_roles_it_needs() -> None:
    file, _ = read_station_file(ECRAM)
    assert isinstance(file, BenchFile)
    journal = Journal()
    for kinds in ({}, {"generator": Generator}, {"smu": Smu}):
        with pytest.raises(InputError, match="needs a generator and a source-measure unit"):
            bench_of(file, opened(journal, **kinds), VirtualClock(), "bench")
    with pytest.raises(InputError, match="is no PulseSource"):
        bench_of(file, opened(journal, generator=Smu, smu=Smu), VirtualClock(), "bench")


def test_ctrl_c_while_a_station_is_made_safe_waits_until_everything_is_off(monkeypatch) -> None:
    with rehearsed() as station:
        station["A1"].pulse(1)
        assert station.virtual is not None
        generator = station.instruments["generator"].instrument
        off = generator.off

        def interrupted() -> None:
            signal.raise_signal(signal.SIGINT)
            off()

        monkeypatch.setattr(generator, "off", interrupted)
        with pytest.raises(KeyboardInterrupt):
            station.safe()
        assert station.virtual.is_safe()
        monkeypatch.undo()


def test_whoever_was_asked_to_stop_fires_no_further_pulse(monkeypatch) -> None:
    class Asked:
        def asked_to_stop(self) -> str:
            return "labshd safe, process 7"

        def release(self) -> None:
            pass

    with rehearsed() as station:
        station["A1"].pulse(1)
        monkeypatch.setattr(station, "_lock", Asked())
        with pytest.raises(Terminated, match="labshd safe, process 7"):
            station["A1"].pulse(1)
        assert station.virtual is not None
        assert len(station.virtual.applied) == 1


def test_off_comes_before_any_question_where_it_is_asked_first(monkeypatch) -> None:
    sent: list[str] = []
    send, ask = Connected.switch_off, Connected.identity
    monkeypatch.setattr(Connected, "switch_off", lambda self, command: (sent.append("off"), send(self, command))[1])
    monkeypatch.setattr(Connected, "identity", lambda self: (sent.append("who are you"), ask(self))[1])
    assert make_safe(ECRAM, rehearse=True).ok
    assert sent[:3] == ["off"] * 3
    assert sent[3:6] == ["who are you"] * 3


def test_a_station_that_is_closed_twice_leaves_the_other_bench_guarded() -> None:
    with rehearsed() as one, rehearsed() as other:
        one.close()
        one.close()
        assert len(BENCHES) == 1
        other["A1"].pulse(1)
        with pytest.raises(Terminated):
            signal.raise_signal(signal.SIGTERM)
    assert len(BENCHES) == 0


@pytest.mark.parametrize("platform", ["win32", "linux"])
def test_a_lock_that_is_let_go_leaves_no_file_on_either_system(tmp_path, monkeypatch, platform) -> None:
    if sys.platform == "win32" and platform != "win32":
        pytest.skip("Windows removes no file that is open")
    lock = FileLock(tmp_path / "bench.lock")
    assert is_held(tmp_path / "bench.lock")
    monkeypatch.setattr(locks.sys, "platform", platform)
    lock.release()
    lock.release()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(sys.platform == "win32", reason="Windows removes no file that is open")
def test_a_lock_whose_file_its_last_holder_removed_meanwhile_is_taken_on_a_new_file(tmp_path, monkeypatch) -> None:
    path, lock, removed = tmp_path / "bench.lock", locks._lock, []

    def late(file) -> None:
        if not removed:
            removed.append(path.unlink())
        lock(file)

    monkeypatch.setattr(locks, "_lock", late)
    held = FileLock(path)
    assert removed
    with pytest.raises(Held):
        FileLock(path)
    held.release()
    assert not path.exists()


def test_a_station_that_cannot_be_prepared_is_left_off_and_closed(monkeypatch, disconnected) -> None:
    stations: list[Station] = []
    guard = Station.__init__

    def kept(self, *arguments, **more) -> None:
        guard(self, *arguments, **more)
        stations.append(self)

    def refused(self) -> None:
        raise CommandRefused("Keithley 2450 refused '*RST'")

    monkeypatch.setattr(Station, "__init__", kept)
    monkeypatch.setattr(Keithley2450, "prepare", refused)
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(CommandRefused):
        open_station(ECRAM, rehearse=True)
    assert len(disconnected) == 3
    assert signal.getsignal(signal.SIGTERM) is before
    (station,) = stations
    assert station.virtual is not None
    assert station.virtual.is_safe()
    with pytest.raises(InputError, match="is closed"):
        station["A1"]


def test_a_run_tells_its_own_pulses_in_doubt_not_those_from_before(tmp_path) -> None:
    with rehearsed() as station:
        block = station["A1"]
        assert isinstance(block, BenchCrosspoints)
        block.bench.count.firing("A1", 2)
        station.note_pulses(tmp_path / "one.txt", {})
        block.bench.count.firing("A1", 3)
        block.bench.count.firing("A2", 1)
        block.bench.count.confirmed("A2", 1)
        told = station.noted_pulses()
        assert told is not None
        assert (told.fired, told.uncertain) == ({"A1": 3, "A2": 1}, {"A1": 3})
        station.note_pulses(tmp_path / "two.txt", {})
        assert station.noted_pulses() == PulsesOfRun({}, {})
        assert station.noted_pulses() is None


def test_notes_of_pulses_are_closed_with_their_run(tmp_path) -> None:
    notes = PulseNotes(tmp_path / "pulses.txt", {"A1": 7})
    notes("A1", 1)
    notes("A2", 2)
    notes.close()
    notes.close()
    with pytest.raises(ValueError, match="closed"):
        notes("A1", 1)
    assert fired_in(tmp_path, {}) == {"A1": 8, "A2": 2}
    text = (tmp_path / "pulses.txt").read_text(encoding="utf-8")
    (tmp_path / "pulses.txt").write_text(text[:-3], encoding="utf-8")  # killed while it was written
    assert fired_in(tmp_path, {}) == {"A1": 8}
