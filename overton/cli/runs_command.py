"""`overton runs`: the builds of an application and the trials of their searches."""

import argparse
import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from overton.base import to_the_second
from overton.cli import console

HELP = "list builds and the trials of their searches, with status, time and score, newest first"
EXAMPLE = "  overton runs demo"
HEAD = ("begun", "status", "time", "dev", "p99 ms", "MB", "what")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    console.add_app(parser)
    parser.add_argument(
        "--limit", type=console.positive, default=10, metavar="N", help="most builds shown (default 10)"
    )
    console.add_common(parser, json_output=True)


def run(options: argparse.Namespace) -> int:
    """Print the list."""
    from overton.application import load

    rows = load(options.app).runs()[: options.limit]
    if options.json:
        console.write_json({"runs": rows})
    elif rows:
        console.write(render_runs(rows, console.terminal()))
    else:
        app = shlex.quote(str(options.app))
        console.note(
            f"no build has left an account here: overton build {app} makes a version, overton versions {app} lists them"
        )
    return 0


def render_runs(rows: Sequence[Mapping[str, Any]], columns: int | None = None) -> str:
    """The table of `overton runs`: a line a build, and below it one for each other model and each trial of its own."""
    body = [line for row in rows for line in (_build(row), *_models(row), *map(_trial, row["trials"]))]
    return console.table((HEAD, *body), columns)


def _build(row: Mapping[str, Any]) -> tuple[str, ...]:
    parts = [f"version {row['version']}"] if row.get("version") else []
    parts += [f"seed {row['seed']}"]
    parts += [f"from {row['parent']}"] if row.get("parent") else []
    parts += [row["reason"]] if row.get("reason") else []
    parts += [f"taken up by the build of {to_the_second(row['resumed'])}"] if row.get("resumed") else []
    return (
        to_the_second(row["begun"]),
        row["status"],
        _time(row.get("seconds")),
        *_figures(row, "score"),
        ", ".join(parts),
    )


def _models(row: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    for name, told in row.get("models", {}).items():
        yield f"  model {name}", "", "", *_figures(told, "score"), ""


def _trial(one: Mapping[str, Any]) -> tuple[str, ...]:
    from overton.tune import told_option

    picked = ", ".join(f"{name} {told_option(value)}" for name, value in one["picked"].items())
    parts = [picked, one.get("reason", ""), "done by an earlier build" if one["earlier"] else ""]
    return (
        f"  trial {one['number']}",
        one["status"],
        _time(one.get("seconds")),
        *_figures(one, "value"),
        "; ".join(part for part in parts if part),
    )


def _time(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02}"


def _figures(told: Mapping[str, Any], score: str) -> list[str]:
    from overton.tune import told_figures

    return told_figures(told.get(score), told.get("p99_ms"), told.get("size_mb"))
