"""``python -m labshd``: the command line."""

import sys

from labshd.cli.command_line import main

if __name__ == "__main__":
    sys.exit(main())
