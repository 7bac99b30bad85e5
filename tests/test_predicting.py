"""Runs replayed on a simulated device: measurements, blocks and trainings, from the command line as well."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from instruments.errors import InputError
from labshd.analysis.fit import fit_run
from labshd.analysis.prediction import REPLAYED, predict
from labshd.cli.command_line import main
from labshd.recording.recorder import record
from labshd.report.run_report import write_report
from labshd.runs.run import Run, open_run
from labshd.station.station import open_station
from labshd.station_training.trainer import Bench, train_on_device
from labshd.training import LinearRegression, OneParameter, Settings
from protocols.update_response import UpdateResponse

STATIONS = Path(__file__).parents[1] / "data" / "stations"
QUICK = 79


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, Run]:
    """A rehearsed response with its fitted device, and that of another crosspoint."""
    folder = tmp_path_factory.mktemp("runs")
    with open_station(STATIONS / "ecram.toml", rehearse=True) as station:
        runs = [
            record(UpdateResponse(pulses=120, cycles=1), station[name], runs=folder, station=station)
            for name in ("A1", "A2")
        ]
    fit_run(runs[0]).save()
    return open_run(runs[0].folder), open_run(runs[1].folder)


def test_a_measurement_lies_in_the_band_of_the_device_fitted_to_it(measured: tuple[Run, Run]) -> None:
    found = predict(measured[0], str(measured[0].folder), simulations=QUICK).json()
    assert found["inside"] > 0.7
    assert found["as_few_inside"] > 0.01
    assert found["inside_expected"] == 0.95
    assert found["readings"] == 240
    assert found["crosspoints"][0]["crosspoint"] == "A1"
    assert "as predicted" in found["verdict"]


def test_another_crosspoint_lies_beside_it_and_it_says_so(measured: tuple[Run, Run]) -> None:
    found = predict(measured[1], str(measured[0].folder / "fitted.json"), simulations=QUICK).json()
    assert found["inside"] < 0.5
    assert found["as_few_inside"] < 0.05


def test_on_the_command_line_with_figures_and_a_page(
    measured: tuple[Run, Run], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = str(measured[0].folder)
    args = ["replay", run, "--device", run, "--simulations", str(QUICK), "--out", str(tmp_path / "here"), "--json"]
    assert main(args) == 0
    found = json.loads(capsys.readouterr().out)
    assert [Path(path).name for path in found["files"]] == ["replayed.html", "replayed.png"]
    assert all(Path(path).stat().st_size > 5000 for path in found["files"])
    assert not (measured[0].folder / REPLAYED).exists()
    assert main(args[:-1]) == 0
    shown = capsys.readouterr().out
    assert "of the readings lie in the 95 % band" in shown
    assert "A1" in shown


@pytest.mark.parametrize(
    ("device", "more", "says"),
    [
        ("nothing.json", [], "no such file"),
        ("li-ecam", [], "li-ecram"),
        ("li-ecram", ["--simulations", "100"], "no exact 95 % band"),
    ],
)
def test_what_cannot_be_is_refused_by_name(
    measured: tuple[Run, Run], device: str, more: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["replay", str(measured[0].folder), "--device", device, *more]) == 2
    assert says in capsys.readouterr().err


def test_a_training_is_replayed_on_the_device_that_it_was_simulated_on(tmp_path: Path) -> None:
    run = train_on_device(
        "li-ecram", LinearRegression((0.4, -0.2)), "shd", settings=Settings(steps=200), bench=Bench(tmp_path)
    )
    found = predict(run, "li-ecram", simulations=QUICK)
    told = found.json()
    assert {(one["array"], one["column"]) for one in told["crosspoints"]} == {
        (array, column) for array in ("auxiliary", "core") for column in (0, 1)
    }
    # every pulse of the training, not the sum of up and down between two readings
    assert sum(one["pulses"] for one in told["crosspoints"]) == run.result["pulses"]  # type: ignore[index]
    assert any("no uncertainty" in note for note in told["notes"])


def test_the_report_shows_recorded_and_predicted(tmp_path: Path) -> None:
    run = train_on_device("li-ecram", OneParameter(), "shd", settings=Settings(steps=120), bench=Bench(tmp_path))
    predict(run, "li-ecram", simulations=39).keep()
    page = write_report(open_run(run.folder)).read_text(encoding="utf-8")
    assert "Beside the fitted device" in page
    assert "95 % prediction band" in page or "95 % band" in page


def test_units_that_differ_are_refused(measured: tuple[Run, Run], tmp_path: Path) -> None:
    content = json.loads((measured[0].folder / "fitted.json").read_text(encoding="utf-8"))
    text = (
        json.dumps(content)
        .replace('_S"', '_normalised"')
        .replace("_S_per_s", "_normalised_per_s")
        .replace('"unit": "S"', '"unit": "normalised"')
    )
    (tmp_path / "plain.json").write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match="one cannot be replayed on the other"):
        predict(measured[0], str(tmp_path / "plain.json"))


def test_a_run_without_pulses_before_a_reading_has_nothing_to_predict(measured: tuple[Run, Run]) -> None:
    empty = Run(measured[0].folder, {**measured[0].info, "kind": "train"})
    (measured[0].folder / "none").mkdir(exist_ok=True)
    bare = Run(measured[0].folder / "none", {**empty.info})
    with pytest.raises(InputError, match="nothing to predict"):
        predict(bare, "li-ecram")


def test_shares_of_all_crosspoints_are_weighted_by_their_readings(measured: tuple[Run, Run]) -> None:
    found = predict(measured[0], "li-ecram", simulations=39)
    one = found.crosspoints[0]
    assert np.array_equal(found.shares, one.band.shares)
