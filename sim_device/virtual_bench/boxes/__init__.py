"""The instruments of a virtual bench, a file or a folder a box; twins of real ones."""
