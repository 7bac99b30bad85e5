"""Twin of the Keysight B1500A."""

from __future__ import annotations

TWINS = {
    "keysight-b1500a-smu": "analyser:KeysightB1500ATwin",
    "keysight-b1500a-spgu": "analyser:KeysightB1500ATwin",
}
