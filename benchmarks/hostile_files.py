"""Files from anybody: is anything executed, written elsewhere, or answered with a traceback?

    python benchmarks/hostile_files.py [--files 5000] [--seed 1]

Good run, campaign, fitted, station and imported files are spoilt (keys with values of another kind, text that would be
SQL, a path, a program, a mark-up or a terminal command; bytes changed, cut, doubled) and then opened by every verb that
looks at such a file, in Python and on the command line. An audit hook of Python notes what is compiled from such a
folder, written outside of what was asked for, started or connected to; the tree around is compared before and after.
Prints a table; exit status 1 unless all of it is 0.
"""

import argparse
import copy
import io
import json
import logging
import os
import random
import sys
import tempfile
import time
import traceback
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import openpyxl

from instruments.errors import LabshdError
from labshd.cli.command_line import main as command_line

STATIONS = Path(__file__).parents[1] / "data" / "stations"
OF_RUNS = ["run.json", "run.json", "points.csv", "wire.jsonl", "analysis-symmetry-point.json"]
SLOW = 10.0  # [s] that one file may take

PAYLOADS: list[Any] = [
    "S); COPY (SELECT 1) TO '{canary}'; --", 'S" ; COPY runs TO \'{canary}\' --', "normalised; ATTACH '{canary}' AS x",
    "{evil}", "{evil}:boom", "../../{canary_name}", "/etc/passwd", "{canary}", "\x1b]0;owned\x07\x1b[2J", "\u202eevil",
    "<script>alert(1)</script>", "$\\input{{/etc/passwd}}$", "=cmd|' /C calc'!A0", "[bold]x[/bold]", "\x00", "CON", "",
    "a" * 5000, "__import__('os').system('touch {canary}')", "${jndi:x}", "%s%n", "{{7*7}}", None, True, False, -1, 0,
    10**30, 1.5, float("nan"), float("inf"), [], {}, [[[[[]]]]], {"a": {"b": {"c": []}}}, [1, "x", None], "NaN", "S",
]  # fmt: skip


class Watch:
    """What Python's audit hook tells while `on`; hooks cannot be taken away."""

    def __init__(self) -> None:
        self.on = False
        self.folder = ""
        self.allowed: tuple[str, ...] = ()
        self.executed: list[str] = []
        self.written: list[str] = []
        sys.addaudithook(self._told)

    def _told(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self.on:
            return
        if event in ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "socket.connect", "webbrowser.open"):
            self.executed.append(f"{event} {arguments!r:.200}")
        elif event == "import" and "evil" in str(arguments[0]):
            self.executed.append(f"import {arguments[0]}")
        elif event == "exec" and self.folder in str(getattr(arguments[0], "co_filename", "")):
            self.executed.append(f"exec {arguments[0].co_filename}")
        elif event == "open" and self._writes(arguments):
            path = str(Path(arguments[0]).absolute()) if not isinstance(arguments[0], int) else ""
            if path and not path.startswith(self.allowed):
                self.written.append(path)

    @staticmethod
    def _writes(arguments: tuple[Any, ...]) -> bool:
        path, mode, flags = arguments
        if not isinstance(path, str | bytes | os.PathLike) or isinstance(path, bytes):
            return False
        return bool((isinstance(mode, str) and set(mode) & set("wax+")) or (flags or 0) & (os.O_WRONLY | os.O_RDWR))


