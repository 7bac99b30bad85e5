"""Any protocol's analysis on points of others: the numbers of the run from a bare trace, refusals that say why."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rehearsed import rehearsed

from instruments.crosspoints import Pulse, PulsePair, Readings
from instruments.errors import InputError
from labshd.analysis.as_protocol import analyse
from labshd.analysis.kept_analyses import keep
from labshd.cli.command_line import main
from labshd.common.provenance import What, Where
from labshd.recording.recorder import record
from labshd.report import write_report
from labshd.runs.importing import import_files
from labshd.runs.run import Run, open_run
from labshd.runs.writer import RunWriter
from protocols.common import catalogue
from protocols.common.cycles import Cycles
from protocols.common.protocol import UNKNOWN_COUNT, Points, Series

DATA = Path(__file__).parents[2] / "shared" / "data"
measured = pytest.mark.skipif(not DATA.exists(), reason="the measured data sets lie beside the project, not in it")

SETTINGS: dict[str, dict[str, Any]] = {
    "endurance": {"cycles": 40, "pulses": 5},
    "read-disturb": {"reads": 40, "repeats": 5},
    "read-noise": {"reads": 150},
    "relaxation": {"duration": "1 s", "repeats": 3},
    "retention": {"duration": "100 s", "pulses": 5},
    "symmetry-point": {"budget": 1200},
    "update-response": {"pulses": 60, "reads": 2, "first": "down"},
}
REFUSED = {
    "array-map": "whether a crosspoint works is told by the pulses that it chose to give or not; take update-response",
    "forming": "which readings belong to which voltage that was held is only told by its own run",
    "half-select": "which crosspoints were selected while others were read is only told by its own run",
    "program": "its targets are needed, and points alone do not tell where they were to lead",
    "spike-timing": "the delay between two spikes is only told by its own run",
}


def recorded(name: str, folder: Path, block: str = "A1", station: str = "ecram.toml", **settings: Any) -> Run:
    protocol = catalogue.find(name).model_validate(settings or SETTINGS[name])
    wide = {'current = "100 uA"': 'current = "10 mA"'} if station == "rram.toml" else None
    with rehearsed(station, seed=4, edit=wide) as bench:
        return record(protocol, bench.all if block == "all" else bench[block], runs=folder, station=bench)


def bare(run: Run, folder: Path) -> Run:
    """The run as another program would have kept it: pulses, time and conductance alone."""
    series, path = run.series(), folder / "trace.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["pulses", "time_s", "conductance_S"])
        for count, time, g in zip(
            series.counts.ravel().tolist(),
            series.readings.time.ravel().tolist(),
            series.readings.conductance.ravel().tolist(),
            strict=True,
        ):
            table.writerow(["" if count == UNKNOWN_COUNT else count, "" if time != time else time, "" if g != g else g])
    return import_files([path], runs=folder / "imported")


def written(
    folder: Path,
    counts: Any,
    g: Any,
    *,
    time: Any = None,
    volts: Any = None,
    amps: Any = None,
    status: Any = None,
    pulses: list[PulsePair] | None = None,
    shape: tuple[int, int] = (1, 1),
) -> Run:
    """A run of points without the phases of any protocol; counts and conductance (n,) or (n, rows, columns)."""
    g = np.asarray(g, dtype=np.float64).reshape(-1, *shape)
    n = len(g)

    def shaped(values: Any) -> Any:
        given = np.full(n, np.nan) if values is None else np.asarray(values, dtype=np.float64)
        return np.broadcast_to(given.reshape(n, *([1, 1] if given.size == n else shape)), g.shape)

    counts = np.broadcast_to(np.asarray(counts, dtype=np.int64).reshape(n, *([1, 1])), g.shape)
    flags = np.where(np.isnan(g), 4, 0 if status is None else np.asarray(status).reshape(g.shape)).astype(np.uint8)
    r = Readings(g, shaped(volts), shaped(amps), shaped(time), flags)
    where = Where("other", shape, "S", {"kind": "import", "details": {}})
    writer = RunWriter(folder, What("import", "trace", {}), where)
    for k in range(n):
        cut = slice(k, k + 1)
        one = Readings(r.conductance[cut], r.voltage[cut], r.current[cut], r.time[cut], r.status[cut])
        writer.points(Points("read", counts[cut], one, None if pulses is None else pulses[k]))
    writer.close("finished", "all is in")
    return open_run(writer.folder)


def plain(result: Any) -> Any:
    return json.loads(json.dumps(result))


@pytest.mark.parametrize("name", SETTINGS)
def test_a_bare_trace_gives_the_numbers_of_the_run_that_took_it(name: str, tmp_path: Path) -> None:
    run = recorded(name, tmp_path)
    found = analyse(bare(run, tmp_path), name)
    expected, got = plain(run.result), plain(found.result)
    if name == "symmetry-point":
        # The estimate is that of the whole trace; its parts begin where the pulses say it, a few pulses beside.
        for part in ("from_below", "from_above"):
            a, b = expected.pop(part), got.pop(part)
            assert abs(a["conductance_S"] - b["conductance_S"]) < 0.5 * a["std_S"]
        for key in ("difference_in_standard_errors", "verdict"):
            expected.pop(key), got.pop(key)
    assert got == expected
    assert found.said
    assert not found.own
    assert found.figures()


@pytest.mark.parametrize("name", SETTINGS)
def test_a_run_of_the_protocol_gives_its_own_numbers_fresh_from_the_points(name: str, tmp_path: Path) -> None:
    run = recorded(name, tmp_path)
    found = analyse(run, name)
    assert found.own
    assert plain(found.result) == run.result
    assert found.said == []


@pytest.mark.parametrize("name", REFUSED)
def test_what_points_alone_do_not_tell_is_refused_by_name(name: str, tmp_path: Path) -> None:
    run = written(tmp_path, [0] * 20, np.linspace(1e-6, 2e-6, 20), time=np.arange(20.0))
    said = f"{name} is not analysed on points of other protocols or programs: {REFUSED[name]}"
    with pytest.raises(InputError) as error:
        analyse(run, name)
    assert str(error.value) == f"{run.folder}: {said}"


def test_read_noise_takes_the_longest_stretch_and_lists_all(tmp_path: Path) -> None:
    counts = [0] * 12 + [1] + [0] * 30 + [1, -1] + [0] * 15
    rng = np.random.default_rng(1)
    run = written(tmp_path, counts, 1e-5 + 1e-8 * rng.standard_normal(len(counts)), time=np.arange(len(counts)))
    found = analyse(run, "read-noise")
    assert found.result["readings"] == 30
    assert found.said == [
        "Readings 13 to 42 are taken for readings at rest, the longest of 3 stretches without pulses "
        "(1: readings 0 to 11, 2: readings 13 to 42, 3: readings 45 to 59)."
    ]
    assert found.phases == [("rest", 13, 42)]
    assert analyse(run, "read-noise", cycles="3").result["readings"] == 15
    with pytest.raises(InputError, match=r"cycle 4: stretches without pulses here: 3; give 1 to 3, or leave it out"):
        analyse(run, "read-noise", cycles="4")
    with pytest.raises(InputError, match="one at a time"):
        analyse(run, "read-noise", cycles="1-2")


def test_too_few_readings_at_rest_are_told_with_the_longest_stretch(tmp_path: Path) -> None:
    counts = [1, 1, 0, 0, 1, 0, 0, 0, 1, 1]
    run = written(tmp_path, counts, np.linspace(1e-6, 2e-6, 10), time=np.arange(10.0))
    with pytest.raises(InputError) as error:
        analyse(run, "read-noise")
    assert str(error.value) == (
        f"{run.folder}: read-noise needs at least 10 readings in a row without pulses; the longest stretch here has 3 "
        "(readings 5 to 7)"
    )


def test_readings_of_which_nobody_knows_the_pulses_are_not_taken_for_rest(tmp_path: Path) -> None:
    run = written(tmp_path, [UNKNOWN_COUNT] * 20, np.linspace(1e-6, 2e-6, 20), time=np.arange(20.0))
    with pytest.raises(InputError, match="if there were no pulses, write 0 into the column pulses"):
        analyse(run, "read-noise")


def test_readings_without_times_are_refused(tmp_path: Path) -> None:
    run = written(tmp_path, [0] * 20, np.linspace(1e-6, 2e-6, 20))
    for name in ("read-noise", "retention"):
        with pytest.raises(InputError, match=r"needs the time of every reading; 0 of 20 .* import them with a column"):
            analyse(run, name)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("update-response", "the longest here are none up and none down"),
        ("symmetry-point", "here are 0 up and 0 down"),
        ("relaxation", "here are 0, and the most readings in a row after pulses are 0"),
        ("endurance", "endurance needs 4 cycles or more, as many pulses up as down with a reading at either end; "),
        ("iv-sweep", "iv-sweep needs the voltage and the current of every reading; 0 of 60 readings here have both"),
        ("pulse-window", "pulse-window needs the voltage and width of every pulse; here are no pulses of known count"),
        ("read-disturb", "here are 0, in 1 bursts of up to 60 readings"),
    ],
)
def test_readings_at_rest_lack_what_others_need(name: str, said: str, tmp_path: Path) -> None:
    run = written(tmp_path, [0] * 60, np.linspace(1e-6, 2e-6, 60), time=np.arange(60.0))
    with pytest.raises(InputError, match="needs") as error:
        analyse(run, name)
    assert said in str(error.value)


def test_random_pulses_are_no_ramps_and_no_cycles(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    counts = rng.permutation(np.repeat([1, -1], 200))
    run = written(tmp_path, counts, 1e-5 + 1e-7 * np.cumsum(counts), time=np.arange(400.0))
    with pytest.raises(InputError, match=r"pulses that go up and down at random are none .* symmetry-point takes them"):
        analyse(run, "update-response")
    with pytest.raises(InputError, match=r"ramps of 1 to \d+ pulses, which are no cycles"):
        analyse(run, "endurance")


def test_ramps_give_a_symmetry_point_and_say_that_they_are_no_approaches(tmp_path: Path) -> None:
    run = recorded("update-response", tmp_path)
    found = analyse(run, "symmetry-point")
    at = run.result["symmetry_points"][0] if run.result and run.result["symmetry_points"] else None
    assert at is not None
    assert found.result["symmetry_point_S"] == pytest.approx(at["conductance_S"], abs=2 * at["std_S"])
    assert "it rests on ramps, without an approach from either side to compare" in found.result["verdict"]


def test_the_drives_of_a_symmetry_search_are_ramps_and_what_is_between_them_is_left_out(tmp_path: Path) -> None:
    found = analyse(recorded("symmetry-point", tmp_path), "update-response")
    assert found.result["dynamic_range"]["range_S"] > 0
    assert any("readings are of no ramp and are left out" in line for line in found.said)
    assert {name for name, _, _ in found.phases} == {"before", "up", "down"}


def test_one_cycle_of_ramps_alone_of_any_run(tmp_path: Path) -> None:
    run = recorded("update-response", tmp_path)
    one, other = (analyse(run, "update-response", cycles=str(k)) for k in (1, 2))
    assert one.result["pulses"] == other.result["pulses"] == 120
    assert one.result["delta_g"] != other.result["delta_g"]
    assert "4 ramps are of other cycles and are left out." in one.said


def test_ramps_are_cycles_of_an_endurance(tmp_path: Path) -> None:
    run = recorded("update-response", tmp_path, pulses=30, cycles=5)
    found = analyse(run, "endurance")
    window = found.result["windows"]
    g = run.series().readings.conductance.ravel()
    assert window["cycle"] == [1, 2, 3, 4, 5]
    assert window["high_S"][0] == g[20 + 29]
    assert window["low_S"][-1] == g[-1]
    assert window["pulses"][-1] == 300


def test_imported_ramps_of_unknown_beginning_are_ramps(tmp_path: Path) -> None:
    for name, sign in (("set", 1), ("reset", -1)):
        columns = np.array([2e-4 + sign * 1e-6 * np.arange(-15, 15) + 1e-8 * k for k in range(3)])
        np.savetxt(tmp_path / f"{name}.csv", columns.T, delimiter=",", header="a,b,c", comments="")
    run = import_files(
        [], "ramps", up=tmp_path / "set.csv", down=tmp_path / "reset.csv", quantity="conductance", runs=tmp_path / "r"
    )
    found = analyse(run, "update-response")
    assert found.result["pulses"] == 6 * 29
    assert found.result["dynamic_range"]["high_S"] > found.result["dynamic_range"]["low_S"]
    assert found.said[0].startswith("Ramps up of 29 pulses are taken from 1: readings 1 to 29")
    with pytest.raises(InputError, match=r"endurance needs 4 cycles or more, .*; here are 3"):
        analyse(run, "endurance")
    phases = {name for name, _, _ in analyse(run, "symmetry-point").phases}
    assert phases == {"rest", "begins a piece", "drive up", "drive down"}


def sweep(g_of: Any, cycles: int = 3, top: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Voltages 0, out, back to 0, on either side, and the currents of a device that sets at 0.6 V, resets at -0.5 V."""
    way = np.round(np.arange(0, top + 0.01, 0.05), 3)
    volts = np.concatenate([np.concatenate([way, way[-2::-1], -way[1:], -way[-2::-1]]) for _ in range(cycles)])
    on, amps = False, []
    for v in volts:
        on = (on or v > 0.6) and not v < -0.5
        amps.append(v * (1e-4 if on else 1e-6))
    return volts, np.array(amps)


