"""`overton versions`: the versions of an application, newest first, with their quality and aliases."""

import argparse
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from overton.base import share_text, to_the_second, width_of
from overton.cli import console

HELP = "list the versions of an application, newest first"
EXAMPLE = "  overton versions demo"
HEAD = ("version", "created", "aliases")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    console.add_app(parser)
    console.add_store(parser)
    console.add_common(parser, json_output=True)


def run(options: argparse.Namespace) -> int:
    """Print the list."""
    from overton.application import load
    from overton.naming import store_words

    rows = load(options.app, store=options.store).version_rows(observe=lambda event: console.note(event.message))
    if options.json:
        console.write_json({"versions": rows})
    elif rows:
        console.write(render_versions(rows, console.terminal()))
    else:
        words = ["overton", "build", str(options.app), *store_words(options.store, options.app)]
        console.note(f"{options.app} has no version yet: {shlex.join(words)}")
    return 0


def render_versions(rows: Sequence[Mapping[str, Any]], columns: int | None = None) -> str:
    """The table of `overton versions`; where it is too wide for the terminal, the figures of a version are a list."""
    metrics = list(dict.fromkeys(key for row in rows for key in row.get("quality", {})))
    own = [(row["version"], to_the_second(row["created"]), ", ".join(row["aliases"])) for row in rows]
    qualities = [[_figure(row.get("quality", {}).get(metric)) for metric in metrics] for row in rows]
    wide = [(*HEAD, *metrics), *((*named, *figures) for named, figures in zip(own, qualities, strict=True))]
    text = console.table(wide, None)
    if columns is None or max(map(width_of, text.splitlines())) <= columns:
        return text
    listed = [", ".join(map(" ".join, zip(metrics, figures, strict=True))) for figures in qualities]
    return console.table(
        [(*HEAD, "quality"), *((*named, one) for named, one in zip(own, listed, strict=True))], columns
    )


def _figure(value: float | None) -> str:
    return "-" if value is None else share_text(value)
