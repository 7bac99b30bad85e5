"""Tables as laboratories have them, read for ``labshd import``: recognised, mapped, checked, shown; nothing guessed."""
