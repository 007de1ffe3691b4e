"""Where the installed `overton` begins: it imports nothing that takes time before it can be stopped quietly."""

import io
import os
import sys
from pathlib import Path


def start() -> int:
    """Run the command line; stopped while that is still being imported, it ends as quietly as later."""
    _bear_any_text()
    try:
        from overton.base.threads import one_thread

        one_thread(os.environ)
        from overton.cli.main import main

        return main()
    except KeyboardInterrupt:
        sys.stderr.write("stopped\n")
        return 130


def _bear_any_text() -> None:
    """Let every text be written: one that the encoding of the terminal lacks with escapes, none where nobody reads."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:  # closed by who started us, as by `>&-`
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115  it lasts as long as we do
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
