"""`overton check`: every fault of schema, tuning, gate and data, placed and grouped."""

import argparse
from pathlib import Path

from overton.base import count_of
from overton.cli import console

HELP = "find every fault of an application's schema, tuning, gate and data"
EXAMPLE = "  overton check demo\n  overton check demo --quarantine bad.jsonl"

_FACTS = {"bad": "bad", "amending": "adding to others", "amended": "added to"}


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
    facts = ", ".join(_fact(name, count) for name, count in outcome.counts.items() if count)
    faults, warnings = (sum(one.count for one in many) for many in (outcome.problems, outcome.warnings))
    read = (
        f"{count_of(outcome.n_lines, 'line')}, {count_of(outcome.n_records, 'record')}{f' ({facts})' if facts else ''}"
    )
    console.write(f"{read}: {count_of(faults, 'fault')}, {count_of(warnings, 'warning')}")
    return 1 if outcome.problems else 0


def _fact(name: str, count: int) -> str:
    """A count of the check and what it counts, in words."""
    kind, _, what = name.partition(":")
    if kind == "overridden":
        return f"{count_of(count, 'label')} overridden"
    if kind == "beyond":
        names = "names" if count == 1 else "name"
        return f"{count_of(count, 'label')} of {what!r} that {names} a member beyond it"
    return f"{count:,} " + (f"cut at the max_length of {what!r}" if kind == "cut" else _FACTS.get(name, name))
