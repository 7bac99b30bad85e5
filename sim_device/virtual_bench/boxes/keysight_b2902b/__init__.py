"""Twin of the Keysight B2902B."""
