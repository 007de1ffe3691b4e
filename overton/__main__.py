"""`python -m overton ...`, for where the command `overton` is not on the path."""

import sys

from overton.cli.entry import start

if __name__ == "__main__":
    sys.exit(start())
