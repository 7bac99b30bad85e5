"""Keysight B1500A by FLEX commands: the mainframe, which several roles share. SMU and SPGU are drivers of their own.

Commands: Keysight B1500A/B1505A/B1506A/B1507A Device Analyzer Series Programming Guide, B1500-90010, chapters 1
(command input format: 256 characters a message; data output format) and 4 (command reference). A query stands last in
its message, because the box keeps one answer only. There is no ``*CLS`` (error 100), and ``*RST`` leaves the error
queue as it is, so the queue is read empty. A device clear resets the box, so whatever a role needs is said again each
time it is configured. Never tried on the real instrument.
"""

from __future__ import annotations

import logging
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final
from weakref import WeakKeyDictionary, WeakSet

from pymeasure.adapters import Adapter

from instruments.drivers.common.connected import MOST_ERRORS, Connected
from instruments.errors import InputError, InstrumentError, WrongInstrument
from instruments.limits import Limits
from instruments.roles import InstrumentRole, Interlock

log = logging.getLogger(__name__)

LONGEST_MESSAGE: Final = 255  # characters; with its termination 256, the command input buffer
SLOTS: Final = 10
INTERLOCK_OPEN: Final = 8  # bit of the status byte (Programming Guide, status byte)


class Mainframe:
    """What the roles of one box share. One a connection; made by `of`.

    Attributes
    ----------
    modules
        Model in each slot, from 1; empty until asked for.
    prepared
        Channels that were prepared since the last reset.
    """

    _known: ClassVar[WeakKeyDictionary[Adapter, Mainframe]] = WeakKeyDictionary()

    def __init__(self) -> None:
        self.roles: WeakSet[KeysightB1500A] = WeakSet()
        self.modules: dict[int, str] = {}
        self.prepared: set[int] = set()

    @classmethod
    def of(cls, adapter: Adapter) -> Mainframe:
        """The box behind a connection: the same one for all roles that share it."""
        return cls._known.setdefault(adapter, cls())

    def was_reset(self) -> None:
        """No role is prepared or configured any more, no output is on."""
        self.prepared.clear()
        for role in self.roles:
            role.forget()

    def others_on(self, one: KeysightB1500A) -> bool:
        """Whether another role of this box has its output on, as far as is known here."""
        return any(role.on for role in self.roles if role is not one)


def flex(value: float) -> str:
    """A number as FLEX takes it: 10 significant digits, so that 100 ns never becomes 0 nor a second loses its ns."""
    return f"{value:.10G}"


def slot_of(channel: int) -> int:
    """The slot of a channel number: 1 to 10 is the slot itself, 101 to 1002 is slot and subchannel."""
    return channel // 100 if channel > SLOTS else channel


