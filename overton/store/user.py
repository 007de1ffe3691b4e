"""Who writes to a store."""

import getpass
import os

from overton.base import writable


def current_user() -> str:
    """Who runs this; in a container the user may have a number and no name."""
    try:
        return writable(getpass.getuser())
    except (KeyError, OSError):
        return f"uid:{os.getuid()}"
