"""`overton versions`: the versions of an application, newest first, with their quality and aliases."""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from overton.cli import console

HELP = "list the versions of an application, newest first"
EXAMPLE = "  overton versions demo"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("app", type=Path, metavar="APP", help="directory of the application")
    console.add_store(parser)
    console.add_common(parser, json_output=True)


def run(options: argparse.Namespace) -> int:
    """Print the list."""
    from overton.application import load

    rows = load(options.app, store=options.store).version_rows(observe=lambda event: console.note(event.message))
    if options.json:
        console.write_json({"versions": rows})
    elif rows:
        console.write(render_versions(rows))
    else:
        console.note(f"{options.app} has no version yet: overton build {options.app}")
    return 0


def render_versions(rows: Sequence[Mapping[str, Any]]) -> str:
    """The table of `overton versions`."""
    metrics = list(dict.fromkeys(key for row in rows for key in row.get("quality", {})))
    head = ("version", "created", "aliases", *metrics)
    body = [
        (
            row["version"],
            row["created"],
            ", ".join(row["aliases"]),
            *(_figure(row.get("quality", {}).get(metric)) for metric in metrics),
        )
        for row in rows
    ]
    widths = [max(map(len, column)) for column in zip(head, *body, strict=True)]
    return "\n".join("  ".join(map(str.ljust, line, widths)).rstrip() for line in (head, *body))


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
