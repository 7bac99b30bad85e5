"""The lock on a bench: one labshd at a time, and a way for another process to ask it to stop.

Each VISA resource has a lock in a folder of the user, beside which stands who holds it. The operating system drops a
lock when its process ends, however it ends; what such a process left behind is taken over. Not for rehearsals, whose
instruments are in the process.
"""

from __future__ import annotations

import hashlib
import logging
import math
import os
import re
import socket
import sys
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from instruments.errors import BenchInUse, InputError, RunError, all_at_once
from labshd.common import provenance
from labshd.common.locks import FileLock, Held, is_held
from labshd.runs.json_files import read_json, write_json

log = logging.getLogger(__name__)

FOLDER_VARIABLE = "LABSHD_LOCKS"
LOOK_EVERY = 0.05  # [s] between two looks whether someone asked for an end: to look takes as long as a pulse


@dataclass(frozen=True)
class Holder:
    """Who has an instrument: process number, host, since when (ISO 8601, UTC), with which command and station file."""

    process: int
    host: str
    since: str
    command: str
    station: str
    user: str = ""

    @property
    def is_this_process(self) -> bool:
        """Whether it is the process that asks."""
        return self.process == os.getpid() and self.host == socket.gethostname()

    def __str__(self) -> str:
        by = f" of {self.user}" if self.user else ""
        return f"process {self.process}{by} on {self.host}, since {self.since}: {self.command} ({self.station})"

    @staticmethod
    def of_this_process(station: Path) -> Holder:
        """Who we are, now."""
        who = provenance.who()
        command = " ".join([Path(sys.argv[0]).name or "python", *sys.argv[1:]]).strip()
        since = provenance.now().isoformat(timespec="seconds")
        return Holder(os.getpid(), who["host"], since, command, str(station.absolute()), who["user"])

    @staticmethod
    def read(path: Path) -> Holder | None:
        """Who is written there; None where nobody is, or it cannot be read."""
        try:
            said: dict[str, Any] = read_json(path)
            return Holder(**said)
        except (InputError, TypeError):
            return None


def locks_folder() -> Path:
    """Where locks are kept: the environment's LABSHD_LOCKS, else ``.labshd/locks`` in the home of the user."""
    said = os.environ.get(FOLDER_VARIABLE)
    return Path(said) if said else Path.home() / ".labshd" / "locks"


def resource_key(resource: str) -> str:
    """One name for all spellings of a VISA resource: ``TCPIP::h::INSTR`` is ``TCPIP0::h::inst0::INSTR``."""
    from pyvisa.rname import InvalidResourceName, ResourceName

    try:
        return str(ResourceName.from_string(resource)).upper()
    except InvalidResourceName:
        return resource.upper()  # an alias of a vendor's library


class BenchLock:
    """The locks of all instruments of a bench, from its making until `release`.

    Parameters
    ----------
    resources
        VISA resource names; one that stands twice is locked once.
    station
        The station file, for whoever finds the bench in use.

    Raises
    ------
    BenchInUse
        Somebody has one of them; says who, and holds none.
    """

    def __init__(self, resources: Iterable[str], station: Path) -> None:
        self._process = os.getpid()
        self._held: list[tuple[FileLock, Path]] = []
        self._stop: list[Path] = []
        self._looked = -math.inf
        me, taken = Holder.of_this_process(station), dict[str, str]()
        for key in sorted({resource_key(resource) for resource in resources}):
            holder = self._take(key, me)
            if holder is not None:
                taken[key] = holder
        if taken:
            self.release()
            raise BenchInUse(_in_use(station, taken))

    def _take(self, key: str, me: Holder) -> str | None:
        """Lock one resource; gives who has it where somebody does."""
        paths = _Paths.of(key)
        try:
            paths.lock.parent.mkdir(parents=True, exist_ok=True)
            lock = FileLock(paths.lock)
        except Held:
            holder = Holder.read(paths.info)
            if holder is not None and holder.is_this_process:
                return f"this very process, since {holder.since}: close the station that is open (station.close())"
            return str(holder) if holder else "another process, which did not say who it is"
        except OSError as error:
            log.warning("%s cannot be locked (%s): nobody is told that it is in use", key, error)
            return None
        gone = Holder.read(paths.info)
        if gone is not None:
            log.warning("%s was left by %s; that process is gone: the bench is taken over", key, gone)
        paths.stop.unlink(missing_ok=True)
        self._held.append((lock, paths.info))
        self._stop.append(paths.stop)
        try:
            write_json(paths.info, asdict(me))
        except RunError as error:
            log.warning("%s: %s", key, error)
        return None

    def asked_to_stop(self) -> str | None:
        """Who asked this process to end what it does with the bench, None while nobody has; looks now and then."""
        now = time.monotonic()
        if now - self._looked < LOOK_EVERY:
            return None
        self._looked = now
        for path in self._stop:
            if path.exists():
                by = Holder.read(path)
                return f"labshd safe, {by}" if by else "labshd safe"
        return None

    def release(self) -> None:
        """Let go of all. Idempotent; in the child of a fork they are the parent's."""
        if self._process != os.getpid():
            return
        while self._held:
            lock, info = self._held.pop()
            info.unlink(missing_ok=True)
            lock.release()
        while self._stop:
            self._stop.pop().unlink(missing_ok=True)


@dataclass(frozen=True)
class _Paths:
    """The files of one resource: the lock, who holds it, and the wish that it stops."""

    lock: Path
    info: Path
    stop: Path

    @staticmethod
    def of(key: str) -> _Paths:
        plain = re.sub(r"[^A-Z0-9.]+", "-", key).strip("-.")[:60]
        stem = f"{plain}-{hashlib.sha256(key.encode()).hexdigest()[:8]}"
        folder = locks_folder()
        return _Paths(folder / f"{stem}.lock", folder / f"{stem}.json", folder / f"{stem}.stop")


def _in_use(station: Path, taken: dict[str, str]) -> str:
    told = [f"{key} is in use by {holder}" for key, holder in taken.items()]
    if len(set(taken.values())) == 1:
        told = [f"in use by {next(iter(taken.values()))}"]
    advice = f"nothing was opened; wait for its end, or end it. `labshd safe {station}` switches off in spite of it"
    return f"{all_at_once(f'{station}: cannot open the bench', told)}\n{advice}"


def holders(resources: Iterable[str]) -> dict[str, Holder | None]:
    """Who holds instruments, by resource; None where it is not known who. What nobody holds is left out."""
    found: dict[str, Holder | None] = {}
    for key in sorted({resource_key(resource) for resource in resources}):
        paths = _Paths.of(key)
        if is_held(paths.lock):
            found[key] = Holder.read(paths.info)
    return found


def ask_to_stop(resources: Iterable[str], station: Path) -> dict[str, Holder | None]:
    """Ask whoever holds these instruments to end its run; gives who they are. Returns at once."""
    found = holders(resources)
    for key in found:
        try:
            write_json(_Paths.of(key).stop, asdict(Holder.of_this_process(station)))
        except RunError as error:
            log.warning("%s cannot be asked to stop: %s", key, error)
    return found


def wait_until_free(resources: Iterable[str], patience: float) -> dict[str, Holder | None]:
    """Wait up to `patience` [s] for whoever was asked to stop; gives who still holds an instrument."""
    deadline = time.monotonic() + patience
    while (left := holders(resources)) and time.monotonic() < deadline:
        time.sleep(0.02)
    return left
