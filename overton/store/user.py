"""Who writes to a store."""

import getpass
import os


def current_user() -> str:
    """Who runs this; in a container the user may have a number and no name."""
    try:
        return getpass.getuser().encode("utf-8", "backslashreplace").decode()
    except (KeyError, OSError):
        return f"uid:{os.getuid()}"
