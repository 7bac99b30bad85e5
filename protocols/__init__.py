"""Protocols: one measurement a file, with the numbers and figures drawn from it."""

from __future__ import annotations

from instruments.homes import keep_old_places
from protocols._moved import MOVED

keep_old_places(MOVED)
