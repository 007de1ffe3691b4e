"""`overton experiment`: how quality grows with supervision, what is pretrained brings, and a former system compares."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from overton.base import Observe
from overton.cli import console

if TYPE_CHECKING:
    from overton.application import Application
    from overton.experiments import Baseline, Curves

HELP = "measure what weak supervision, a pretrained model, or a version beside a former system bring"
EXAMPLE = """\
  overton experiment scaling demo --sizes 1,2,4,8 --seeds 3
  overton experiment pretrained demo --embedding vectors:glove.txt
  overton experiment baseline demo --source legacy_v1"""
KINDS = {
    "scaling": (
        "measure quality against the amount of weak supervision",
        "  overton experiment scaling demo --sizes 1,2,4,8 --seeds 3",
    ),
    "pretrained": (
        "measure the same with and without something pretrained, and from what amount on it stops paying",
        "  overton experiment pretrained demo --embedding hf:minilm --payload tokens --sizes 1,4,16",
    ),
    "baseline": (
        "count the errors of a version beside those of a former system that is a source of the data",
        "  overton experiment baseline demo --source legacy_v1 --version demo@live",
    ),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of each experiment."""
    kinds = parser.add_subparsers(dest="kind", metavar="KIND", required=True)
    for kind, (summary, example) in KINDS.items():
        command = kinds.add_parser(
            kind,
            help=summary,
            description=summary[0].upper() + summary[1:] + ".",
            epilog=f"example:\n{example}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        console.add_app(command)
        if kind == "pretrained":
            _add_pretrained(command)
        if kind == "baseline":
            _add_baseline(command)
        else:
            _add_curve(command)
        command.add_argument("--task", action="append", default=[], metavar="T", help=_task_help(kind))
        command.add_argument(
            "--output",
            type=Path,
            metavar="DIR",
            help=f"write {kind}.json and {kind}.svg there (default: APP/.overton/experiments)",
        )
        console.add_max_bad(command)
        console.add_common(command, json_output=True)


def run(options: argparse.Namespace) -> int:
    """Run the experiment, write its files and print its table."""
    from overton.application import load
    from overton.experiments import render_outcome
    from overton.experiments.files import write_outcome

    application = load(options.app, store=options.store if options.kind == "baseline" else None)
    folder = options.output or application.home / "experiments"
    folder.mkdir(parents=True, exist_ok=True)
    with console.progress(quiet=options.quiet) as observe:
        outcome = _measure(application, options, observe)
    written = write_outcome(outcome, folder)
    if options.json:
        console.write_json(outcome.to_json())
        return 0
    console.write(render_outcome(outcome, width=console.width()))
    console.note(f"{folder}: {', '.join(path.name for path in written)}")
    return 0


def _measure(application: "Application", options: argparse.Namespace, observe: Observe) -> "Curves | Baseline":
    from overton.experiments import run_baseline, run_pretrained, run_scaling

    common = {"tasks": tuple(options.task), "max_bad": options.max_bad, "observe": observe}
    if options.kind == "baseline":
        version = application.find_version(options.version) if options.version else None
        return run_baseline(
            application,
            source=options.source,
            version=version,
            curated=tuple(options.curated),
            seed=options.seed,
            **common,
        )
    common |= {"sizes": options.sizes, "seeds": options.seeds, "on": options.on}
    if options.kind == "scaling":
        return run_scaling(application, **common)
    return run_pretrained(application, embedding=options.embedding, payload=options.payload, **common)


def _add_curve(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--sizes",
        type=_whole_numbers,
        default=(1, 2, 4, 8, 16, 32),
        metavar="LIST",
        help="amounts of supervision, the greatest is all training records (default 1,2,4,8,16,32)",
    )
    command.add_argument(
        "--seeds", type=int, default=3, metavar="N", help="seeds at each size, each with its own draw (default 3)"
    )
    console.add_place(command, "the programs are trained")


def _add_pretrained(command: argparse.ArgumentParser) -> None:
    command.add_argument("--embedding", required=True, metavar="E", help="hf:NAME_OR_FOLDER or vectors:FILE")
    command.add_argument(
        "--payload", metavar="P", help="the payload that it embeds (default: the first sequence or text)"
    )


def _add_baseline(command: argparse.ArgumentParser) -> None:
    command.add_argument("--source", required=True, metavar="S", help="the source that is the former system")
    command.add_argument(
        "--version",
        metavar="VERSION",
        help="an id or alias of APP, or as elsewhere (default: the newest, or one that is built where there is none)",
    )
    command.add_argument(
        "--curated",
        action="append",
        default=[],
        metavar="S",
        help="a source that does not count as weak, beside gold; may be given several times",
    )
    command.add_argument(
        "--seed", type=console.seed, default=0, metavar="S", help="seed of the intervals, and of a build (default 0)"
    )
    console.add_store(command)


def _task_help(kind: str) -> str:
    if kind == "baseline":
        return "this task alone; may be given several times (default: all where the source labels test records)"
    return "tell of and draw this task; may be given several times (default: tell of all, draw one a type of payload)"


def _whole_numbers(text: str) -> tuple[int, ...]:
    """Numbers parted by commas; argparse names the option where they are none."""
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected whole numbers separated by commas, got {text!r}") from None
