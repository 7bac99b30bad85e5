"""Procedures that look at readings and decide what to pulse next: to a target, to a symmetry point."""
