"""Pictures of a campaign and its report, for the documents: an RRAM array from pristine to symmetry points, rehearsed.

    python benchmarks/campaign_pictures.py [crosspoints]

Writes docs/images/campaign-terminal.png (what is typed, and what is answered) and docs/images/campaign-report.png (the
beginning of its report). Needs Chromium, which takes the pictures.
"""

import html
import os
import shutil
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path

from campaign_64 import station

IMAGES = Path(__file__).parents[1] / "docs" / "images"
WIDTH = 112  # characters of the terminal
CHILD = "import sys; from labshd.cli.command_line import main; sys.exit(main(sys.argv[1:]))"
CAMPAIGN = """# From pristine to a symmetry point, every crosspoint of the array.
name = "array overnight"
station = "bench.toml"

[[step]]
protocol = "forming"
accept = "result.outcome == 'formed'"

[[step]]
name = "loops"
protocol = "iv-sweep"
settings = { cycles = 5 }
only_if = "forming.accepted"
accept = "result.on_off_ratio > 2"

[[step]]
name = "ramps"
protocol = "update-response"
settings = { pulses = 100, cycles = 2 }
only_if = "loops.accepted"

[[step]]
protocol = "symmetry-point"
settings = { budget = 1500, method = "steered" }
only_if = "ramps.status == 'finished'"
"""
SCREEN = """<!doctype html><meta charset="utf-8"><body style="margin:0;background:#1e1e1e">
<pre style="margin:18px;color:#dcdcdc;font:14px/1.4 'DejaVu Sans Mono',monospace">{}</pre>"""


def typed(folder: Path, command: str) -> str:
    """A command as it stands on a terminal, with its answer."""
    environment = {**os.environ, "LABSHD_RUNS": str(folder / "runs")}
    arguments = [sys.executable, "-c", CHILD, *command.split()[1:]]
    done = subprocess.run(arguments, cwd=folder, env=environment, capture_output=True, text=True, check=True)
    answer = wrapped(done.stdout.replace(str(folder) + os.sep, "").rstrip())
    return f"<b style='color:#7fd1b9'>$ {html.escape(command)}</b>\n{html.escape(answer)}\n"


def wrapped(answer: str) -> str:
    """As a terminal of that width has it: the last column of a table goes on below itself."""
    column, lines = 0, list[str]()
    for line in answer.splitlines():
        column = line.index("median") if line.startswith("step ") else column
        indent = column if len(line) > column > 0 and not line.startswith(("kept", "next")) else 7
        lines += textwrap.wrap(line, WIDTH, subsequent_indent=" " * indent, drop_whitespace=True) or [""]
    return "\n".join(lines)


def picture(page: Path, image: Path, width: int, height: int) -> None:
    """What a browser shows of a page."""
    browser = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if browser is None:
        sys.exit("no Chromium was found, which takes the pictures")
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", f"--window-size={width},{height}"]
    subprocess.run([browser, *options, f"--screenshot={image}", page.as_uri()], check=True, capture_output=True)
    print(image)


def main(crosspoints: int) -> None:
    """Rehearse, and take both pictures."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary).resolve()
        text = station(crosspoints).replace('device = "rram" ', 'device = "rram-pristine" ')
        (folder / "bench.toml").write_text(text.replace("RRAM probe station", "RRAM array"), encoding="utf-8")
        (folder / "night.toml").write_text(CAMPAIGN, encoding="utf-8")
        shown = [typed(folder, "labshd campaign night.toml --rehearse")]
        (run,) = (folder / "runs").glob("*/campaign.json")
        shown.append(typed(folder, f"labshd report {run.parent.name}"))
        screen = folder / "screen.html"
        screen.write_text(SCREEN.format("\n".join(shown)), encoding="utf-8")
        lines = sum(part.count("\n") + 1 for part in shown)
        picture(screen, IMAGES / "campaign-terminal.png", 1000, 36 + 20 * lines)
        picture(run.parent / "report.html", IMAGES / "campaign-report.png", 1000, 1540)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 16)