def test_voltages_that_go_out_and_back_are_sweeps(tmp_path: Path) -> None:
    volts, amps = sweep(None)
    with np.errstate(invalid="ignore"):
        g = np.where(volts == 0, np.nan, amps / np.where(volts == 0, 1, volts))
    run = written(tmp_path, [UNKNOWN_COUNT] * len(volts), g, time=np.arange(len(volts)), volts=volts, amps=amps)
    found = analyse(run, "iv-sweep")
    assert found.result["cycles"] == 3
    assert found.result["set_voltage_V"] == pytest.approx(0.625, abs=0.026)
    assert found.result["reset_voltage_V"] == pytest.approx(-0.525, abs=0.026)
    assert found.result["on_S"] == pytest.approx(1e-4)
    assert found.result["off_S"] == pytest.approx(1e-6)
    assert found.said[0].startswith("3 positive sweeps out to 1 V and back are taken from 1: readings 1 to 39")
    assert analyse(run, "iv-sweep", cycles="2").result["cycles"] == 1
    assert found.figures()
    keep(found)


@pytest.mark.parametrize("limit", ["10 mA", "150 uA"])
def test_sweeps_of_labshd_read_by_their_voltages_give_its_own_numbers(limit: str, tmp_path: Path) -> None:
    run = recorded("iv-sweep", tmp_path, station="rram.toml", cycles=3, compliance=limit, compliance_negative="10 mA")
    series = run.series()
    r = series.readings
    volts, amps = r.voltage.ravel(), r.current.ravel()
    counts, time = series.counts, r.time.ravel()
    other = written(tmp_path / "o", counts, r.conductance, time=time, volts=volts, amps=amps, status=r.status)
    analysed = analyse(other, "iv-sweep")
    found, own = analysed.result, run.result
    assert own is not None
    for key in ("cycles", "set_cycles", "reset_cycles"):
        assert found[key] == own[key], key
    for key in ("set_voltage_V", "reset_voltage_V"):
        assert found[key] == pytest.approx(own[key], abs=0.05), key  # a step at most, at the current limit
    for key in ("on_S", "off_S"):
        assert found[key] == pytest.approx(own[key], rel=0.03), key
    assert any("at the current limit had less voltage" in line for line in analysed.said) == (limit == "150 uA")


