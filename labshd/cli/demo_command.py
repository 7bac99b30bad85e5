"""``labshd demo``: everything from a station file to a trained weight, on a virtual bench."""

from __future__ import annotations

from pathlib import Path

import click

from labshd.cli import common


@click.command(short_help="Characterise, fit and train on a virtual bench; write a report.")
@click.option(
    "--out", type=common.FOLDER, default=Path("demo-output"), show_default=True, help="Where everything goes."
)
@common.as_json
def command(out: Path, as_json: bool) -> None:
    """Characterise a virtual crosspoint through real drivers, find its symmetry point, fit it, train a weight on it.

    Writes report.html, summary.json, the picture demo.png, the station file, the fitted device and all runs to --out.
    Needs no instrument.
    """
    import json

    from labshd.demo.stages import Stages

    with Stages(_stages()) as stages:
        from labshd.demo import page, way
        from labshd.demo.picture import picture

        made = way.go(out, stages)
        stages.stage("report")
        numbers = common.plain(page.summary(made))
        (out / "summary.json").write_text(json.dumps(numbers, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        picture(made).savefig(out / "demo.png")
        report = page.write_report(made, out / "report.html")
    if as_json:
        common.print_json({**numbers, "report": str(report)})
        return
    click.echo("on the virtual bench, through drivers and VISA:")
    for what, found, truth in page.rows(made):
        click.echo(f"  {what:<52} {found:>20}   ({truth})")
    click.echo(f"report: {report}")
    click.echo(f"try:    labshd run symmetry-point --station {out / 'station.toml'} --rehearse")


def _stages() -> dict[str, float]:
    """Titles and weights, known before the heavy imports begin."""
    from labshd.demo.plan import STAGES

    return STAGES
