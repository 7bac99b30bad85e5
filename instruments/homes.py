"""Where public names live: packages offer them without importing them, and places of earlier versions go on working.

A script of last year that says ``from labshd.recorder import record`` gets the module that is there now, and a
DeprecationWarning with the name to write instead. Old places are kept for one version.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType


def offered(package: str, homes: Mapping[str, str]) -> Callable[[str], object]:
    """The ``__getattr__`` of a package: each of `homes` is imported when it is first asked for.

    `homes` says for each name the module that has it, as ``"module"``, or ``"module:name"`` where it is called
    otherwise there, or ``"module:"`` where the module itself is meant.
    """

    def get(name: str) -> object:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        home, colon, there = homes[name].partition(":")
        module = import_module(home)
        found = module if colon and not there else getattr(module, there or name)
        setattr(sys.modules[package], name, found)
        return found

    return get


def moved_names(package: str, home: str, instead: Callable[[str], object] | None = None) -> Callable[[str], object]:
    """The ``__getattr__`` of a package that was a module of that name, whose contents are in `home` now.

    `instead` is asked first: the names that the package offers for good.
    """

    def get(name: str) -> object:
        if instead is not None:
            try:
                return instead(name)
            except AttributeError:
                pass
        # A file of the package is found by the import system itself, after this has said that it does not know it.
        known = not name.startswith("__") and find_spec(f"{package}.{name}") is None
        if not known or not hasattr(module := import_module(home), name):
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        _warn(f"{package}.{name}", f"{home}.{name}")
        return getattr(module, name)

    return get


def keep_old_places(moved: Mapping[str, str]) -> None:
    """Let modules be imported by their names of earlier versions: `moved` is old to new."""
    if moved and not any(isinstance(one, _OldPlaces) and one.moved is moved for one in sys.meta_path):
        sys.meta_path.insert(0, _OldPlaces(moved))  # first: an old file left behind by an update must not win


class _OldPlaces(MetaPathFinder, Loader):
    """Finds modules under their names of earlier versions."""

    def __init__(self, moved: Mapping[str, str]) -> None:
        self.moved = moved
        self._specs: dict[str, ModuleSpec | None] = {}

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The spec of an old name."""
        if fullname not in self.moved:
            return None
        _warn(fullname, self.moved[fullname])
        return ModuleSpec(fullname, self)

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """The module that is there now; the import system gives it the old spec, which `exec_module` takes back."""
        module = import_module(self.moved[spec.name])
        self._specs[spec.name] = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        """It has been run already."""
        said = module.__spec__.name if module.__spec__ else ""
        module.__spec__ = self._specs.pop(said, module.__spec__)


def _warn(old: str, new: str) -> None:
    warnings.warn(
        f"{old} has moved to {new}; the old place works in this version, not in the next",
        DeprecationWarning,
        stacklevel=3,  # of who imports, or asks for the name: frames of the import system are not counted
    )