def good(folder: Path) -> dict[str, Path]:
    """A run, a training-like import, a fitted device, a campaign, each as labshd writes it."""
    runs = folder / "runs"
    os.environ["LABSHD_RUNS"] = str(runs)
    station = folder / "bench.toml"
    station.write_text((STATIONS / "ecram.toml").read_text(encoding="utf-8"), encoding="utf-8")
    trace = folder / "trace.csv"
    trace.write_text(
        "pulses,conductance_uS\n"
        + "".join(f"{1 if k % 40 < 20 else -1},{10 + k % 40 / 10 + k % 3 / 50}\n" for k in range(120)),
        encoding="utf-8",
    )
    night = folder / "night.toml"
    night.write_text(
        'name = "night"\nstation = "bench.toml"\n[[step]]\nprotocol = "read-noise"\nsettings = { reads = 12 }\n'
        'crosspoints = "A1"\n',
        encoding="utf-8",
    )
    table = folder / "table.csv"
    table.write_text(
        "Pulse;V pulse (V);R (kOhm)\n"
        + "".join(f"{k};{1 if k % 40 < 20 else -1},5;{10 + k % 40 / 10}\n".replace(".", ",") for k in range(120)),
        encoding="utf-8",
    )
    workbook = openpyxl.Workbook()
    for row in (["time (ms)", "G (uS)"], *([k, 10 + k % 7 / 100] for k in range(60))):
        workbook.active.append(row)
    workbook.save(folder / "table.xlsx")
    for said in (
        ["run", "update-response", "--station", str(station), "--rehearse", "--crosspoint", "A1", "--pulses", "30",
         "--cycles", "1"],
        ["fit", "last"],
        ["analyse", "last", "--as", "symmetry-point"],
        ["campaign", str(night), "--rehearse"],
        ["import", str(trace)],
    ):  # fmt: skip
        with redirect_stdout(StringIO()), redirect_stderr(StringIO()):
            command_line(said)
    measured = next(path.parent for path in sorted(runs.glob("*update-response*/run.json")))
    campaign = next(path.parent for path in sorted(runs.glob("*/campaign.json")))
    return {
        "run": measured,
        "campaign": campaign,
        "station": station,
        "import": trace,
        "file": night,
        "table": table,
        "workbook": folder / "table.xlsx",
    }


def spoilt_json(value: Any, rng: random.Random, said: Callable[[Any], Any]) -> Any:
    """The object with one to three of its parts replaced, taken away or added."""
    made = copy.deepcopy(value)
    for _ in range(rng.randint(1, 3)):
        at, key = _somewhere(made, rng)
        if at is None:
            return said(rng.choice(PAYLOADS))
        action = rng.random()
        if action < 0.75:
            at[key] = said(rng.choice(PAYLOADS))
        elif action < 0.9 and isinstance(at, dict):
            at.pop(key, None)
        elif isinstance(at, dict):
            at[str(said(rng.choice(PAYLOADS)))[:200]] = said(rng.choice(PAYLOADS))
    return made


def _somewhere(value: Any, rng: random.Random) -> tuple[Any, Any]:
    at, key = None, None
    while isinstance(value, dict | list) and value:
        key = rng.choice(list(value)) if isinstance(value, dict) else rng.randrange(len(value))
        at, value = value, value[key]
        if rng.random() < 0.35:
            break
    return at, key


def spoilt_bytes(data: bytes, rng: random.Random) -> bytes:
    """Bytes changed, cut or doubled."""
    action = rng.randrange(6)
    at, to = sorted(rng.randrange(len(data) + 1) for _ in range(2))
    if action == 0:
        return data[:at]
    if action == 1:
        return data[:at] + data[to:]
    if action == 2:
        return data[:at] + bytes(rng.randrange(256) for _ in range(rng.randint(1, 20))) + data[at:]
    if action == 3:
        return data[:to] + data[at:to] + data[to:]
    if action == 4:
        return b"[" * rng.choice([10, 5_000]) + data
    return b"\xff\xfe" + data


def spoilt_workbook(data: bytes, rng: random.Random, said: Callable[[Any], Any]) -> bytes:
    """A workbook with a part of it spoilt: the archive as a whole, or a file within it."""
    if rng.random() < 0.3:
        return spoilt_bytes(data, rng)
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as archive, zipfile.ZipFile(made, "w") as spoilt:
        names = archive.namelist()
        chosen = rng.choice(names)
        for name in names:
            content = archive.read(name)
            if name == chosen:
                text = str(said(rng.choice(PAYLOADS)))[:200].encode("utf-8", "replace")
                entity = b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>'
                at = rng.randrange(len(content) + 1)
                content = rng.choice([spoilt_bytes(content, rng), content[:at] + text + content[at:], entity + content])
            spoilt.writestr(name, content)
    return made.getvalue()


