"""Twin of the Keysight B1500A."""
