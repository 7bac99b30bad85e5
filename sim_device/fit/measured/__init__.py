"""The measured step: steps of any smooth shape, with all that a real device does and its trace shows."""