def hostile(kind: str, source: dict[str, Path], place: Path, rng: random.Random, said: Callable[[Any], Any]) -> Path:
    """One spoilt file or folder of a kind, in `place`."""
    if kind in ("station", "import"):
        one = source[kind if kind == "station" else rng.choice(["import", "table", "workbook"])]
        path, data = place / one.name, one.read_bytes()
        if one.suffix == ".xlsx":
            path.write_bytes(spoilt_workbook(data, rng, said))
            return path
        if rng.random() < 0.5:
            lines = data.decode().split("\n")
            key, text = rng.choice(["name", "x", "pulses"]), json.dumps(str(said(rng.choice(PAYLOADS))))
            lines[rng.randrange(len(lines))] = f"{key} = {text}"
            data = "\n".join(lines).encode("utf-8", "replace")
        path.write_bytes(data if rng.random() < 0.3 and kind == "import" else spoilt_bytes(data, rng))
        return path
    folder = place / "runs" / source["campaign" if kind == "campaign" else "run"].name
    folder.mkdir(parents=True)
    for one in source["campaign" if kind == "campaign" else "run"].iterdir():
        if one.is_file() and one.suffix in (".json", ".csv", ".jsonl", ".txt"):
            (folder / one.name).write_bytes(one.read_bytes())
    name = {
        "run": rng.choice(OF_RUNS),
        "fitted": "fitted.json",
    }.get(kind, "campaign.json")
    target = folder / name
    if not target.exists():
        return folder
    if name.endswith(".json") and rng.random() < 0.75:
        spoilt = spoilt_json(json.loads(target.read_text(encoding="utf-8")), rng, said)
        target.write_text(json.dumps(spoilt), encoding="utf-8")
    elif rng.random() < 0.03 and hasattr(os, "mkfifo"):
        target.unlink()
        os.mkfifo(target)
    else:
        target.write_bytes(spoilt_bytes(target.read_bytes(), rng))
    return folder


def verbs(kind: str, path: Path, out: Path, rng: random.Random) -> Iterator[list[str]]:
    """What is done with it on the command line; `out` is where it may be written."""
    runs = ["--runs", str(path.parent)]
    if kind == "station":
        yield ["run", "read-noise", "--station", str(path), "--rehearse", "--reads", "10", "--runs", str(out)]
    elif kind == "import":
        yield ["import", str(path), "--runs", str(out), "--layout", rng.choice(["trace", "columns", "table"])]
        yield ["import", str(path), "--runs", str(out), *rng.choice([[], ["--dry-run"]])]
    elif kind == "campaign":
        yield ["report", str(path), "--out", str(out / "campaign.html"), *runs]
    elif kind == "fitted":
        yield [
            "export",
            str(path / "fitted.json"),
            "--to",
            rng.choice(["aihwkit", "crosssim", "json"]),
            "--out",
            str(out / "x"),
        ]
        yield ["train", "one-parameter", "--device", str(path), "--steps", "5", "--runs", str(out)]
    else:
        yield from (
            ["runs", *runs],
            ["query", rng.choice(["SELECT * FROM runs", "SELECT count(*) FROM points"]), *runs],
            rng.choice([
                ["fit", str(path)], ["analyse", str(path), "--as", rng.choice(["read-noise", "symmetry-point"])],
                ["report", str(path), "--out", str(out / "run.html")], ["replay", str(path)],
                ["export", str(path), "--to", rng.choice(["csv", "parquet", "netcdf"]), "--out", str(out / "run.x")],
            ]),
        )  # fmt: skip


def opened_in_python(kind: str, path: Path) -> None:
    """The same in a script or a notebook."""
    from labshd.campaign.store import open_campaign
    from labshd.runs.run import open_run
    from labshd.station.station_file import read_station_file
    from sim_device.models.fitted import FittedDevice

    if kind == "run":
        run = open_run(path)
        run._repr_html_()
        run.summary()
    elif kind == "campaign":
        campaign = open_campaign(path)
        campaign._repr_html_()
        campaign.table()
    elif kind == "fitted":
        FittedDevice.load(path / "fitted.json")
    elif kind == "station":
        read_station_file(path)


