"""Protocols by name or by the path of a user's file; each is imported only when asked for."""

from __future__ import annotations

import difflib
import importlib
import importlib.util
import inspect
import pkgutil
import sys
import traceback
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

from pydantic import ConfigDict

from instruments.crosspoints import Crosspoints
from instruments.errors import InputError
from protocols.common.protocol import Protocol, Series, Steps

_PLACE = Path(__file__).parents[1]  # the package `protocols`: each of its modules is a protocol that a user can run


@cache
def _known() -> dict[str, str]:
    """Name -> module of every protocol that comes with labshd, found by its file; none is imported for that."""
    found = pkgutil.iter_modules([str(_PLACE)])
    modules = [one.name for one in found if not one.ispkg and not one.name.startswith("_")]
    return {name.replace("_", "-"): f"protocols.{name}" for name in sorted(modules)}


def names() -> list[str]:
    """Names of the protocols that come with labshd, sorted."""
    return list(_known())


def find(name: str) -> type[Protocol]:
    """The protocol of a name, such as "update-response", or of a Python file, such as "my_protocol.py".

    A file is executed; it must define exactly one subclass of `Protocol`, or one with the name given after a colon:
    "my_protocols.py:retention-fast".

    Raises
    ------
    InputError
        Unknown name (the known ones and the nearest are listed), no such file, or a file without a usable protocol.
    """
    path, _, wanted = name.partition(".py")
    if ".py" in name and (not wanted or wanted.startswith(":")):
        return _from_file(Path(path + ".py").expanduser(), wanted.removeprefix(":"))
    if name in _known():
        module = importlib.import_module(_known()[name])
        return _only(
            [c for c in vars(module).values() if _defined_in(c, module.__name__)], Path(str(module.__file__)), name
        )
    near = difflib.get_close_matches(name, _known(), n=1, cutoff=0.4)
    hint = f"did you mean '{near[0]}'? " if near else ""
    raise InputError(
        f"there is no protocol '{name}'; {hint}Known are {', '.join(names())}, or the path of your own my_protocol.py"
    )


def installed(name: str, instead: str = "") -> type[Protocol]:
    """The protocol of a name that comes with labshd; never a file, whatever a recording calls itself.

    `instead` says what to try where it is another.
    """
    if name in _known():
        return find(name)
    raise InputError(
        f"{name!r} is no protocol that comes with labshd, and code that a recording names is not run{instead}"
    )


def stand_in(_: str) -> type[Protocol]:
    """In place of a protocol of somebody's own, where a campaign is only shown: any settings, and it does nothing."""
    return _StandIn


class _StandIn(Protocol):
    """Settings as they were written, for looking at."""

    model_config = ConfigDict(frozen=True, extra="allow")
    name: ClassVar[str] = "own"
    title: ClassVar[str] = "a protocol of one's own"

    def run(self, crosspoints: Crosspoints) -> Steps:
        """Refuse."""
        raise InputError("this protocol is in a file of its own; run the campaign from its campaign file")

    def analyse(self, series: Series) -> dict[str, Any]:
        """Nothing is known of it."""
        return {}


def _from_file(path: Path, wanted: str) -> type[Protocol]:
    if not path.is_file():
        raise InputError(f"{path} is not a file; give the path of a Python file that defines a protocol")
    module_name = f"labshd_user_protocol_{path.stem}"
    spec = importlib.util.spec_from_file_location(module_name, path)
    if spec is None or spec.loader is None:
        raise InputError(f"{path} cannot be read as Python; give a .py file that defines a protocol")
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module  # pydantic looks annotations up there
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[module_name]
        raise InputError(f"{path}{_line(error, path)} does not run: {type(error).__name__}: {error}") from error
    return _only([c for c in vars(module).values() if _defined_in(c, module_name)], path, wanted)


def _line(error: Exception, path: Path) -> str:
    """Where in the file an error came from: ":12" for line 12."""
    frames = traceback.extract_tb(error.__traceback__)
    return next((f":{frame.lineno}" for frame in reversed(frames) if frame.filename == str(path)), "")


def _defined_in(item: object, module_name: str) -> bool:
    if not (inspect.isclass(item) and issubclass(item, Protocol) and item.__module__ == module_name):
        return False
    return not inspect.isabstract(item)


def _only(found: list[type[Protocol]], path: Path, wanted: str) -> type[Protocol]:
    for protocol in found:
        missing = [attribute for attribute in ("name", "title") if not hasattr(protocol, attribute)]
        if missing:
            lacks = " and no ".join(missing)
            raise InputError(f"{path}: {protocol.__name__} has no {lacks}; give it name = '...' and title = '...'")
    chosen = [protocol for protocol in found if not wanted or protocol.name == wanted]
    if len(chosen) == 1:
        return chosen[0]
    if not found:
        raise InputError(
            f"{path} defines no protocol: it needs a class derived from protocols.common.protocol.Protocol"
        )
    listed = ", ".join(protocol.name for protocol in found)
    raise InputError(f"{path} defines {listed}; name one of them, such as {path}:{found[0].name}")
