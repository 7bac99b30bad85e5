"""The report: one file that holds everything, tells how a run ended, and shows numbers with their errors."""

from __future__ import annotations

import base64
import re
from html.parser import HTMLParser

import numpy as np
import pytest

from instruments.crosspoints import Readings, Status
from instruments.errors import InputError
from labshd.common import numbers
from labshd.common.provenance import StationRecord, What, Where
from labshd.report import Page, figures, write_report
from labshd.report.page import data_uri
from labshd.runs.importing import import_files
from labshd.runs.run import open_run
from labshd.runs.writer import RunWriter
from protocols.common.protocol import UNKNOWN_COUNT, Points


class Seen(HTMLParser):
    """Text, images and whatever a page would fetch."""

    def __init__(self, html):
        super().__init__()
        self.texts, self.images, self.fetched, self.open = [], [], [], []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        if tag not in ("meta", "img", "br"):
            self.open.append(tag)
        if tag == "img":
            self.images.append(values)
        self.fetched += [values[name] for name in ("src", "href") if name in values]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)

    @property
    def text(self):
        return re.sub(r"\s+", " ", " ".join(self.texts))


def points_of(values, counts, phase="up", shape=(1, 1), status=0):
    g = np.asarray(values, dtype=float).reshape(-1, *shape)
    counts = np.broadcast_to(np.asarray(counts).reshape(-1, *((1, 1) if np.ndim(counts) else ())), g.shape)
    time = np.broadcast_to(np.arange(len(g), dtype=float)[:, None, None], g.shape)
    return Points(phase, counts, Readings(g, g * 0.1, g * 0.1, time, np.full(g.shape, status, np.uint8)))


def run_with(tmp_path, blocks, *, unit="S", shape=(1, 1), status="finished", why="all done", result=None, kind=None):
    station = StationRecord("bench.toml", "# <my> station\n", {}, {"smu": "KEITHLEY,2450"}, {"current": "1 mA"})
    what = kind or What("protocol", "my-protocol", {"pulses": 40, "width": "500 ns"}, seed=3)
    writer = RunWriter(tmp_path, what, Where("A1", shape, unit, {"kind": "bench"}), station)
    for block in blocks:
        writer.points(block)
    writer.close(status, why, result=result)
    return open_run(writer.folder)


def ramp(n=60):
    g = np.linspace(1e-5, 2e-5, n)
    return [points_of(g, 1), points_of(g[::-1], -1, "down")]


def page_of(run):
    return Seen(write_report(run).read_text(encoding="utf-8"))


def test_a_report_is_one_file_that_fetches_nothing(tmp_path):
    seen = page_of(run_with(tmp_path, ramp()))
    assert len(seen.images) == 2
    assert all(address.startswith(("data:image/svg+xml;base64,", "#")) for address in seen.fetched)
    assert all(base64.b64decode(image["src"].split(",")[1]).startswith(b"<?xml") for image in seen.images)
    assert all(image["alt"] for image in seen.images)
    assert not seen.open


def test_it_tells_result_settings_limits_instruments_station_and_versions(tmp_path):
    result = {"verdict": "It moves.", "step_S": 2.5e-8, "step_std_S": 1.2e-9, "stable": True, "pulses": 12000}
    seen = page_of(run_with(tmp_path, ramp(), result=result))
    for said in ("my-protocol on A1", "It moves.", "25.0 ± 1.2 nS", "stable yes", "12\u202f000", "500 ns", "1 mA"):
        assert said.replace("\u202f", " ") in seen.text.replace("\u202f", " ")
    for said in ("KEITHLEY,2450", "# <my> station", "seed 3", f"numpy {np.__version__}", "stopped because all done"):
        assert said in seen.text


@pytest.mark.parametrize(("status", "said"), [("interrupted", "The run was interrupted"), ("failed", "The run failed")])
def test_it_says_first_how_a_run_ended_badly(tmp_path, status, said):
    run = run_with(tmp_path, ramp(), status=status, why="the generator <GPIB::5> is gone")
    seen = page_of(run)
    assert f"{said}: the generator <GPIB::5> is gone." in seen.text
    assert seen.text.index(f"{said}:") < seen.text.index("stopped because")


def test_normalised_data_never_shows_siemens(tmp_path):
    result = {"symmetry_point_normalised": 0.31, "std_normalised": 0.02}
    seen = page_of(run_with(tmp_path, [points_of(np.linspace(-1, 1, 50), 1)], unit="normalised", result=result))
    assert "normalised units" in seen.text
    assert "0.310 ± 0.020" in seen.text
    assert not re.search(r"\d\s?[µnm]?S\b", seen.text.split("run.json")[0])


def test_an_empty_and_a_damaged_run_have_a_report_too(tmp_path):
    assert "Nothing was measured." in page_of(run_with(tmp_path, [])).text
    run = run_with(tmp_path, ramp())
    (run.folder / "points.csv").write_text("torn")
    assert "points.csv: the first line must be" in page_of(run).text


def test_a_torn_row_and_a_failed_analysis_are_told(tmp_path):
    run = run_with(tmp_path, ramp()).keep(analysis_error="ValueError: no slope")
    path = run.folder / "points.csv"
    path.write_bytes(path.read_bytes()[:-3])
    text = page_of(run).text
    assert "half written" in text
    assert "ValueError: no slope" in text