def attempt(does: Callable[[], object], faults: Counter[str], notes: list[str], what: str) -> None:
    """Do it; whatever comes out that is no refusal of labshd is a traceback."""
    begun, said = time.monotonic(), StringIO()
    try:
        with redirect_stdout(StringIO()), redirect_stderr(said):
            does()
    except LabshdError:
        pass
    except BaseException:
        faults["tracebacks"] += 1
        notes.append(f"{what}: {traceback.format_exc()[-700:]}")
    if "this is a fault of labshd itself" in said.getvalue() or "Traceback" in said.getvalue():
        faults["tracebacks"] += 1
        notes.append(f"{what}: {said.getvalue()[-400:]}")
    if time.monotonic() - begun > SLOW:
        faults["hung"] += 1
        notes.append(f"{what}: took {time.monotonic() - begun:.0f} s")


def run(files: int, seed: int, watch: Watch) -> tuple[dict[str, Counter[str]], list[str]]:
    """Counters of each kind, and what was found."""
    rng, notes = random.Random(seed), list[str]()
    counted: dict[str, Counter[str]] = {kind: Counter() for kind in ("run", "campaign", "fitted", "station", "import")}
    logging.disable(logging.CRITICAL)
    before = os.environ.get("LABSHD_RUNS")
    with tempfile.TemporaryDirectory() as room:
        source = good(Path(room))
        canary = Path(room) / "canary.txt"
        for number in range(files):
            kind = list(counted)[number % len(counted)]
            with tempfile.TemporaryDirectory(dir=room, prefix="hostile") as folder:
                place, out = Path(folder), Path(folder) / "out"
                out.mkdir()
                evil = place / "evil.py"
                evil.write_text(f"open({str(canary)!r}, 'w').write('run')\n", encoding="utf-8")
                names = {"canary": str(canary), "canary_name": canary.name, "evil": str(evil)}

                def said(payload: Any, names: dict[str, str] = names) -> Any:
                    if not isinstance(payload, str):
                        return payload
                    for key, value in names.items():
                        payload = payload.replace("{" + key + "}", value)
                    return payload

                path = hostile(kind, source, place, rng, said)
                os.environ["LABSHD_RUNS"] = str(out)
                inside = tuple(str(one) for one in (out, path, path.parent / ".labshd"))
                watch.folder, watch.allowed = (
                    folder,
                    (*inside, "/dev/", str(Path.home() / ".cache"), str(Path.home() / ".config")),
                )
                watch.executed.clear(), watch.written.clear()
                watch.on = True
                try:
                    attempt(lambda: opened_in_python(kind, path), counted[kind], notes, f"{number} {kind} in Python")  # noqa: B023
                    for arguments in verbs(kind, path, out, rng):
                        attempt(lambda: command_line(arguments), counted[kind], notes, f"{number} {arguments[:2]}")  # noqa: B023
                finally:
                    watch.on = False
                counted[kind]["files"] += 1
                counted[kind]["executed"] += len(watch.executed) + canary.exists()
                elsewhere = [one for one in watch.written if "__pycache__" not in one and "/sim_device/" not in one]
                counted[kind]["written elsewhere"] += len(elsewhere)
                notes += [f"{number} {kind}: {one}" for one in (*watch.executed, *elsewhere)]
                canary.unlink(missing_ok=True)
    logging.disable(logging.NOTSET)
    os.environ.pop("LABSHD_RUNS") if before is None else os.environ.__setitem__("LABSHD_RUNS", before)
    return counted, notes


FAULTS = ("executed", "written elsewhere", "tracebacks", "hung")


def main() -> int:
    """The table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--files", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--notes", type=int, default=10)
    arguments = parser.parse_args()
    begun = time.monotonic()
    counted, notes = run(arguments.files, arguments.seed, Watch())
    print(f"{'kind':<12}{'files':>7}" + "".join(f"{name:>19}" for name in FAULTS))
    for kind, one in counted.items():
        print(f"{kind:<12}{one['files']:>7}" + "".join(f"{one[name]:>19}" for name in FAULTS))
    total = sum(one[name] for one in counted.values() for name in FAULTS)
    print(f"{sum(one['files'] for one in counted.values())} files in {time.monotonic() - begun:.0f} s: {total} faults")
    for note in notes[: arguments.notes]:
        print(note)
    return 1 if total else 0


if __name__ == "__main__":
    sys.exit(main())
