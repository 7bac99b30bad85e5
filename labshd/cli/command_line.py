"""The command line: subcommands loaded when used, errors without tracebacks, documented exit codes.

Exit 0 success, 1 failed run, 2 wrong input, 130 interrupted. With ``--json`` stdout carries one JSON object and nothing
else; progress and logs go to stderr.
"""

from __future__ import annotations

import importlib
import logging
import sys
from collections.abc import Sequence

import click

COMMANDS = {
    "demo": "Characterise, fit and train on a virtual bench; write a report.",
    "check": "Ask every instrument of a station, and list all problems.",
    "plan": "Show what a protocol or campaign would do to each crosspoint.",
    "run": "Run a protocol on a crosspoint and record it.",
    "import": "Import data measured elsewhere as a run.",
    "analyse": "Analyse a run, of any origin, as a protocol does.",
    "fit": "Fit a device model to a run.",
    "train": "Train a task on a bench or on a fitted device.",
    "campaign": "Run a campaign: steps over many crosspoints.",
    "runs": "List the recorded runs.",
    "query": "Query the recorded runs in SQL.",
    "export": "Write a run, or a fitted device, for other programs.",
    "report": "Show a run or a campaign as one self-contained HTML file.",
    "replay": "Repeat a recorded run: byte by byte, or on a simulated device.",
    "safe": "Switch everything of a station off.",
    "virtual-bench": "Serve the virtual instruments of a station over TCP.",
}
INTERRUPTED = 130


class LazyGroup(click.Group):
    """A group whose commands are imported when they are used: ``labshd --help`` imports none of them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names in the order in which one meets them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, imported now."""
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"labshd.cli.{cmd_name.replace('-', '_')}_command")
        return module.command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The table of commands, without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command; an unknown one is told the nearest."""
        from labshd.common.toml_file import nearest

        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            raise click.UsageError(f"no command {args[0]!r}{nearest(args[0], COMMANDS)}", ctx)
        return super().resolve_command(ctx, args)


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="labshd")
@click.option("--verbose", "-v", count=True, help="Log what happens (-vv: every message to and from instruments).")
def cli(verbose: int) -> None:
    """Characterise resistive memory devices, fit them, and train analog weights on them.

    \b
    labshd demo                                            the whole way, on a virtual bench
    labshd run symmetry-point --station bench.toml --rehearse
    labshd run update-response --station bench.toml --crosspoint A1 --pulses 500 --cycles 3
    labshd fit last
    labshd train one-parameter --station bench.toml --algorithm shd
    """
    level = {0: logging.WARNING, 1: logging.INFO}.get(verbose, logging.DEBUG)
    logging.basicConfig(level=level, stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; gives the exit code."""
    from instruments.errors import LabshdError

    try:
        result = cli.main(args=arguments, prog_name="labshd", standalone_mode=False)
    except click.exceptions.Abort:
        return INTERRUPTED
    except click.ClickException as error:
        error.show()
        return 2
    except LabshdError as error:
        click.echo(f"labshd: {error}{_kept(error)}", err=True)
        return error.exit_code
    except KeyboardInterrupt as error:
        click.echo(f"labshd: interrupted; outputs are off{_kept(error)}", err=True)
        return INTERRUPTED
    except BrokenPipeError:
        # The reader of a pipe has gone (such as `labshd runs | head`): nothing is left to say to it.
        sys.stderr.close()
        return 0
    except Exception as error:
        if logging.getLogger().isEnabledFor(logging.INFO):
            raise
        kind = type(error).__name__
        click.echo(f"labshd: this is a fault of labshd itself, {kind}: {error}{_kept(error)}", err=True)
        click.echo("        outputs are off; -v shows where it happened", err=True)
        return 1
    return result if isinstance(result, int) else 0


def _kept(error: BaseException) -> str:
    """Where the readings are that were taken before it went wrong."""
    run = getattr(error, "run", None)
    return f"\n        what was measured is kept in {run.folder}" if run is not None else ""


if __name__ == "__main__":
    sys.exit(main())