def test_a_voltage_that_stays_is_no_sweep(tmp_path: Path) -> None:
    run = written(tmp_path, [0] * 20, [1e-5] * 20, volts=[0.1] * 20, amps=[1e-6] * 20)
    with pytest.raises(
        InputError, match=r"go out beyond 100 mV \(setting read_voltage\) and back, .* between 100 mV and"
    ):
        analyse(run, "iv-sweep")


def test_single_pulses_of_several_voltages_are_a_pulse_window(tmp_path: Path) -> None:
    run = recorded("pulse-window", tmp_path, voltages=2, widths=2, repeats=4)
    series = run.series()
    assert series.pulse_voltage is not None
    assert series.pulse_width is not None
    pairs: list[PulsePair] = []
    for v, w in zip(series.pulse_voltage.ravel().tolist(), series.pulse_width.ravel().tolist(), strict=True):
        one = Pulse(v if v == v else 1.0, w if w == w else 1e-6)
        pairs.append(PulsePair(one, one))
    r = series.readings
    other = written(tmp_path / "o", series.counts, r.conductance, time=r.time.ravel(), pulses=pairs)
    found = analyse(other, "pulse-window")
    assert plain(found.result) == run.result
    assert found.said[0].startswith("Steps are taken from single pulses of 8 shapes: ")
    with pytest.raises(InputError, match=r"update-response needs ramps|pulses up have 4 shapes"):
        analyse(other, "update-response")
    with pytest.raises(InputError, match=r"symmetry-point is of one pair of pulses; here pulses up have 4 shapes"):
        analyse(other, "symmetry-point")


