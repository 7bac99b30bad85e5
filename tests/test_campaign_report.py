"""How runs and campaigns show themselves: report of a campaign, figures from Python, a notebook."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from matplotlib.figure import Figure

from instruments.errors import InputError
from labshd.campaign.runner import run_campaign
from labshd.campaign.store import Campaign
from labshd.cli.command_line import main
from labshd.common.provenance import What, Where
from labshd.recording.recorder import record
from labshd.report.campaign_report import campaign_page
from labshd.runs.run import open_run
from labshd.runs.writer import RunWriter
from labshd.station.station import open_station
from protocols.read_noise import ReadNoise

STATIONS = Path(__file__).parents[1] / "data" / "stations"
FILE = """
name = "four <by> two"
station = "array.toml"
[[step]]
protocol = "read-noise"
crosspoints = "A1:B3"
settings = { reads = 30 }
accept = "result.noise_S > 0"
[[step]]
name = "never"
protocol = "read-noise"
crosspoints = "A1:B3"
only_if = "read_noise.yield > 1"
"""


@pytest.fixture(scope="module")
def campaign(tmp_path_factory: pytest.TempPathFactory) -> Campaign:
    here = tmp_path_factory.mktemp("campaign")
    shutil.copy(STATIONS / "array.toml", here)
    (here / "c.toml").write_text(FILE, encoding="utf-8")
    return run_campaign(here / "c.toml", runs=here / "runs")


def test_the_report_of_a_campaign_is_one_file_with_figures_maps_and_reasons(campaign: Campaign) -> None:
    html = campaign_page(campaign).html()
    assert "four &lt;by&gt; two" in html
    assert html.count("data:image/svg+xml") == 6  # three numbers, each over crosspoints and as a map
    assert "not read_noise.yield &gt; 1: read_noise.yield is 1" in html
    assert "2 x 8 Li-ECRAM array" in html  # the station file
    assert 'src="http' not in html
    for run in campaign.runs().values():
        assert run.id in html


def test_the_command_writes_the_report_of_a_campaign(campaign: Campaign, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", campaign.id, "--runs", str(campaign.folder.parent), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["report"] == str(campaign.folder / "report.html")
    assert (campaign.folder / "report.html").stat().st_size > 10_000


def test_a_campaign_shows_itself_in_a_notebook(campaign: Campaign) -> None:
    html = campaign._repr_html_()
    assert "four &lt;by&gt; two" in html
    assert "<td>read_noise</td><td>6</td>" in html


def test_a_run_draws_and_shows_itself(tmp_path: Path) -> None:
    with open_station(STATIONS / "array.toml") as bench:
        run = record(ReadNoise(reads=30), bench["A1"], runs=tmp_path)
    assert run.info["station"]["file"] == str(STATIONS / "array.toml")  # known from the crosspoint alone
    assert isinstance(run.plot(), Figure)
    assert len(run.figures()) == 2  # readings; autocorrelation and Allan deviation
    html = run._repr_html_()
    assert "data:image/png;base64," in html
    assert "all 30 readings are taken" in html
    with pytest.raises(InputError, match="row 1, column 0 is none"):
        run.plot(row=1)


def test_a_run_of_nothing_says_so(tmp_path: Path) -> None:
    writer = RunWriter(tmp_path, What("protocol", "read-noise"), Where("A1"))
    writer.close("failed", "no <device>")
    run = open_run(writer.folder)
    with pytest.raises(InputError, match="nothing was measured"):
        run.plot()
    assert "no &lt;device&gt;" in run._repr_html_()
