"""Pages of the site that are made when it is built: the start page, the command line, the Python reference."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[1]
PACKAGES = ("labshd", "protocols", "sim_device", "instruments")
_LEFT_OUT = {"cli", "virtual_bench", "demo"}  # rooms that no script imports from


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages."""
    made = {"index.md": _start(), "reference/commands.md": _commands()}
    made |= {f"reference/{name}.md": _reference(name) for name in PACKAGES}
    for path, text in made.items():
        files.append(File.generated(config, path, content=text))
    return files


def _start() -> str:
    """The README, its links as they are from within the docs."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    return re.sub(r"\]\(docs/", "](", text)


def _commands() -> str:
    """What every command says of itself."""
    import click

    from labshd.cli.command_line import COMMANDS, cli

    parts = ["# Command line\n"]
    context = click.Context(cli, info_name="labshd")
    for name in COMMANDS:
        command = cli.get_command(context, name)
        assert command is not None
        with click.Context(command, info_name=name, parent=context) as inside:
            parts.append(f"## labshd {name}\n\n```text\n{command.get_help(inside)}\n```\n")
    return "\n".join(parts)


def _reference(package: str) -> str:
    """Every module of a package that offers something, in the order of its rooms."""
    parts = [f"# {package}\n"]
    for path in sorted((ROOT / package).rglob("*.py")):
        inner = path.relative_to(ROOT).with_suffix("").parts
        if any(part.startswith("_") for part in inner) or _LEFT_OUT & set(inner) or not _offers(path):
            continue
        parts.append(f"::: {'.'.join(inner)}\n    options:\n      heading_level: 2\n")
    return "\n".join(parts)


def _offers(path: Path) -> bool:
    """Whether a module has a public class or function."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    kinds = (ast.ClassDef, ast.FunctionDef)
    return any(isinstance(one, kinds) and not one.name.startswith("_") for one in tree.body)
