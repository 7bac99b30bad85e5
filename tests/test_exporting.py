"""Exports: what another program opens is what the run holds."""

from __future__ import annotations

import json

import duckdb
import numpy as np
import pandas as pd
import pytest

from instruments.crosspoints import Pulse, PulsePair, Readings
from instruments.errors import InputError
from labshd.cli.command_line import main
from labshd.common.provenance import What, Where
from labshd.runs.export import export_run, write_table
from labshd.runs.run import open_run
from labshd.runs.writer import RunWriter
from protocols.common.protocol import UNKNOWN_COUNT, Points

PAIR = PulsePair(Pulse(1.5, 1e-6), Pulse(-1.25, 2e-6))


def points(shape=(1, 2), phase="up, ünnamed"):
    g = np.array([1e-6, 2e-6, np.nan, 4e-6]).reshape(-1, *shape)
    counts = np.array([UNKNOWN_COUNT, UNKNOWN_COUNT, 1, -2]).reshape(g.shape)
    return Points(phase, counts, Readings(g, g, g, g, np.array([0, 0, 4, 8], np.uint8).reshape(g.shape)), PAIR)


@pytest.fixture
def run(tmp_path):
    writer = RunWriter(tmp_path / "runs", What("protocol", "read-noise"), Where("A1..A2", (1, 2)))
    writer.points(points())
    writer.close("finished", "it's done, µ")
    return open_run(writer.folder)


def test_csv_is_the_table(run, tmp_path):
    (path,) = export_run(run, "csv", tmp_path / "a.csv")
    assert pd.read_csv(path)["conductance_S"].tolist()[:2] == [1e-6, 2e-6]
    assert list(pd.read_csv(path).columns) == list(run.table().columns)


def test_parquet_keeps_types_and_what_is_known_of_the_run(run):
    (path,) = export_run(run, "parquet")
    assert path == run.folder / f"{run.id}.parquet"
    rows = duckdb.sql(f"SELECT reading, phase, pulses, conductance_S, status FROM '{path}'").fetchall()
    assert rows[0] == (0, "up, ünnamed", None, 1e-6, 0)
    assert rows[3] == (1, "up, ünnamed", -2, 4e-6, 8)
    ((key, value),) = duckdb.sql(f"SELECT key, value FROM parquet_kv_metadata('{path}')").fetchall()
    assert key == b"labshd_run"
    assert json.loads(value) == run.info


def test_netcdf_opens_in_xarray_with_units(run):
    xarray = pytest.importorskip("xarray", reason="xarray is not installed")
    (path,) = export_run(run, "netcdf")
    with xarray.open_dataset(path, engine="scipy") as data:
        assert dict(data.sizes) == {"reading": 2, "row": 1, "column": 2}
        np.testing.assert_array_equal(data["conductance"].values.ravel(), [1e-6, 2e-6, np.nan, 4e-6])
        assert data["conductance"].attrs["units"] == "S"
        np.testing.assert_array_equal(data["pulses"].values.ravel(), [np.nan, np.nan, 1, -2])
        assert data["pulse_voltage"].values.ravel().tolist()[2:] == [1.5, -1.25]
        assert [str(phase) for phase in data["phase"].values] == ["up, ünnamed"] * 2
        assert data["status"].values.ravel().tolist() == [0, 0, 4, 8]
        assert json.loads(data.attrs["run_json"]) == run.info


def test_a_training_gives_a_file_for_each_array(tmp_path):
    writer = RunWriter(tmp_path, What("train", "one-parameter"), Where("A1"))
    writer.points(points((1, 1)), "auxiliary")
    writer.points(points((1, 1)), "core")
    writer.close("finished", "done")
    written = export_run(open_run(writer.folder), "csv", tmp_path / "out.csv")
    assert [path.name for path in written] == ["out-auxiliary.csv", "out-core.csv"]


def test_a_run_of_nothing_exports_nothing(tmp_path):
    pytest.importorskip("xarray", reason="xarray is not installed")
    writer = RunWriter(tmp_path, What("protocol", "read-noise"), Where("A1"))
    writer.close("failed", "no device")
    for to in ("csv", "parquet", "netcdf"):
        (path,) = export_run(open_run(writer.folder), to)
        assert path.stat().st_size > 0


def test_what_cannot_be_written_is_told_and_leaves_nothing(run, tmp_path):
    with pytest.raises(InputError, match="did you mean 'parquet'"):
        export_run(run, "parket")
    (tmp_path / "file").write_text("")
    for to in ("csv", "parquet", "netcdf"):
        with pytest.raises(InputError, match="cannot write"):
            export_run(run, to, tmp_path / "file" / "x")
    with pytest.raises(InputError, match=r"\.csv or \.parquet"):
        write_table(run.table(), tmp_path / "a.xlsx")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "runs"]


def test_the_command_exports(run, capsys, tmp_path):
    arguments = ["export", str(run.folder), "--to", "netcdf", "--out", str(tmp_path / "a.nc"), "--json"]
    assert main(arguments) == 0
    assert json.loads(capsys.readouterr().out)["files"] == [str(tmp_path / "a.nc")]
    assert main(["export", str(run.folder), "--to", "hdf"]) == 2
    assert "no format 'hdf'" in capsys.readouterr().err


def test_the_command_exports_a_fitted_device(run, capsys):
    from sim_device.models.fitted import FittedDevice, Noise, Verdict
    from sim_device.models.formulas import SoftBounds

    assert main(["export", str(run.folder), "--to", "json"]) == 2
    assert f"labshd fit {run.folder}" in capsys.readouterr().err
    model = SoftBounds(1e-6, 3e-6, 0.02, 0.03)
    FittedDevice(
        unit="S",
        model_name=model.name,
        parameters=model.parameters("S"),
        noise=Noise(read=1e-8, read_std=None, cycle_to_cycle=0.3, cycle_to_cycle_std=None),
        symmetry_point=None,
        verdict=Verdict(accepted=True, why="made up"),
    ).save(run.folder / "fitted.json")
    assert main(["export", str(run.folder), "--to", "crosssim", "--json"]) == 0
    files = json.loads(capsys.readouterr().out)["files"]
    assert files == [str(run.folder / name) for name in ("dG_increasing.txt", "dG_decreasing.txt")]
    assert main(["export", str(run.folder / "fitted.json"), "--to", "json", "--out", str(run.folder / "there")]) == 0
    assert (run.folder / "there" / "device.json").stat().st_size > 0