def test_ramps_whose_pulses_grow_are_taken_as_such(tmp_path: Path) -> None:
    run = recorded("update-response", tmp_path, pulses=20, cycles=3, ramp="voltage")
    found = analyse(run, "update-response", cycles="1-3")
    assert plain(found.result) == run.result
    assert "Pulses of a ramp grow in voltage." in found.said
    assert analyse(run, "pulse-window").result["law"]


def test_dense_readings_are_averaged_at_log_spaced_times(tmp_path: Path) -> None:
    time = np.arange(5000) * 0.01
    g = 1e-5 - 1e-7 * np.log(np.maximum(time, 0.01)) + 1e-9 * np.random.default_rng(1).standard_normal(5000)
    run = written(tmp_path, [3] + [0] * 4999, g, time=time)
    found = analyse(run, "retention", {"horizon": "1e6 s"})
    assert found.result["slope_per_ln_t_S"] == pytest.approx(-1e-7, rel=0.05)
    assert found.result["horizon_s"] == 1e6
    assert found.said[0] == "Time counts from reading 0, the first after 3 pulses."
    assert "averaged at" in found.said[1]
    assert found.figures()


def test_bursts_whose_pauses_are_short_are_no_read_disturb(tmp_path: Path) -> None:
    time = np.concatenate([k * 80.0 + 0.5 * np.arange(60) for k in range(6)])
    run = written(tmp_path, [0] * len(time), np.linspace(1e-5, 1.1e-5, len(time)), time=time)
    assert analyse(run, "read-disturb").result["pairs"] == 5
    close = np.concatenate([k * 40.0 + 0.5 * np.arange(60) for k in range(6)])
    run = written(tmp_path, [0] * len(time), np.linspace(1e-5, 1.1e-5, len(time)), time=close)
    with pytest.raises(InputError, match=r"the pause after readings 0 to 59 is 10.5 s, these readings took 29.5 s"):
        analyse(run, "read-disturb")