def test_a_block_has_maps_and_figures_of_its_first_crosspoints(tmp_path):
    g = np.linspace(1, 2, 40 * 6).reshape(40, 2, 3) * 1e-5
    places = [(row, column) for row in (0, 1) for column in range(3)]
    each = [{"row": row, "column": column, "top_S": 1e-5, "top_std_S": 1e-7} for row, column in places]
    seen = page_of(run_with(tmp_path, [points_of(g, 1, shape=(2, 3))], shape=(2, 3), result={"crosspoints": each}))
    assert len(seen.images) == 2 + 4 * 2
    assert "10.00 ± 0.10 µS" in seen.text
    assert "Crosspoint in row 1, column 0." in seen.text


def test_ramps_with_gaps_are_shown_piece_by_piece(tmp_path):
    path = tmp_path / "trace.csv"
    ramps = "".join(f"{'' if i == 0 else 1},{10 + i + 0.1 * r}\n" for r in range(4) for i in range(12))
    path.write_text("pulses,conductance_uS\n" + ramps)
    run = import_files([path], runs=tmp_path / "runs")
    seen = page_of(run)
    assert "broken 3 times" in seen.text
    assert len(seen.images) == 3


def test_a_training_shows_its_course_and_its_orbit(tmp_path):
    writer = RunWriter(tmp_path, What("train", "one-parameter", {"algorithm": "shd"}), Where("A+C"))
    steps = np.arange(400.0)
    writer.steps({"step": steps, "core_weight": 0.5 - 0.5 * np.exp(-steps / 50), "auxiliary_weight": np.exp(-steps)})
    result = {"algorithm": "shd", "target": 0.5, "final": 0.5, "final_std": 0.01, "prediction": {"final": 0.5}}
    writer.close("finished", "settled", result=result)
    seen = page_of(open_run(writer.folder))
    assert len(seen.images) == 2
    assert "train: one-parameter on A+C" in seen.text
    assert "0.500 ± 0.010" in seen.text


def test_a_page_escapes_text_and_leaves_out_empty_sections(tmp_path):
    page = Page("<b>&", "sub", "finished")
    page.section("empty")
    section = page.section("full", "<script>alert(1)</script>").facts({"a": "<i>", "none": None})
    section.table(["x"], [["<td>"], [None]], "caption").notice("careful").file("station", "<&>")
    html = page.html()
    assert "<script>alert" not in html
    assert "empty" not in html
    assert html.count("&lt;") == 7  # the title stands twice
    assert "<dt>none</dt>" not in html


def test_a_page_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="--out FILE"):
        Page("t").write(tmp_path / "file" / "report.html")


def test_figures_tell_directions_gaps_and_doubtful_readings(tmp_path):
    counts = np.array([UNKNOWN_COUNT, 2, 0, -1, UNKNOWN_COUNT, -3])
    limited = points_of([5e-5], [1], status=int(Status.COMPLIANCE))
    series = run_with(tmp_path, [points_of(np.arange(6) * 1e-6, counts), limited]).series()
    assert figures.direction(series).tolist() == ["up", "up", "read", "down", "down", "down", "up"]
    assert figures.pulse_number(series).tolist() == [0, 2, 2, 3, 3, 6, 7]
    axes = figures.trace_figure(series).axes[0]
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    assert labels[:3] == ["after pulses up", "after pulses down", "read again, no pulse"]
    assert labels[3:] == ["compliance, over-range, no current or uncertain"]
    assert axes.get_ylabel() == "conductance"
    assert axes.yaxis.get_major_formatter()(1e-6) == "1 µS"


def test_a_figure_gives_the_same_text_again(tmp_path):
    series = run_with(tmp_path, ramp()).series()
    assert data_uri(figures.trace_figure(series)) == data_uri(figures.trace_figure(series))
    assert data_uri(figures.trace_figure(series), "png").startswith("data:image/png;base64,iVBOR")
    with pytest.raises(InputError, match="svg or png"):
        data_uri(figures.trace_figure(series), "bmp")


def test_a_long_trace_stays_a_small_file(tmp_path):
    n = 20_000
    g = 1e-5 + 1e-6 * np.random.default_rng(1).normal(size=n)
    series = run_with(tmp_path, [points_of(g, 1)]).series()
    assert len(data_uri(figures.trace_figure(series))) < 400_000


@pytest.mark.parametrize(
    ("result", "shown"),
    [
        ({"step_S": 1e-8, "step_std_S": 2e-10}, [("step at the symmetry point", "10.00 ± 0.20 nS")]),
        (
            {"conductance_S": 1e-5, "std_S": 1e-7, "step_S": 1e-8},
            [("conductance", "10.00 ± 0.10 µS"), ("step at the symmetry point", "10 nS (no error given)")],
        ),
        ({"ratio": 2.0, "ratio_std": 0.1}, [("ratio", "2.00 ± 0.10")]),
        (
            {"noise": {"read_S": 1e-9, "read_std_S": None}},
            [("noise: read noise", "1 nS (below what the readings resolve)")],
        ),
        ({"time_constant": None, "stable": False}, [("time constant", "not identified"), ("stable", "no")]),
        ({"pulses": 1234567, "table": [1, 2], "empty": {}}, [("pulses applied", "1\u202f234\u202f567")]),
    ],
)
def test_numbers_come_with_the_error_that_is_theirs(result, shown):
    assert list(numbers.rows(result)) == shown


def test_lists_of_objects_become_tables():
    result = {"symmetry_points": [{"conductance_S": 1e-5, "std_S": 1e-7, "why": "x" * 99}, {"stable": True}]}
    rows = [["10.00 ± 0.10 µS", ""], ["", "yes"]]
    assert list(numbers.lists(result)) == [("symmetry points", ["conductance", "stable"], rows)]
