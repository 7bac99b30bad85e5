"""What crosspoints are, and the real ones: roles, drivers, limits, the wire. Imports no driver."""
