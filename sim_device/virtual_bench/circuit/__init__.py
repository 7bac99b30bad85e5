"""The circuit of a virtual bench: nets through closed relays, lines, cells, terminals."""
