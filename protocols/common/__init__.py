"""What protocols are made of: points and settings, stop rules, timing, turns. Imports no single protocol."""