def test_relaxations_after_trains_of_single_pulses(tmp_path: Path) -> None:
    counts = np.tile([1] * 5 + [0] * 20 + [-1] * 5 + [0] * 20, 3)
    after = np.tile(np.concatenate([np.full(5, 0.0), np.arange(1, 21)]), 6)
    sign = np.repeat(np.tile([1.0, -1.0], 3), 25)
    g = 1e-5 + 1e-7 * np.cumsum(counts) + sign * 2e-7 * np.exp(-after / 5)
    g += 1e-10 * np.random.default_rng(2).standard_normal(len(g))
    run = written(tmp_path, counts, g, time=np.arange(len(g)))
    found = analyse(run, "relaxation")
    # The first burst has no reading before it; its pulses count all the same.
    assert found.result["relaxations"] == 5
    assert found.result["pulses"] == 30
    assert found.result["time_constant_s"] == pytest.approx(5, rel=0.2)


def test_of_a_block_each_crosspoint_by_itself_or_one(tmp_path: Path) -> None:
    run = recorded("update-response", tmp_path, "all", pulses=40, cycles=4)
    rows, columns = run.shape
    found = analyse(run, "endurance", {"confirm": 1})
    assert "Too few" not in json.dumps(found.result)
    each = found.result["crosspoints"] if rows * columns > 1 else []
    assert [(one["row"], one["column"]) for one in each] == [(r, c) for r in range(rows) for c in range(columns)]
    one = analyse(run, "endurance", crosspoint="0,1", settings={"confirm": 1})
    assert {key: value for key, value in each[1].items() if key not in ("row", "column")} == one.result
    assert analyse(run, "endurance", crosspoint=(0, 1)).parts[0].cell == (0, 1)
    assert analyse(run, "endurance", crosspoint="A2").parts[0].cell == (0, 1)
    assert analyse(run, "update-response", crosspoint=(0, 1)).own
    with pytest.raises(InputError, match=r"has no crosspoint '9,9'; give row and column from 0 in its block"):
        analyse(run, "endurance", crosspoint="9,9")


