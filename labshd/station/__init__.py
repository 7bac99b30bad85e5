"""A station file and the open station: what it may say, how its instruments are opened, checked and left off."""
