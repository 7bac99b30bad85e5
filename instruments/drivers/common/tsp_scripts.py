"""What drivers of scripted TSP boxes share: a running script is ended before anything is switched off.

While a script runs, a box takes no message but ``abort``, which ends what runs: Series 2600B System SourceMeter
Reference Manual, 2600BS-901-01, tspnet.tsp.abort. That a box which runs none ignores it is taken for granted here; what
it might complain of is cleared with the reset that follows. Never tried on the real instrument.
"""

from __future__ import annotations

from instruments.drivers.common.tsp import Tsp


class RunsScripts(Tsp):
    """A role of a box that runs scripts."""

    started = True  # a script may be running: nobody knows until `prepare` has ended it

    def end_script(self) -> None:
        """End a script, if one may be running: before a reset."""
        if self.started:
            self.write("abort")

    def abort_and(self, statements: str) -> None:
        """End a script, if one may be running, and switch off by `statements`, whatever became of the former."""
        try:
            if self.started:
                self.switch_off("abort")
        finally:
            self.switch_off(statements)
