"""`overton serve`: answer over HTTP, without torch."""

import argparse
from pathlib import Path

from overton.cli import console

HELP = "serve a version over HTTP"
EXAMPLE = """  overton serve demo@live --port 8080
  curl -H 'Content-Type: application/json' -d '{"payloads": {"query": "how tall"}}' localhost:8080/v1/predict"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "version", metavar="VERSION", help="path to an artefact, APP@ID, APP@ALIAS, or APP (the newest)"
    )
    parser.add_argument("--host", default="127.0.0.1", metavar="H", help="address to bind (default 127.0.0.1)")
    parser.add_argument("--port", type=int, default=8080, metavar="P", help="port to bind (default 8080)")
    parser.add_argument(
        "--token-file", type=Path, metavar="FILE", help="clients must show the token in it; needed beyond 127.0.0.1"
    )
    console.add_store(parser)
    console.add_common(parser)


def run(options: argparse.Namespace) -> int:
    """Serve until stopped."""
    from overton.application import find_version
    from overton.serve.server import run as serve

    version = find_version(options.version, store=options.store)
    with console.progress(quiet=options.quiet) as observe:
        serve(
            version.artifact,
            version.id,
            host=options.host,
            port=options.port,
            token_file=options.token_file,
            observe=observe,
        )
    return 0
