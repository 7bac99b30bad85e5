"""Where is the symmetry point, and how sure is that?"""

from __future__ import annotations

from instruments.homes import moved_names

__getattr__ = moved_names(__name__, "protocols.analysis.symmetry.estimate")
