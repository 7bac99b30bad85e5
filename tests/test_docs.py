"""The documents: links lead somewhere, code compiles, commands exist, pictures have a maker."""

import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import click
import pytest

from instruments.errors import LabshdError
from labshd.cli.command_line import COMMANDS, cli

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
NAMES = [str(page.relative_to(ROOT)) for page in PAGES]
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def blocks(page, *languages):
    return [text for language, text in _FENCE.findall(page.read_text(encoding="utf-8")) if language in languages]


def without_code(text):
    return re.sub(r"`[^`\n]*`", "", _FENCE.sub("", text))


def anchors(page):
    titles = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[\s-]+", "-", re.sub(r"[^\w\s-]", "", title.lower())).strip("-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_links_lead_to_a_file_and_a_title(page):
    broken = []
    for target in re.findall(r"\]\(([^)\s]+)\)", without_code(page.read_text(encoding="utf-8"))):
        if target.startswith(("http://", "https://", "mailto:")):
            continue
        path, _, anchor = target.partition("#")
        there = (page.parent / path).resolve() if path else page
        if not there.exists() or (anchor and there.suffix == ".md" and anchor not in anchors(there)):
            broken.append(target)
    assert broken == []


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_python_is_python_and_toml_is_toml(page):
    for text in blocks(page, "python"):
        compile(text.replace("\n...\n", "\n"), str(page), "exec")
    for text in blocks(page, "toml"):
        tomllib.loads("\n".join(line for line in text.splitlines() if line.strip() not in ("...", "…")))


def parsed(command, arguments):
    """Names of options that a command line has and its command does not know."""
    known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
    return [one for one in arguments if one.startswith("--") and one.split("=")[0] not in known | {"--help", "--json"}]


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_commands_exist_with_their_options(page):
    wrong = []
    context = click.Context(cli)
    for text in blocks(page, "sh", "bash", "console", ""):
        for line in text.replace("\\\n", " ").splitlines():
            line = line.strip().removeprefix("$ ")
            if not line.startswith("labshd ") or ("..." in line.split("#")[0] and "/" not in line):
                continue
            said = shlex.split(line, comments=True)[1:]
            said = said[: said.index("|")] if "|" in said else said
            while said and said[0].startswith("-"):
                said = said[1:]
            if not said or said[0].isupper():
                continue
            if said[0] not in COMMANDS:
                wrong.append(line)
                continue
            command = cli.get_command(context, said[0])
            if isinstance(command, click.Group) and len(said) > 1:
                try:
                    command = command.get_command(click.Context(command, parent=context), said[1]) or command
                except LabshdError:
                    continue  # the file of somebody's own protocol, whose settings are its own
            wrong += [f"{line}: {option}" for option in parsed(command, said[1:])]
    assert wrong == []


def test_every_picture_is_shown_and_has_a_script_that_makes_it():
    shown = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    makers = [path.read_text(encoding="utf-8") for path in (ROOT / "benchmarks").glob("*.py")]
    names = {one for text in makers for one in re.findall(r"[\"']([\w{}.-]+)[\"']", text)}
    for picture in sorted((ROOT / "docs" / "images").rglob("*.png")):
        assert picture.name in shown, picture
        made = [n for n in names if re.fullmatch(re.sub(r"\\{\w+\\}", r"\\w+", re.escape(n)), picture.stem)]
        assert made or picture.name in names, f"no script of benchmarks makes {picture}"


def test_the_site_is_built_without_a_warning(tmp_path):
    pytest.importorskip("mkdocs", reason="the site needs the extra labshd[docs]")
    pytest.importorskip("mkdocstrings", reason="the site needs the extra labshd[docs]")
    build = [
        sys.executable,
        "-W",
        "ignore",
        "-m",
        "mkdocs",
        "build",
        "--strict",
        "--quiet",
        "--site-dir",
        str(tmp_path / "site"),
    ]
    done = subprocess.run(build, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    start = (tmp_path / "site" / "index.html").read_text(encoding="utf-8")
    assert not re.findall(r'<script[^>]*src="https?://|<link[^>]*stylesheet[^>]*https?://', start)
    assert "symmetry" in (tmp_path / "site" / "search" / "search_index.json").read_text(encoding="utf-8")
