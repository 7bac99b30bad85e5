"""A campaign on disk: its own folder beside the runs; its state is read from the runs themselves."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from instruments.errors import InputError, all_at_once
from labshd.campaign.ledger import Ledger, Outcome
from labshd.campaign.schema import CheckedCampaign, read_campaign
from labshd.campaign.units import Unit, units_of
from labshd.common import provenance
from labshd.common.locks import is_held
from labshd.common.toml_file import nearest
from labshd.runs.info import printable
from labshd.runs.json_files import read_json, write_json
from labshd.runs.run import Run, list_runs, runs_folder
from labshd.runs.shows import shown
from labshd.runs.writer import LOCK_NAME, new_folder
from protocols.common import catalogue

if TYPE_CHECKING:
    import pandas as pd

    from labshd.station.station import Station

FORMAT = "labshd campaign"
FORMAT_VERSION = 1
INFO = "campaign.json"


@dataclass(frozen=True)
class Campaign:
    """A campaign that was opened: `folder` on the disk and `info`, the contents of its campaign.json."""

    folder: Path
    info: dict[str, Any]

    @property
    def id(self) -> str:
        """Name of the folder."""
        return self.folder.name

    @property
    def status(self) -> str:
        """How it stands: "running", "finished", "stopped", "interrupted"; one whose process is gone is interrupted."""
        stored = str(self.info.get("status", "unknown"))
        return "interrupted" if stored == "running" and not is_held(self.folder / LOCK_NAME) else stored

    @property
    def why_stopped(self) -> str:
        """In a sentence why it ended; empty while it runs."""
        return str(self.info.get("why_stopped") or "")

    @property
    def checked(self) -> CheckedCampaign:
        """The campaign file as it was when it began, for looking at: no code that it names is run."""
        return read_campaign(Path(str(self.info["file"])), str(self.info["text"]), own=catalogue.stand_in)

    @property
    def to_run(self) -> CheckedCampaign:
        """The same, to go on with: protocols of one's own are read from their files, which executes these."""
        return read_campaign(Path(str(self.info["file"])), str(self.info["text"]))

    @property
    def grid(self) -> NDArray[np.str_]:
        """Names of the station's crosspoints by row and column."""
        return np.array(self.info["grid"], dtype=np.str_)

    def units(self) -> list[Unit]:
        """All its runs to be, in order."""
        return units_of(self.checked, self.grid)

    def runs(self) -> dict[str, Run]:
        """Its runs so far by the key of their unit."""
        found = (run for run in list_runs(self.folder.parent) if (run.info.get("campaign") or {}).get("id") == self.id)
        return {str(run.info["campaign"].get("unit")): run for run in found}

    def outcomes(self) -> list[Outcome]:
        """What became of every unit, in order; "run" for those that are still to come."""
        units, runs = self.units(), self.runs()
        ledger = Ledger(units)
        for unit in units:
            decided = ledger.decide(unit)
            run = runs.get(unit.key)
            ledger.note(outcome_of(unit, run) if decided.what == "run" and run is not None else decided)
        return ledger.outcomes

    def table(self) -> pd.DataFrame:
        """One row for every unit and crosspoint: what became of it, and its numbers (``result.std_S``)."""
        import pandas as pd

        from labshd.runs.catalogue import frame

        rows = [
            {
                "step": one.unit.step.name, "crosspoint": one.unit.place, "settings": one.unit.label,
                "outcome": "to come" if one.what == "run" else "skipped" if one.what == "skip" else one.what,
                "accepted": one.accepted, "why": one.why, "id": one.run.id if one.run else None,
            }
            for one in self.outcomes()
        ]  # fmt: skip
        made = pd.DataFrame.from_records(rows)
        runs = frame((run for run in self.runs().values()), by="crosspoint").drop(columns=["crosspoint", "why_stopped"])
        runs = runs.drop(columns=[name for name in runs if str(name).startswith(("campaign", "settings."))])
        return made.merge(runs, on="id", how="left")

    def summary(self) -> dict[str, int]:
        """Units by what became of them, and pulses in all."""
        outcomes = self.outcomes()
        counts = {what: sum(one.what == what for one in outcomes) for what in ("finished", "failed", "skip", "run")}
        named = {"units": len(outcomes), "finished": counts["finished"], "failed": counts["failed"]}
        pulses = sum(one.run.pulses for one in outcomes if one.run)
        return {**named, "skipped": counts["skip"], "to_come": counts["run"], "pulses": pulses}

    def _repr_html_(self) -> str:
        return shown().campaign_html(self)


