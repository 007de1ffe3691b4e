"""`overton export`: a version as a folder for another runtime, checked to compute the same."""

import argparse
import os
import shlex
from pathlib import Path

from overton.cli import console

HELP = "write a version for another runtime, checked to compute the same, with a script that runs it"
EXAMPLE = """  overton export demo@live exported --to onnx
  python exported/run.py"""
# TensorFlow greets everyone on stderr, and rounds in another order where it may.
QUIET = {"TF_CPP_MIN_LOG_LEVEL": "2", "TF_ENABLE_ONEDNN_OPTS": "0"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    console.add_version(parser)
    parser.add_argument("directory", type=Path, metavar="DIR", help="folder to write: a new one, or an empty one")
    parser.add_argument(
        "--to",
        required=True,
        choices=("onnx", "torch", "coreml", "tensorflow"),
        help="the runtime; coreml and tensorflow need the extra of their name",
    )
    console.add_store(parser)
    console.add_common(parser)


def run(options: argparse.Namespace) -> int:
    """Export, and tell what was checked."""
    from overton.application import find_version

    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    version = find_version(options.version, store=options.store)
    with console.progress(quiet=options.quiet) as observe:
        exported = version.export(options.to, options.directory, observe=observe)
    console.write(f"{options.directory}: version {version.label} for {options.to}, {exported.n_bytes / 1e6:.1f} MB")
    console.write(
        f"checked on {exported.n_records} golden records, greatest difference {exported.worst:.1g}: {exported.how}"
    )
    script = shlex.quote(str(options.directory / "run.py"))
    console.write(f"Next: python {script}; {options.directory / 'README.md'} tells the rest")
    return 0
