"""A loop that a TSP box works through by itself, while its clock and the bench go on.

Source: Series 2600B System SourceMeter Reference Manual, 2600BS-901-01, section 7 (delay; tspnet.tsp.abort: ``abort``
ends what runs, anything else waits for it). Between two statements no time passes: what the box needs for
one of them is not specified.
"""

from __future__ import annotations

from collections.abc import Iterator

from sim_device.virtual_bench.bench_clock import BenchClock

_SAME = 1e-12  # [s] that two times may differ by and be one


class RunningScript:
    """What is left of a script; each of its statements happens at its own time."""

    def __init__(self, clock: BenchClock) -> None:
        self._clock = clock
        self._statements: Iterator[None] | None = None
        self._at = 0.0  # [s] when the next statement begins
        self._busy = 0.0  # [s] when the last one that was more than a delay is over
        self._delay = 0.0  # [s] that the statement just run has asked for

    @property
    def runs(self) -> bool:
        """Whether some of it is left."""
        return self._statements is not None

    def begin(self, statements: Iterator[None]) -> None:
        """The first statements happen now."""
        self._statements, self._at, self._busy = statements, self._clock.now(), self._clock.now()
        self.advance()

    def delay(self, seconds: float) -> None:
        """``delay()``: inside a script its next statement is later, else the bench waits."""
        if self._statements is None:
            self._clock.wait(seconds)
        else:
            self._delay += seconds

    def advance(self) -> None:
        """Let happen what has happened since somebody asked last. An error of a statement ends the script."""
        now = self._clock.now()
        while self._statements is not None and self._at <= now + _SAME:
            self._delay = 0.0
            try:
                with self._clock.at(self._at):
                    next(self._statements)
                    over = self._clock.now()
            except BaseException as error:
                self._statements = None
                if isinstance(error, StopIteration):
                    return
                raise
            if over > self._at:
                self._busy = over
            self._at = over + self._delay

    def finish(self) -> None:
        """Wait for the end."""
        self.advance()
        while self._statements is not None:
            self._clock.wait(max(0.0, self._at - self._clock.now()))
            self.advance()

    def abort(self) -> None:
        """``abort``: a delay ends, a measurement that runs is finished first, nothing else comes."""
        self.advance()
        if self._statements is not None:
            self._clock.wait(max(0.0, self._busy - self._clock.now()))
        self._statements = None