class KeysightB1500A(Connected, InstrumentRole):
    """One channel of a B1500A in one role.

    Parameters
    ----------
    channel
        As the box numbers it: the slot for an SMU (2), slot and subchannel for an SPGU (101).
    """

    models: ClassVar[tuple[str, ...]]  # of modules that can play this role
    on: bool  # whether the output switch of the channel was closed

    def __init__(self, adapter: Adapter, limits: Limits, name: str, channel: int, **kwargs: Any) -> None:
        super().__init__(adapter, limits, name, **kwargs)
        if not 1 <= slot_of(channel) <= SLOTS:
            raise InputError(f"a B1500A has no channel {channel}; an SMU is named by its slot (2), an SPGU like 101")
        self.channel = channel
        self.box = Mainframe.of(adapter)
        self.box.roles.add(self)
        self.forget()

    @abstractmethod
    def forget(self) -> None:
        """After a reset of the box: nothing is configured, the output is off."""

    @abstractmethod
    def _setup(self) -> list[str]:
        """Commands that bring this role from a reset to its known state."""

    # -- the role --------------------------------------------------------------------------------------------------

    def prepare(self) -> None:
        """Reset of the box by the first role that is prepared (or prepared again), then what this role needs."""
        box = self.box
        if not box.prepared or self.channel in box.prepared:
            self.write("*RST")
            for error in self._errors():
                log.warning("%s: an error from before the reset: %s", self.name, error)
            box.was_reset()
        self._check_module()
        self.settle(self._setup())
        box.prepared.add(self.channel)

    def off(self) -> None:
        """Own output off while another role is at work, else ``CL``: all output switches of the box, whosever.

        So a stop of all roles ends with the whole box off, and a change of phase leaves the other role as it is.
        """
        self.on = False
        self.switch_off(f"CL {self.channel}" if self.box.others_on(self) else "CL")

    def is_off(self) -> bool:
        """Whether the box says that all its output switches are open."""
        closed = self.ask("*LRN? 0").strip().upper()
        if not closed.startswith(("CL", "CN")):
            raise InstrumentError(f"{self.name} answered '*LRN? 0' with {closed!r}, where CL or CN and channels belong")
        return closed.startswith("CL")

    def interlock(self) -> Interlock | None:
        """Without it 42 V is the most: the box tells in bit 3 of the status byte that the interlock is open."""
        byte = self.numbers("*STB?", 1)[0]
        return Interlock(not int(byte) & INTERLOCK_OPEN, 42.0)

    def remembered(self) -> dict[str, Any]:
        """Modules by slot: ranges depend on what is there."""
        return {"modules": {str(slot): model for slot, model in self.box.modules.items()}}

    def recall(self, remembered: Mapping[str, Any]) -> None:
        """The modules that were there."""
        told = remembered.get("modules", {})
        self.box.modules = {int(slot): str(model) for slot, model in told.items()} or self.box.modules

    def check_errors(self) -> None:  # type: ignore[override] - PyMeasure's logs errors and returns them
        """Drain the error queue; `CommandRefused` names every entry."""
        errors = self._errors()
        if errors:
            raise self.refused(errors, "what was sent before")

    # -- FLEX ------------------------------------------------------------------------------------------------------

    def settle(self, commands: Sequence[str]) -> None:
        """Send settings and ask for errors in the same message; `CommandRefused` names them."""
        for message in _messages(commands):
            first = self.ask(message).strip()
            if not _is_none(first):
                raise self.refused([first, *self._errors()], message)

    def closes_output(self, commands: Sequence[str]) -> None:
        """Send commands that drive the channel; on from then on, until the box is switched off."""
        self.on = True  # before it is known that they were taken
        self.settle(commands)

    def _errors(self) -> list[str]:
        errors: list[str] = []
        while len(errors) < MOST_ERRORS:
            entry = self.ask("ERRX?").strip()
            if _is_none(entry):
                break
            errors.append(entry)
        return errors

    def _check_module(self) -> None:
        """`WrongInstrument` unless a module of the right kind is in the slot; the box is asked once."""
        if not self.box.modules:
            answer = self.ask("UNT?").strip()
            models = [part.partition(",")[0].strip() for part in answer.split(";")]
            self.box.modules = dict(enumerate(models, start=1))
        slot = slot_of(self.channel)
        found = self.box.modules.get(slot, "0")
        if found not in self.models:
            there = ", ".join(f"{at}: {model}" for at, model in self.box.modules.items() if model != "0")
            raise WrongInstrument(
                f"{self.name} needs {' or '.join(self.models)} for channel {self.channel}, and slot {slot} has "
                f"{found if found != '0' else 'nothing'}; in this box are {there}: correct `channel`"
            )


def _messages(commands: Sequence[str]) -> list[str]:
    """Commands joined into messages that fit the command input buffer, each ended by a query of the error queue."""
    messages: list[str] = []
    for command in commands:
        longer = f"{messages[-1]};{command}" if messages else command
        if messages and len(longer) + len(";ERRX?") <= LONGEST_MESSAGE:
            messages[-1] = longer
        else:
            messages.append(command)
    return [f"{message};ERRX?" for message in messages]


def _is_none(entry: str) -> bool:
    return entry.split(",", 1)[0] in ("0", "+0")