def test_a_crosspoint_that_cannot_be_analysed_says_why_beside_the_others(tmp_path: Path) -> None:
    counts = [0] * 30
    g = 1e-5 + 1e-8 * np.random.default_rng(1).standard_normal((30, 1, 2))
    g[:, 0, 1] = np.nan
    time = np.broadcast_to(np.arange(30.0)[:, None, None], g.shape).copy()
    time[:, 0, 1] = np.nan
    run = written(tmp_path, counts, g, time=time, shape=(1, 2))
    found = analyse(run, "read-noise")
    assert [one["column"] for one in found.result["crosspoints"]] == [0]
    assert "needs the time" in found.parts[1].why_not
    assert "row 0, column 1" in found.json()["not_analysed"]
    keep(found)
    assert "Row 0, column 1 could not be analysed" in write_report(run).read_text(encoding="utf-8")


def test_settings_are_those_of_the_analysis_and_all_problems_come_at_once(tmp_path: Path) -> None:
    run = recorded("retention", tmp_path)
    own = analyse(run, "retention", {"horizon": "1e6 s"})
    assert own.own
    assert own.result["horizon_s"] == 1e6
    with pytest.raises(InputError) as error:
        analyse(run, "retention", {"reads": "3", "horizonn": "1 s"})
    assert str(error.value) == (
        "settings of retention: 2 problems\n"
        "  - reads is of the measurement, which is done; its analysis looks at horizon, per_decade\n"
        "  - there is no horizonn; did you mean 'horizon'?; its analysis looks at horizon, per_decade"
    )
    with pytest.raises(InputError, match="horizon 3: "):
        analyse(run, "retention", {"horizon": "3"})


@pytest.mark.parametrize("said", ["0", "x", "3-2", "1-2-3", "-1", ""])
def test_a_cycle_that_is_none_is_refused(said: str) -> None:
    with pytest.raises(InputError, match="cycle"):
        Cycles.of(said)


def test_the_command_prints_keeps_and_shows_in_the_report_without_changing_the_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = bare(recorded("read-noise", tmp_path), tmp_path)
    before = (run.folder / "run.json").read_bytes()
    assert main(["analyse", str(run.folder), "--as", "read-noise"]) == 0
    said = capsys.readouterr().out
    assert "Readings 0 to 149 are taken for readings at rest." in said
    assert "noise over the mean" in said
    assert "±" in said
    assert (run.folder / "run.json").read_bytes() == before
    kept = json.loads((run.folder / "analysis-read-noise.json").read_text(encoding="utf-8"))
    assert kept["phases"] == [{"phase": "rest", "first_reading": 0, "last_reading": 149}]
    assert kept["figures"]
    assert all((run.folder / name).is_file() for name in kept["figures"])
    html = write_report(open_run(run.folder)).read_text(encoding="utf-8")
    assert "Analysed as read-noise" in html
    assert "Readings 0 to 149 are taken for readings at rest." in html


