"""Twin of the Keysight B2902B."""

from __future__ import annotations

TWINS = {
    "keysight-b2902b": "commands:KeysightB2902BTwin",
    "keysight-b2902b-pulses": "commands:KeysightB2902BTwin",
}
