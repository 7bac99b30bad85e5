"""Virtual twins of the instruments around the same device physics; an in-process VISA library."""
