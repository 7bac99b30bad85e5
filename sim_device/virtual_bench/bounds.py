"""How much of what a client sends, or leaves unread, a twin keeps: whoever sends without an end fills no memory."""

from typing import Final

LONGEST: Final = (
    1 << 22
)  # [bytes] of one message, on whichever way it comes: the longest list of levels has some 35,000
UNREAD: Final = 1 << 20  # [bytes] of answers a client may leave unread before no more is taken from it
MOST_UNREAD: Final = 1 << 26  # [bytes] of answers to what came at once, at which it is cut off
LONGEST_REMEMBERED: Final = 1024  # characters of a message whose meaning is kept; a list of levels comes once
