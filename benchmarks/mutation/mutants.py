"""Mutants: one small fault each in a line that keeps a device safe or a reading whole, from the lists beside this file.

A list (TOML) says of each file which families of faults are made in it (`families`) and which tests must notice them,
and names further faults one by one: the original text, which must stand in the file exactly once, and what it becomes.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from families import FAMILIES, Place

ROOT = Path(__file__).resolve().parents[2]
LISTS = Path(__file__).resolve().parent / "lists"
KEYS = {"name", "file", "original", "mutated", "breaks", "tests"}


class ListError(Exception):
    """A list does not fit the source any more, or is not one."""


@dataclass(frozen=True)
class Mutant:
    """One fault: `mutated` stands in `file` in place of the characters `start` to `end`.

    `breaks` says what a physicist would lose. `tests` are the test files that must notice, or tests of one
    (``file::test``). `equivalent` is the reason why nobody could notice, "" where somebody must.
    """

    name: str
    file: str
    start: int
    end: int
    mutated: str
    breaks: str
    tests: tuple[str, ...]
    equivalent: str = ""

    def of(self, source: str) -> str:
        """The text of the file with this fault in it."""
        return source[: self.start] + self.mutated + source[self.end :]


def mutants(root: Path = ROOT, lists: Path = LISTS) -> list[Mutant]:
    """All of them, in the order of the lists. `ListError` names every entry that does not fit the source."""
    problems: list[str] = []
    made: list[Mutant] = []
    for path in sorted(lists.glob("*.toml")):
        made += _of_list(tomllib.loads(path.read_text(encoding="utf-8")), path.name, root, problems)
    names = [one.name for one in made]
    problems += [f"two mutants are called {name!r}" for name in sorted({n for n in names if names.count(n) > 1})]
    if problems:
        raise ListError("\n".join(problems))
    return made


def _of_list(said: Mapping[str, Any], where: str, root: Path, problems: list[str]) -> list[Mutant]:
    files: dict[str, Any] = said.get("files", {})
    sources: dict[str, str] = {}
    for file in files:
        if (root / file).is_file():
            sources[file] = (root / file).read_text(encoding="utf-8")
        else:
            problems.append(f"{where}: there is no file {file}")
    made = [*_generated(files, sources), *_named(said.get("mutation", []), files, sources, where, problems)]
    reasons: dict[str, str] = {one["name"]: one["reason"] for one in said.get("equivalent", [])}
    unknown = reasons.keys() - {one.name for one in made}
    problems += [f"{where}: no mutant is called {name!r}, which is said to be equivalent" for name in sorted(unknown)]
    tests = {test for one in made for test in one.tests}
    problems += [
        f"{where}: there is no test file {test}" for test in sorted(tests) if not (root / test.split("::")[0]).is_file()
    ]
    return [Mutant(**{**vars(one), "equivalent": reasons.get(one.name, "")}) for one in made]


def _generated(files: Mapping[str, Any], sources: Mapping[str, str]) -> Iterator[Mutant]:
    for file, source in sources.items():
        for family in files[file].get("families", []):
            seen: dict[str, int] = {}
            for place in FAMILIES[family].places(source):
                name = _name(file, family, place)
                seen[name] = seen.get(name, 0) + 1
                if seen[name] > 1:
                    name = f"{name} ({seen[name]})"
                breaks, tests = FAMILIES[family].breaks, tuple(files[file]["tests"])
                yield Mutant(name, file, place.start, place.end, place.mutated, breaks, tests)


def _name(file: str, family: str, place: Place) -> str:
    return f"{file} {place.function}: {FAMILIES[family].title}: {place.words}"


def _named(
    entries: list[dict[str, Any]],
    files: Mapping[str, Any],
    sources: Mapping[str, str],
    where: str,
    problems: list[str],
) -> Iterator[Mutant]:
    for entry in entries:
        label = f"{where}: {entry.get('name', 'a mutation without a name')}"
        unfit = [f"{key} is missing" for key in sorted(KEYS - {"tests"} - entry.keys())]
        unfit += [f"{key} is no key of a mutation" for key in sorted(entry.keys() - KEYS)]
        if unfit:
            problems.append(f"{label}: {', '.join(unfit)}")
            continue
        file, original = entry["file"], entry["original"]
        if file not in sources:
            problems.append(f"{label}: {file} is not among the files of this list")
            continue
        if (found := sources[file].count(original)) != 1:
            problems.append(f"{label}: its original text stands {found} times in {file}, not once")
            continue
        start = sources[file].index(original)
        tests = tuple(entry.get("tests") or files[file]["tests"])
        yield Mutant(entry["name"], file, start, start + len(original), entry["mutated"], entry["breaks"], tests)
