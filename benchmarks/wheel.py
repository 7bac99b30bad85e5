"""Does the wheel work by itself? Built once, installed alone with every Python there is, the demo run from it.

    python benchmarks/wheel.py [python3.12 /path/to/python3.13 ...]

Without arguments every ``python3.N`` on the PATH (and of pyenv) from the oldest supported on is tried. Nothing of the
source tree is on the path of what runs. Prints a line for each Python; exit status 1 where one failed.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
OLDEST, NEWEST = 11, 16  # minor versions that are looked for


def pythons() -> list[str]:
    """Interpreters that answer, one a minor version."""
    found: dict[int, str] = {}
    for minor in range(OLDEST, NEWEST):
        here = shutil.which(f"python3.{minor}")
        for candidate in [*([here] if here else []), *_of_pyenv(minor)]:
            if minor not in found and _answers(candidate, minor):
                found[minor] = candidate
    return [found[minor] for minor in sorted(found)]


def _of_pyenv(minor: int) -> list[str]:
    root = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    return [str(path) for path in sorted(root.glob(f"versions/3.{minor}.*/bin/python"))]


def _answers(python: str, minor: int) -> bool:
    asked = subprocess.run([python, "-c", "import sys; print(sys.version_info[1])"], capture_output=True, text=True)
    return asked.returncode == 0 and asked.stdout.strip() == str(minor)


def build(folder: Path) -> Path:
    """The wheel of a copy of the tree, so that the build leaves nothing behind in it."""
    source = folder / "source"
    ignored = shutil.ignore_patterns(".venv", ".git", "__pycache__", "build", "*.egg-info", "demo-output", "site")
    shutil.copytree(ROOT, source, ignore=ignored)
    subprocess.run([sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", folder, source], check=True)
    (wheel,) = folder.glob("*.whl")
    return wheel


def try_out(python: str, wheel: Path, folder: Path) -> str:
    """Install the wheel alone and run the demo; what came of it."""
    begun = time.perf_counter()
    place = folder / f"with-{Path(python).name}-{abs(hash(python)) % 10_000}"
    subprocess.run([python, "-m", "venv", place], check=True)
    inside = place / ("Scripts" if os.name == "nt" else "bin")
    subprocess.run([inside / "python", "-m", "pip", "install", "--quiet", wheel], check=True)
    clean = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "VIRTUAL_ENV")}
    said = subprocess.run([inside / "labshd", "--version"], cwd=folder, env=clean, capture_output=True, text=True)
    demo = subprocess.run(
        [inside / "labshd", "demo", "--out", place / "demo"], cwd=folder, env=clean, capture_output=True, text=True
    )
    if demo.returncode or not (place / "demo" / "report.html").is_file():
        return f"FAILED: {demo.stderr.strip().splitlines()[-1:] or demo.stdout[-200:]}"
    return (
        f"works: {said.stdout.strip()}; installed, demo run and report written in {time.perf_counter() - begun:.0f} s"
    )


def main(given: list[str]) -> int:
    """Build, try out, print."""
    with tempfile.TemporaryDirectory() as room:
        folder = Path(room)
        wheel = build(folder)
        with zipfile.ZipFile(wheel) as content:
            names = content.namelist()
        packages = sorted({name.split("/")[0] for name in names if name.endswith(".py")})
        print(f"{wheel.name}: {len(names)} files, {wheel.stat().st_size / 1024:.0f} kB, packages {', '.join(packages)}")
        failed = 0
        for python in given or pythons():
            version = subprocess.run([python, "--version"], capture_output=True, text=True).stdout.strip()
            try:
                outcome = try_out(python, wheel, folder)
            except subprocess.CalledProcessError as error:
                outcome = f"FAILED: {error}"
            failed += outcome.startswith("FAILED")
            print(f"{version:<16} {outcome}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
