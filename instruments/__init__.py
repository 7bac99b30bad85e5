"""Crosspoints and the instruments that make them real: roles, drivers, limits, the wire. Imports no driver."""

from __future__ import annotations

from instruments._moved import MOVED
from instruments.homes import keep_old_places

keep_old_places(MOVED)
