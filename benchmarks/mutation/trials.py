"""Trials: a mutant in a copy of the tree, its tests run there; the working tree is never touched."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue

from mutants import ROOT, Mutant

LEFT_BEHIND = shutil.ignore_patterns(".*", "__pycache__", "*.egg-info")
MADE_HERE = {"build", "dist", "demo-output", "site", "data/runs"}  # only there: a package may have such a name, too
NO_TESTS = (4, 5)  # what pytest says of a wrong command line and of no tests
_FIRST = re.compile(r"^(?:FAILED|ERROR) (.+?)(?: - .*)?$", re.MULTILINE)


class TrialError(Exception):
    """A trial says nothing: no tests ran, or they fail without any fault."""


@dataclass(frozen=True)
class Outcome:
    """What came of one: `noticed` by this test, or in words; "" where it survived."""

    mutant: Mutant
    noticed: str


class Tree:
    """A copy of the tree in which one mutant after the other is tried."""

    def __init__(self, source: Path, folder: Path) -> None:
        self.root = folder / "tree"

        def left_behind(folder: str, names: list[str]) -> set[str]:
            here = Path(folder).relative_to(source)
            return LEFT_BEHIND(folder, names) | {name for name in names if (here / name).as_posix() in MADE_HERE}

        shutil.copytree(source, self.root, ignore=left_behind)

    def tests(self, tests: Sequence[str], patience: float) -> str | None:
        """Run tests until the first that fails: its name, "" where all pass, None where they took too long."""
        command = [sys.executable, "-m", "pytest", "-n0", "-x", "-q", "--tb=no", "-rfE", "-p", "no:cacheprovider"]
        env = {**os.environ, "PYTHONPATH": str(self.root), "PYTHONUTF8": "1", "COLUMNS": "1000"}
        env.pop("PYTHONDONTWRITEBYTECODE", None)  # compiled kernels are kept beside
        with tempfile.TemporaryFile() as said:
            process = subprocess.Popen(
                [*command, *tests],
                cwd=self.root,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=subprocess.STDOUT,
                start_new_session=os.name == "posix",
            )
            try:
                code = process.wait(patience)
            except subprocess.TimeoutExpired:
                return None
            finally:
                _end(process)
            said.seek(0)
            text = said.read().decode(errors="replace")
        if code in NO_TESTS:
            raise TrialError(f"pytest ran none of {' '.join(tests)}:\n{text[-2000:]}")
        first = _FIRST.search(text)
        return "" if code == 0 else first[1] if first else f"the tests were cut short (exit status {code})"

    def tried(self, mutant: Mutant, patience: float) -> Outcome:
        """The mutant in its file, its tests, and the file as it was."""
        path = self.root / mutant.file
        before = path.read_bytes()
        try:
            _write(path, mutant.of(before.decode().replace("\r\n", "\n")).encode())
            noticed = self.tests(mutant.tests, patience)
        finally:
            _write(path, before)
        return Outcome(mutant, f"took longer than {patience:.0f} s" if noticed is None else noticed)


def _write(path: Path, data: bytes) -> None:
    """Write source, and have Python forget what it compiled of it: size and second may be the same."""
    path.write_bytes(data)
    Path(importlib.util.cache_from_source(str(path))).unlink(missing_ok=True)
    for compiled in (path.parent / "__pycache__").glob(f"{path.stem}.*.pyc"):
        compiled.unlink(missing_ok=True)  # of pytest, or of another Python


def _end(process: subprocess.Popen[bytes]) -> None:
    """End what still runs, with what it started."""
    if os.name == "posix":
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)  # its own group: started as the first of a session
    elif process.poll() is None:
        subprocess.run(["taskkill", "/F", "/T", "/PID", str(process.pid)], capture_output=True, check=False)
    process.wait()


@contextmanager
def _trees(source: Path, jobs: int) -> Iterator[SimpleQueue[Tree]]:
    with tempfile.TemporaryDirectory(prefix="labshd-mutation-", ignore_cleanup_errors=True) as folder:
        free: SimpleQueue[Tree] = SimpleQueue()
        for number in range(jobs):
            free.put(Tree(source, Path(folder) / str(number)))
        yield free


def trials(
    chosen: Sequence[Mutant], jobs: int, patience: float, tell: Callable[[str, int], None], root: Path = ROOT
) -> Iterator[Outcome]:
    """Outcomes as they come; `tell` hears what was done and how many trials that were.

    First the tests of all of them run without a fault: `TrialError` where one fails by itself.
    """
    with _trees(root, jobs) as free, ThreadPoolExecutor(jobs) as pool:
        tests = sorted({test for one in chosen for test in one.tests})
        groups = [tests[k::jobs] for k in range(min(jobs, len(tests)))]

        def within(group: Sequence[str]) -> str | None:
            tree = free.get()
            try:
                return tree.tests(group, patience * len(group))
            finally:
                free.put(tree)

        def tried(mutant: Mutant) -> Outcome:
            tree = free.get()
            try:
                return tree.tried(mutant, patience)
            finally:
                free.put(tree)

        for failed in pool.map(within, groups):
            if failed != "":
                raise TrialError(f"without any fault {failed or 'the tests take too long'} fails: mend that first")
        tell("the tests pass without a fault", 0)
        running = [pool.submit(tried, mutant) for mutant in chosen]
        try:
            for one in as_completed(running):
                outcome = one.result()
                tell(outcome.mutant.name, 1)
                yield outcome
        finally:
            for one in running:
                one.cancel()
