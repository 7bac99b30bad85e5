"""``python -m labshd.cli``, as earlier versions had it."""

import sys

from labshd.cli.command_line import main

if __name__ == "__main__":
    sys.exit(main())
