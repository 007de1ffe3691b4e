"""`overton build`: schema and data in, a version out."""

import argparse
import shlex
from contextlib import suppress
from pathlib import Path

from overton.cli import console

HELP = "combine the supervision, train, evaluate and package one version; with --promote, put it to use"
EXAMPLE = """\
  overton build demo --seed 1
  overton build demo --from live
  overton build demo --trials 12 --on local:2
  overton build demo --promote live --junit compare.xml --summary compare.md"""
EXIT = """\
  0  done; with --promote: promoted, or nothing to do
  1  something in schema, data, tuning or gate is to be mended; the problems are on stderr
  2  wrong usage
  3  with --promote: the gate refuses; the alias stays, the version is in the store
  130  stopped by Ctrl-C"""
REFUSED = 3  # the exit status where the gate refuses; docs/compare.md


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    console.add_app(parser)
    parser.add_argument(
        "--seed", type=console.seed, default=0, metavar="S", help="seed of everything random (default 0)"
    )
    parser.add_argument(
        "--from",
        dest="parent",
        metavar="VERSION",
        help="begin with the weights of a version, for a shorter training: an id or alias of APP, or as elsewhere",
    )
    parser.add_argument(
        "--trials",
        type=console.natural,
        metavar="N",
        help="search: try at most N programs, keep the best on dev; 1: no search (default: what tuning.json says)",
    )
    parser.add_argument(
        "--minutes",
        type=console.minutes,
        metavar="M",
        help="search: begin no trial that would not end within M minutes",
    )
    console.add_place(parser, "trials and ranks run, new data files are read and votes counted")
    parser.add_argument(
        "--ranks",
        type=console.natural,
        default=1,
        metavar="N",
        help="train by N processes together, each with its part of every batch (default 1)",
    )
    parser.add_argument(
        "--profile",
        action="store_true",
        help="profile some steps of the training: a trace and the slowest operators, below .overton/builds",
    )
    parser.add_argument(
        "--promote",
        metavar="ALIAS",
        help="begin from the version that the alias names, compare with it, and promote where the gate passes; "
        "exit 3 where it refuses; nothing is done where that version is of the same inputs",
    )
    parser.add_argument("--why", default="", metavar="TEXT", help="with --promote: kept in the alias's log")
    parser.add_argument("--junit", type=Path, metavar="FILE", help="with --promote: write the rows as JUnit XML")
    parser.add_argument("--summary", type=Path, metavar="FILE", help="with --promote: write a summary as Markdown")
    console.add_store(parser)
    console.add_max_bad(parser)
    console.add_common(parser, json_output=True)


def run(options: argparse.Namespace) -> int:
    """Build and print the report; or release, and print the comparison."""
    from overton.application import load
    from overton.building import RANKS_OF_TRIALS
    from overton.naming import store_words
    from overton.trials import is_searched

    wrong = _wrong_usage(options)
    if wrong:
        console.note(f"overton build: {wrong}")
        return 2
    if options.promote:
        return _release(options)
    application = load(options.app, store=options.store)
    tuning = application.tuning.searched(trials=options.trials, minutes=options.minutes)
    if options.ranks > 1 and is_searched(tuning):
        console.note(f"overton build: {RANKS_OF_TRIALS}")
        return 2
    with console.progress(quiet=options.quiet) as observe:
        parent = application.find_version(options.parent) if options.parent else None
        version = application.build(
            seed=options.seed,
            parent=parent,
            trials=options.trials,
            minutes=options.minutes,
            on=options.on,
            ranks=options.ranks,
            profile=options.profile,
            max_bad=options.max_bad,
            observe=observe,
        )
    if options.json:
        study = version.study()
        search = {"search": study.to_json()} if study else {}
        console.write_json({"version": version.id, **version.report().to_json(), **search})
        return 0
    from overton.evaluate import render_report

    console.write(render_report(version.report(), width=console.width()))
    console.write_models(version)
    console.write_study(version)
    console.write(f"\nversion {version.id}")
    name, store = f"{options.app}@{version.id}", store_words(options.store, options.app)
    report, promote = (
        shlex.join(["overton", *words, *store]) for words in (["report", name], ["promote", name, "live"])
    )
    console.write(f"Next: {report}, or {promote}")
    return 0


def _wrong_usage(options: argparse.Namespace) -> str:
    """What does not go together; empty where all does."""
    from overton.compile import SEARCH_SETTINGS

    for name, word in (("--promote", options.promote), ("--from", options.parent)):
        if word is not None and not word.strip():  # of a build server whose variable is not set, as a rule
            return f"{name} is empty; name {'an alias' if name == '--promote' else 'a version'}, or leave it out"
    if options.promote and options.parent:
        return "--promote begins from the version that its alias names; leave out --from"
    if options.ranks == 0 or (options.ranks > 1 and options.profile):
        return "--profile looks at one process; leave out --ranks" if options.ranks else "--ranks is at least 1"
    if options.promote and (options.profile or options.ranks > 1):
        return "--promote takes neither --profile nor --ranks"
    trials = SEARCH_SETTINGS["trials"]
    if options.trials is not None and not trials.accepts(options.trials):
        return f"--trials is {trials.expected}"
    if not options.promote and (options.junit or options.summary or options.why):
        return "--junit, --summary and --why need --promote"
    if options.junit and options.summary and options.junit.resolve() == options.summary.resolve():
        return "--junit and --summary are one file; name two"
    return ""


def _release(options: argparse.Namespace) -> int:
    """Build, compare, gate and promote; print and write what became of it."""
    from overton.application import load
    from overton.base import OvertonError
    from overton.base.files import check_place
    from overton.data.files import check_output, own_files
    from overton.evaluate import render_comparison, render_junit, render_summary
    from overton.release import release

    places = [path for path in (options.junit, options.summary) if path]
    for path in places:
        check_output(path, own=own_files(Path(options.app)))
        check_place(path)
    for path in places:  # what a run that is killed leaves there would be taken for what became of this one
        if path.is_file():
            path.unlink()
    try:
        with console.progress(quiet=options.quiet) as observe:
            done = release(
                load(options.app, store=options.store),
                options.promote,
                seed=options.seed,
                trials=options.trials,
                minutes=options.minutes,
                on=options.on,
                why=options.why,
                max_bad=options.max_bad,
                observe=observe,
            )
    except (OvertonError, OSError, ModuleNotFoundError) as error:
        title = f"{options.promote} stays as it is: something is to be mended"
        faults = console.problems_of(error)
        if faults:
            with suppress(OSError):  # a disk that is full: why there is no version is told all the same
                _publish(options, render_junit(None, faults=faults), render_summary(title, None, faults=faults))
        raise
    junit = render_junit(done.comparison, done.refusals, outcome=done.outcome, title=done.title)
    _publish(options, junit, render_summary(done.title, done.comparison, done.refusals))
    if options.json:
        console.write_json(done.to_json())
    else:
        if done.comparison:
            console.write(render_comparison(done.comparison, width=console.width()))
        for refusal in done.refusals:
            console.note(str(refusal))
        console.write(done.title)
    return REFUSED if done.outcome == "refused" else 0


def _publish(options: argparse.Namespace, junit: str, summary: str) -> None:
    """Write what became of a release where that is asked for."""
    from overton.base.files import write_atomic

    for path, text in ((options.junit, junit), (options.summary, summary)):
        if path:
            write_atomic(path, text)
