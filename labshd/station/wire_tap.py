"""Where instrument traffic goes: into the run while one is recorded, else nowhere."""

from __future__ import annotations

import logging
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from instruments.wire_log import Message, WireLog

log = logging.getLogger(__name__)


class Tap:
    """Where the traffic of the instruments goes: to a file while a run is recorded, else nowhere."""

    def __init__(self) -> None:
        self._log: WireLog | None = None

    def keep(self, path: Path | None) -> None:
        """From now on write every message to `path`; None ends that."""
        if self._log is not None:
            ended, self._log = self._log, None
            ended.close()
        if path is not None:
            from instruments.wire_log import WireLog

            self._log = WireLog(path)

    def __call__(self, message: Message) -> None:
        """One message passes. A disk that is full must not stop a command that switches off: the log ends instead."""
        if self._log is None:
            return
        try:
            self._log(message)
        except OSError as error:
            ended, self._log = self._log, None
            with suppress(OSError):
                ended.close()
            log.warning("the traffic of the instruments is no longer kept: %s", error)
