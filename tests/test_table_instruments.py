"""Files that programs of instruments write: EasyEXPERT, ArC ONE, ArC TWO."""

from __future__ import annotations

import numpy as np
import pytest
from table_files import of

from instruments.errors import InputError
from labshd.runs.importing import understand_table

pytest_plugins = ["table_fixtures"]


EASYEXPERT = """SetupTitle, I/V-t Sampling
PrimitiveTest, I/V-t Sampling
TestParameter, Channel.UnitType, SMU, SMU
TestParameter, Channel.VName, V1, V2
AnalysisSetup, Analysis.Setup.Vector.Graph.Enabled, True
Dimension1, 3, 3, 3
Dimension2, 1, 1, 1
DataName, Time, I1, V1
DataValue, 0.01, 1.0E-07, 0.1
DataValue, 0.02, 1.1E-07, 0.1
DataValue, 0.03, 1.2E-07, 0.1
"""
CLASSIC = """Setup title,rest
Classic test name,"I/V-t Sampling"
Test date,2025/03/03
Channel.UnitType,SMU,SMU
AutoAnalysis.Marker.Data.StartCondition,
Time,I1,V1
0.01,1.0E-07,0.1
0.02,1.1E-07,0.1
0.03,1.2E-07,0.1
"""


@pytest.mark.parametrize("text", [EASYEXPERT, CLASSIC])
def test_easyexpert_files_are_in_si(write, take, text):
    run = take(write(text), columns={"voltage": "V1"})
    assert of(run) == ([0, 0, 0], [1e-6, 1.1e-6, 1.2e-6], ["rest"] * 3)
    assert run.series().readings.time.ravel().tolist() == [0.01, 0.02, 0.03]
    assert run.info["settings"]["understood"]["written by"] == "EasyEXPERT"


def test_several_records_of_easyexpert_are_chosen_or_cycles(write, take):
    path = write(EASYEXPERT + EASYEXPERT.replace("1.0E-07", "5.0E-07"))
    with pytest.raises(InputError, match=r"it contains 2 tables, 'I/V-t Sampling 1', 'I/V-t Sampling 2'"):
        understand_table(path)
    run = take(path, columns={"voltage": "V1"}, sheet="I/V-t Sampling 2")
    assert run.series().readings.current[0, 0, 0] == 5e-7
    assert len(take(path, columns={"voltage": "V1"}, sheets_are="cycles").series()) == 6


def test_a_session_of_arc_one_becomes_a_block_of_its_array(write, take):
    names = "Wordline,Bitline,Resistance,Amplitude (V),Pulse width (s),Tag,ReadTag,ReadVoltage"
    head = f"My session\nTue Mar  5 10:00:00 2024\n{names}\n"
    rows = [
        f"{w},{b},{r},{a},{pw},{tag},R2,0.5\n"
        for w in (3, 8)
        for b in (1, 2)
        for r, a, pw, tag in ((10000.0 * w * b, 0.5, 0, "S R2 V=0.5"), (9000.0 * w * b, 1.2, 1e-6, "P"))
    ]
    run = take(write(head + "".join(rows)))
    assert run.shape == (2, 2)
    assert of(run, 1, 0) == ([0, 1], [1 / 80000, 1 / 72000], ["read", "up"])
    assert run.series().pulse_voltage[1, 0, 1] == 1.2
    assert run.info["settings"]["devices"][-1] == {"row": 1, "column": 1, "name": "W08B02"}


def test_a_data_set_of_arc_two(tmp_path, take):
    h5py = pytest.importorskip("h5py")
    kinds = [
        ("current", "<f4"),
        ("voltage", "<f4"),
        ("pulse_width", "<f4"),
        ("read_voltage", "<f4"),
        ("op_type", "<u4"),
    ]
    path = tmp_path / "set.h5"
    with h5py.File(path, "w") as file:
        file.attrs["H5DS_VERSION_MAJOR"] = 0
        for name, current in (("W03B07", 1e-6), ("W03B08", 2e-6)):
            rows = np.zeros(10, dtype=kinds)
            rows[:2] = [(current, 0.5, 0, 0.5, 1), (2 * current, 1.5, 1e-6, 0.5, 3)]
            table = file.create_dataset(f"crosspoints/{name}/timeseries", data=rows)
            table.attrs["NROWS"] = 2
    run = take(path)
    assert run.shape == (1, 2)
    assert run.series().counts[:, 0, 1].tolist() == [0, 1]
    assert run.series().readings.conductance[:, 0, 1].tolist() == pytest.approx([4e-6, 8e-6], rel=1e-6)
    assert run.series().pulse_voltage[1, 0, 0] == 1.5
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["x"] = [1.0]
    with pytest.raises(InputError, match="HDF5 file, but not an ArC TWO data set"):
        understand_table(tmp_path / "other.h5")


def test_a_data_set_that_links_elsewhere_or_claims_too_much_is_refused(tmp_path):
    h5py = pytest.importorskip("h5py")
    kind = [("current", "f4"), ("voltage", "f4"), ("pulse_width", "f4"), ("read_voltage", "f4"), ("op_type", "u4")]
    for name, told in (("link", "links to another place"), ("large", "rows, more than 20000000")):
        path = tmp_path / f"{name}.h5"
        with h5py.File(path, "w") as file:
            file.attrs["H5DS_VERSION_MAJOR"] = 0
            group = file.create_group("crosspoints")
            if name == "link":
                group["W01B02"] = h5py.ExternalLink(str(tmp_path / "large.h5"), "/")
            else:
                group.create_dataset("W01B02/timeseries", shape=(10**10,), dtype=kind, chunks=(1000,))
        with pytest.raises(InputError, match=told):
            understand_table(path)
