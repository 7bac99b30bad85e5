"""Pictures of the README and of docs/wiring.md, made as a reader makes them: by the demo, and by a check of a station.

    python benchmarks/docs_pictures.py

Writes docs/images/demo.png and docs/images/wiring-1t1r.png.
"""

import shutil
import sys
import tempfile
from pathlib import Path

from labshd.cli.command_line import main as command_line

ROOT = Path(__file__).parents[1]
IMAGES = ROOT / "docs" / "images"


def main() -> int:
    """Both; the exit status of the first command that fails."""
    with tempfile.TemporaryDirectory() as folder:
        made = command_line(["demo", "--out", folder])
        if made:
            return made
        shutil.copyfile(Path(folder) / "demo.png", IMAGES / "demo.png")
    station = ROOT / "data" / "stations" / "1t1r.toml"
    return command_line(["check", str(station), "--drawing", "--out", str(IMAGES / "wiring-1t1r.png")])


if __name__ == "__main__":
    sys.exit(main())
