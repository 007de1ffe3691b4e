"""`overton explain`: the compiled program, as text, and what a search may choose in its place."""

import argparse
from pathlib import Path

from overton.base import Observe, OvertonError, ignore
from overton.cli import console

HELP = "print the compiled program of an application and what a search may choose, or the program of a version"
EXAMPLE = "  overton explain demo"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "target", metavar="APP|VERSION", help="an application, or APP@ID, APP@ALIAS, APP:small, an artefact's path"
    )
    console.add_store(parser)
    console.add_max_bad(parser)
    console.add_common(parser)


def run(options: argparse.Namespace) -> int:
    """Print the program."""
    with console.progress(quiet=options.quiet) as observe:
        text = explain_target(options.target, store=options.store, max_bad=options.max_bad, observe=observe)
        console.write(text)
    return 0


def explain_target(text: str, *, store: str | None = None, max_bad: int = 0, observe: Observe = ignore) -> str:
    """The program of an application as it would be built now, or of a version.

    Raises:
        OvertonError: Where there is none, or it has faults.
    """
    from overton.application import find_version, load
    from overton.artifact import LARGE
    from overton.compile import explain
    from overton.naming import parse_named
    from overton.pipeline import plan
    from overton.pretrained.files import check_pretrained
    from overton.trials import space_for
    from overton.tune import render_space

    named = parse_named(text)
    if ("@" in text and not Path(text).is_dir()) or named.is_artifact or named.model:
        return find_version(text, store=store).explain()
    application = load(text, store=store)
    if missing := check_pretrained(application.tuning, application.directory):  # of all that a search may choose
        raise OvertonError(missing)
    dataset = application.dataset(max_bad=max_bad, observe=observe)
    program = explain(plan(dataset, application.tuning.of_model(LARGE), application.directory).program)
    return f"{program}\n{render_space(space_for(dataset, application.tuning, application.directory))}"
