"""The command line: one file a command, imported when it is used; heavy imports happen inside the commands."""

from __future__ import annotations

from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; gives the exit code."""
    from labshd.cli.command_line import main as run

    return run(arguments)
