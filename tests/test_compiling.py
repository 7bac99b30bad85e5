"""Compiled code is kept between processes, and never beyond the source that it was made from."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
ASK = "import sim_device.arrays.kernels; from sim_device.arrays.compiling import cache_folder; print(cache_folder())"


def _cache_of(package: Path) -> Path:
    ran = subprocess.run([sys.executable, "-c", ASK], cwd=package, capture_output=True, text=True, check=True)
    return Path(ran.stdout.strip())


def test_a_change_of_any_compiled_source_starts_a_new_cache(tmp_path: Path) -> None:
    for name in ("instruments", "sim_device"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    first = _cache_of(tmp_path)
    assert first == _cache_of(tmp_path)
    assert first.parent == tmp_path / "sim_device" / "__pycache__"
    kernels = tmp_path / "sim_device" / "arrays" / "counter_random.py"
    kernels.write_text(kernels.read_text(encoding="utf-8") + "\n# changed\n", encoding="utf-8")
    second = _cache_of(tmp_path)
    assert second != first
    assert first.exists()  # a process that began before the change may be compiling into it
    two_days_ago = time.time() - 2 * 86_400
    for folder in (first, second):
        os.utime(folder, (two_days_ago, two_days_ago))
    assert _cache_of(tmp_path) == second
    assert second.exists()
    assert not first.exists()


def test_a_read_only_package_keeps_its_cache_elsewhere(tmp_path: Path, monkeypatch) -> None:
    from sim_device.arrays import compiling

    blocked = tmp_path / "a file, not a folder"
    blocked.write_text("", encoding="utf-8")
    monkeypatch.setattr(compiling, "_parents", lambda: [blocked, tmp_path / "home"])
    compiling.cache_folder.cache_clear()
    try:
        assert compiling.cache_folder().parent == tmp_path / "home"
    finally:
        compiling.cache_folder.cache_clear()
