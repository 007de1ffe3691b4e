"""`overton check`: every fault of schema, tuning, gate and data, placed and grouped."""

import argparse
from pathlib import Path

from overton.cli import console

HELP = "find every fault of an application's schema, tuning, gate and data"
EXAMPLE = "  overton check demo\n  overton check demo --quarantine bad.jsonl"

_FACTS = {"bad": "bad", "amending": "adding to others", "amended": "added to", "overridden": "labels overridden"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    console.add_app(parser)
    parser.add_argument(
        "--quarantine", type=Path, metavar="FILE", help="write the bad lines there, with the reasons; not into APP/data"
    )
    console.add_common(parser, json_output=True)


def run(options: argparse.Namespace) -> int:
    """Check, print, and return 1 where there is a fault."""
    from overton.application import load
    from overton.base import render_problems
    from overton.data.names import count_of

    application = load(options.app)
    with console.progress(quiet=options.quiet) as observe:
        outcome = application.check(quarantine=options.quarantine, observe=observe)
    if options.json:
        console.write_json(
            {
                "ok": not outcome.problems,
                "problems": console.problems_json(outcome.problems),
                "warnings": console.problems_json(outcome.warnings),
                "records": outcome.n_records,
                "lines": outcome.n_lines,
                "counts": dict(outcome.counts),
            }
        )
        return 1 if outcome.problems else 0
    if outcome.problems:
        console.note(render_problems(outcome.problems, limit=len(outcome.problems)))
    for warning in outcome.warnings:
        console.note(f"warning: {warning}")
    facts = ", ".join(f"{count:,} {_fact(name)}" for name, count in outcome.counts.items() if count)
    faults, warnings = (sum(one.count for one in many) for many in (outcome.problems, outcome.warnings))
    read = (
        f"{count_of(outcome.n_lines, 'line')}, {count_of(outcome.n_records, 'record')}{f' ({facts})' if facts else ''}"
    )
    console.write(f"{read}: {count_of(faults, 'fault')}, {count_of(warnings, 'warning')}")
    return 1 if outcome.problems else 0


def _fact(name: str) -> str:
    """What a count of the check counts, in words."""
    kind, _, what = name.partition(":")
    if kind == "cut":
        return f"cut at the max_length of {what!r}"
    return f"labels of {what!r} that name a member beyond it" if kind == "beyond" else _FACTS.get(name, name)