def test_json_is_one_object_and_another_folder_takes_the_files(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = recorded("update-response", tmp_path)
    words = ["analyse", str(run.folder), "--as", "endurance", "--cycle", "1-3", "--json", "--out", str(tmp_path / "o")]
    assert main(words) == 2
    assert "endurance needs 4 cycles or more" in capsys.readouterr().err
    words = ["analyse", str(run.folder), "--set", "bins=8", "--json", "--out", str(tmp_path / "o")]
    assert main(words) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["protocol"] == "update-response"
    assert len(told["result"]["delta_g"]["conductance_S"]) == 8
    assert told["own_points"]
    assert not list(run.folder.glob("analysis-*"))
    assert {Path(file).parent for file in told["files"]} == {tmp_path / "o"}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--as", "nothing"], "there is no protocol 'nothing'"),
        ([], "--as PROTOCOL is missing"),
        (["--as", "read-noise", "--set", "bins"], "'bins' is no NAME=VALUE"),
        (["--as", "read-noise", "--cycle", "two"], "cycle 'two' is none"),
        (["--as", "read-noise", "--array", "core"], "has no readings of an array 'core'"),
        (["--as", "read-noise", "--crosspoint", "B7"], "has no crosspoint 'B7'"),
        (["--as", "program"], "program is not analysed on points of other"),
    ],
)
def test_what_is_asked_wrongly_is_told_without_a_traceback(
    words: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = written(tmp_path, [0] * 20, np.linspace(1e-6, 2e-6, 20), time=np.arange(20.0))
    assert main(["analyse", str(run.folder), *words]) == 2
    told = capsys.readouterr().err
    assert said in told
    assert "Traceback" not in told
    assert "fault of labshd" not in told


def test_help_has_examples(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["analyse", "--help"]) == 0
    told = capsys.readouterr().out
    assert "labshd analyse last --as read-noise" in told
    assert "--cycle 2-5" in told


def test_a_damaged_analysis_is_told_in_the_report(tmp_path: Path) -> None:
    run = written(tmp_path, [0] * 20, np.linspace(1e-6, 2e-6, 20), time=np.arange(20.0))
    (run.folder / "analysis-read-noise.json").write_text('{"asked": 3}', encoding="utf-8")
    (run.folder / "analysis-own.json").write_text('{"asked": {"protocol": "./evil.py"}}', encoding="utf-8")
    html = write_report(run).read_text(encoding="utf-8")
    assert "what was asked for is damaged" in html
    assert "is no protocol that comes with labshd" in html


def test_points_of_any_kind_are_analysed_or_refused_as_every_protocol(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    kinds: list[Any] = [
        [1],
        [UNKNOWN_COUNT] * 3,
        rng.integers(-2, 3, 80),
        np.tile([1, -1], 60),
        np.tile([1] * 6 + [-1] * 6, 8),
        [5] + [0] * 30,
    ]
    for k, counts in enumerate(kinds):
        g = 1e-5 + 1e-8 * rng.standard_normal(len(counts))
        if k % 2:
            g[:: max(2, len(g) // 3)] = np.nan
        run = written(tmp_path / str(k), counts, g, time=np.arange(len(g)) * 0.1)
        for name in catalogue.names():
            try:
                found = analyse(run, name)
            except InputError as error:
                assert name in str(error)  # noqa: PT017 - either is right
            else:
                json.dumps(found.result, allow_nan=False)
                found.figures()


@measured
@pytest.mark.parametrize("name", ["two_levels", "no_telegraph"])
def test_measured_readings_at_rest_are_analysed_as_noise_and_retention(name: str, tmp_path: Path) -> None:
    table = np.loadtxt(DATA / "rram_reads" / f"{name}.csv", delimiter=",", skiprows=1)
    path = tmp_path / f"{name}.csv"
    rows = "".join(f"0,{time!r},{g!r}\n" for time, g in table.tolist())
    path.write_text(f"pulses,time_s,conductance_S\n{rows}", encoding="utf-8")
    run = import_files([path], runs=tmp_path / "runs")
    noise = analyse(run, "read-noise").result
    assert noise["readings"] == len(table)
    assert noise["mean_S"] == pytest.approx(float(table[:, 1].mean()))
    assert 0.001 < noise["relative_noise"] < 0.02
    kept = analyse(run, "retention")
    assert "since no pulse before it is known" in kept.said[0]
    assert 20 < kept.result["times"] < 60


def test_a_protocol_of_ones_own_says_what_it_takes_or_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "own.py"
    path.write_text(
        "from protocols.common.protocol import Protocol\n"
        "class Own(Protocol):\n"
        "    name = 'own'\n"
        "    title = 'own'\n"
        "    def run(self, crosspoints):\n"
        "        yield from ()\n"
        "        return ''\n"
        "    def analyse(self, series):\n"
        "        return {'readings': len(series)}\n",
        encoding="utf-8",
    )
    run = written(tmp_path / "r", [0] * 20, np.linspace(1e-6, 2e-6, 20), time=np.arange(20.0))
    with pytest.raises(InputError, match="own is not analysed on points of other protocols or programs: it does not"):
        analyse(run, str(path))


def test_a_series_without_points_is_told(tmp_path: Path) -> None:
    where = Where("other", (1, 1), "S", {"kind": "import", "details": {}})
    writer = RunWriter(tmp_path, What("import", "trace", {}), where)
    writer.close("failed", "nothing came")
    with pytest.raises(InputError, match="nothing was measured, so there is nothing to analyse"):
        analyse(open_run(writer.folder), "read-noise")
    assert len(Series.of([], (1, 1))) == 0