def outcome_of(unit: Unit, run: Run) -> Outcome:
    """What a run says of its unit; one that was cut off is still to be run."""
    what = {"finished": "finished", "failed": "failed"}.get(run.status, "run")
    return Outcome(unit, what, run.why_stopped, run)  # type: ignore[arg-type]


def create(checked: CheckedCampaign, station: Station, kind: str, runs: Path) -> Campaign:
    """The folder of a new campaign."""
    started = provenance.now()
    folder = new_folder(runs, started, f"campaign-{checked.file.name}")
    record = station.record()
    info: dict[str, Any] = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "id": folder.name,
        "name": checked.file.name,
        "status": "running",
        "why_stopped": "",
        "kind": kind,
        "file": str(checked.toml.path.absolute()),
        "text": checked.toml.text,
        "grid": station.grid.tolist(),
        "station": {"file": record.file, "text": record.text, "resolved": record.resolved},
        "started": started.isoformat(),
        "ended": None,
        "who": provenance.who(),
        "versions": provenance.versions(),
    }
    write_json(folder / INFO, info)
    return Campaign(folder, info)


def keep(campaign: Campaign, **entries: Any) -> Campaign:
    """The campaign with entries put into its campaign.json."""
    info = {**campaign.info, **entries}
    write_json(campaign.folder / INFO, info)
    return Campaign(campaign.folder, info)


def is_campaign(which: str | Path, runs: str | Path | None = None) -> bool:
    """Whether `which` is the folder or the id of a campaign."""
    return (Path(which) / INFO).is_file() or (runs_folder(runs) / str(which) / INFO).is_file()


def list_campaigns(runs: str | Path | None = None) -> list[Campaign]:
    """All campaigns of a folder of runs, the newest last."""
    found = [_open(path.parent) for path in runs_folder(runs).glob(f"*/{INFO}")]
    return sorted(found, key=lambda one: str(one.info.get("started")))


def open_campaign(which: str | Path = "last", runs: str | Path | None = None) -> Campaign:
    """Open a campaign by its folder, its id (or the beginning or end of one), its file, or as "last".

    Of several campaigns of one file it is the newest. `InputError` where there is none, or it cannot be read.
    """
    said = str(which)
    if (Path(which) / INFO).is_file():
        return _open(Path(which))
    known = list_campaigns(runs)
    if said == "last":
        found = known
    elif said.endswith(".toml"):
        found = [one for one in known if Path(str(one.info.get("file"))) == Path(which).absolute()]
    else:
        found = [one for one in known if one.id.startswith(said) or one.id.endswith(said)]
    if not found:
        near = nearest(said, [one.id for one in known]) if known else "; there is none yet"
        raise InputError(f"no campaign {said!r} in {runs_folder(runs).absolute()}{near}")
    return found[-1]


def _open(folder: Path) -> Campaign:
    info = read_json(folder / INFO)
    written = info.get("format_version")
    if info.get("format") != FORMAT or not isinstance(written, int) or written > FORMAT_VERSION:
        raise InputError(
            f"{folder / INFO}: a campaign of version {written}, this labshd reads up to {FORMAT_VERSION}; "
            "update labshd; its runs can be opened one by one"
        )
    return Campaign(folder, _checked(info, folder / INFO))


def _checked(info: dict[str, Any], path: Path) -> dict[str, Any]:
    """What is shown of a campaign has the kind that it is shown as; `InputError` names what has not."""
    texts = ("id", "name", "status", "why_stopped", "kind", "file", "text", "started", "ended", "lost")
    wrong = [f"{key} is no text" for key in texts if not isinstance(info.get(key), str | None)]
    wrong += [f"{key} is missing" for key in ("name", "file", "text", "grid", "station") if info.get(key) is None]
    wrong += [
        f"{key} is no object" for key in ("station", "who", "versions") if not isinstance(info.get(key), dict | None)
    ]
    grid: Any = info.get("grid")
    if grid is not None and not (isinstance(grid, list) and all(_are_names(row) for row in cast("list[Any]", grid))):
        wrong.append("grid is no list of rows of names")
    if wrong:
        raise InputError(all_at_once(f"{path} is damaged", wrong))
    return cast("dict[str, Any]", printable(info))


def _are_names(row: Any) -> bool:
    names: list[Any] = cast("list[Any]", row) if isinstance(row, list) else []
    return bool(names) and all(isinstance(one, str) for one in names)


def given(entries: dict[str, Any]) -> dict[str, Any]:
    """Entries without those that are None, tables within included."""
    found: dict[str, Any] = {}
    for key, value in entries.items():
        if isinstance(value, dict):
            found[key] = given(cast("dict[str, Any]", value))
        elif value is not None:
            found[key] = value
    return found
