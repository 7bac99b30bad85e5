"""A recorded run against its own record of the wire, byte by byte."""
