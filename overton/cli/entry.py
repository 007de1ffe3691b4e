"""Where the installed `overton` begins: it imports nothing that takes time before it can be stopped quietly."""

import os
import sys


def start() -> int:
    """Run the command line; stopped while that is still being imported, it ends as quietly as later."""
    try:
        from overton.base.threads import one_thread

        one_thread(os.environ)
        from overton.cli.main import main

        return main()
    except KeyboardInterrupt:
        sys.stderr.write("stopped\n")
        return 130
