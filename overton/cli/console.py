"""What a person sees: results on stdout, progress on stderr, as a bar on a terminal and as plain lines elsewhere."""

import argparse
import json
import os
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from overton.base import (
    MOST_SEED,
    Event,
    Observe,
    OvertonError,
    Problem,
    ignore,
    legible,
    os_reason,
    padded,
    width_of,
    wrapped,
)

if TYPE_CHECKING:
    from overton.version import Version

LINE_EVERY_SECONDS = 10.0
LEAST_MB = 0.001
LEAST_ROOM = 16  # columns of what is wrapped beside the others, however narrow the terminal
INTERRUPTED = 130


def write(text: str) -> None:
    """Write a result to stdout, with a line end; a text that anybody may have sent gives the terminal no orders."""
    text = legible(text)
    try:
        sys.stdout.write(text if text.endswith("\n") else text + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader has gone, as `| head` does. What is still to be told goes nowhere, and the exit status stays what
        # it is: a gate that refuses must not look like one that lets pass.
        with suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def note(text: str) -> None:
    """Tell a person something on stderr."""
    sys.stderr.write(legible(text) + "\n")
    sys.stderr.flush()


def stopped() -> int:
    """Tell a person that their interrupt was heard; the exit status of it."""
    note("stopped; nothing was left half written")
    return INTERRUPTED


def leave(status: int) -> NoReturn:
    """End the process at once, without the end of Python, which threads in native code would not survive."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def write_json(value: object) -> None:
    """Write one JSON document to stdout; with JSON's own escapes where that has another encoding than UTF-8."""
    is_utf8 = (sys.stdout.encoding or "utf-8").lower().replace("-", "") == "utf8"
    write(json.dumps(value, ensure_ascii=not is_utf8, indent=2))


def problems_json(problems: Sequence[Problem]) -> list[dict[str, Any]]:
    """Problems as JSON values: what `docs/errors.md` says of them."""
    keys = ("code", "message", "hint", "path", "line", "field", "count")
    return [{key: getattr(problem, key) for key in keys} for problem in problems]


def problems_of(error: OvertonError | OSError | ModuleNotFoundError) -> tuple[Problem, ...]:
    """What keeps a command from its work, of what a user can put right; nothing where the fault is our own."""
    if isinstance(error, OvertonError):
        return error.problems
    if isinstance(error, OSError):
        path = os.fspath(error.filename) if isinstance(error.filename, str | os.PathLike) else ""
        hint = "Check the path, its permissions, and the space on the disk"
        return (Problem(os_reason(error), "os.refused", path=path, hint=hint),)
    if not error.name or error.name.partition(".")[0] == "overton":
        return ()
    # An installation that lacks a package, as one for serving alone lacks torch.
    message = f"this needs the package {error.name}, which is not installed"
    hint = "An installation for serving alone serves and predicts; `pip install overton` does the rest"
    return (Problem(message, "install.missing-package", hint=hint),)


def write_models(version: "Version") -> None:
    """Write the models of a version side by side to stdout, where it has several."""
    from overton.evaluate import parse_report, render_models

    models = {name: version.artifact.model(name) for name in version.artifact.models}
    if models:
        reports = {name: parse_report(model.json("report.json")) for name, model in models.items()}
        sizes = {name: len(model.files["model.onnx"]) for name, model in models.items()}
        write("\nmodels of this version, on test\n" + render_models(reports, sizes))


def write_study(version: "Version") -> None:
    """Write the trials behind a version to stdout, where a search chose it."""
    from overton.tune import render_study

    study = version.study()
    if study:
        write("\n" + render_study(study))


def width() -> int:
    """Columns of the terminal, at least 80."""
    return max(80, shutil.get_terminal_size((100, 24)).columns)


def table(lines: Sequence[Sequence[str]], columns: int | None) -> str:
    """A table of text, the head first; where it is wider than so many columns, its last one is wrapped.

    Args:
        lines: The cells of each line.
        columns: Of the terminal; None where nobody watches, and every line stays whole.
    """
    widths = [max(map(width_of, column)) for column in zip(*lines, strict=True)]
    before = sum(widths[:-1]) + 2 * (len(widths) - 1)
    room = max(columns - before, LEAST_ROOM) if columns else widths[-1]
    told = []
    for line in lines:
        fits = width_of(line[-1]) <= room
        first, *rest = [line[-1]] if fits else wrapped(line[-1], room, break_on_hyphens=False)
        told.append("  ".join(map(padded, [*line[:-1], first], widths)).rstrip())
        told += [" " * before + more for more in rest]
    return "\n".join(told)


def terminal() -> int | None:
    """Columns of the terminal that a result is written to; None where it is a pipe or a file."""
    return width() if sys.stdout.isatty() else None


def add_common(parser: argparse.ArgumentParser, *, json_output: bool = False) -> None:
    """The options that several commands share."""
    parser.add_argument("-q", "--quiet", action="store_true", help="no progress on stderr")
    if json_output:
        parser.add_argument("--json", action="store_true", help="one JSON document on stdout instead of a table")


def add_max_bad(parser: argparse.ArgumentParser) -> None:
    """The option that lets a command go on without bad lines."""
    parser.add_argument(
        "--max-bad",
        type=natural,
        default=0,
        metavar="N",
        help="go on without bad lines if at most N (default 0)",
    )


def natural(text: str) -> int:
    """A number from 0 on; argparse names the option where it is none."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"expected a whole number, 0 or more, got {text!r}")
    return int(text)


def positive(text: str) -> int:
    """A number from 1 on; argparse names the option where it is none."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number, 1 or more, got {text!r}")
    return int(text)


def seed(text: str) -> int:
    """A seed; argparse names the option where it is none."""
    if not text.isdecimal() or int(text) > MOST_SEED:
        raise argparse.ArgumentTypeError(f"expected a number from 0 to {MOST_SEED}, got {text!r}")
    return int(text)


def minutes(text: str) -> float:
    """Some minutes; argparse names the option where they are none."""
    return _above_zero(text, "minutes")


def seconds(text: str) -> float:
    """Some seconds; argparse names the option where they are none."""
    return _above_zero(text, "seconds")


def megabytes(text: str) -> float:
    """Some megabytes; argparse names the option where they are none, or too few to hold records."""
    value = _above_zero(text, "megabytes")
    if value < LEAST_MB:
        raise argparse.ArgumentTypeError(f"expected megabytes from {LEAST_MB:g} on, got {text!r}")
    return value


def _above_zero(text: str, what: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"expected {what} above 0, got {text!r}")
    return value


def check_page(path: Path) -> None:
    """Refuse a path where no page can be written, before any work is done for it.

    Raises:
        OSError: Where its folder is not there, or it is a folder itself.
        OvertonError: Where its name is not that of a page: a file of another kind would be lost.
    """
    from overton.base.files import check_place

    check_place(path)
    if path.suffix.lower() not in (".html", ".htm"):
        hint = f"Such as {path.with_suffix('.html')}"
        raise OvertonError(Problem("a page is a file whose name ends in .html", "web.not-html", str(path), hint=hint))


def note_file(path: Path, n_bytes: int) -> None:
    """Tell a person of a file that was written, and how large it is."""
    note(f"{path}: {n_bytes / 1000:,.0f} kB")


def add_app(parser: argparse.ArgumentParser, *, optional: bool = False) -> None:
    """The argument that names an application."""
    nargs = "?" if optional else None
    parser.add_argument("app", type=Path, nargs=nargs, metavar="APP", help="directory of the application")


def add_tags(parser: argparse.ArgumentParser) -> None:
    """The option that leaves the records of some tags alone to look at."""
    parser.add_argument(
        "--tag",
        action="append",
        default=[],
        metavar="EXPR",
        help="only records that have this tag or match this expression over tags, such as 'slice:a & !lang:en'; "
        "given several times, all of them",
    )


def add_version(parser: argparse.ArgumentParser) -> None:
    """The argument that names a version."""
    parser.add_argument(
        "version",
        metavar="VERSION",
        help="path to an artefact, APP@ID, APP@ALIAS, or APP (the newest); :small behind it: its small model",
    )


def add_place(parser: argparse.ArgumentParser, what: str, default: str = "local") -> None:
    """The option that says where pieces of work run.

    Args:
        parser: Of a command.
        what: What runs there, to go on with "where".
        default: Where it runs unless told.
    """
    places = f"local, a process a core; local:N, N of them; ray; ray://HOST:PORT (default {default})"
    parser.add_argument("--on", default=default, metavar="PLACE", help=f"where {what}: {places}")


def add_store(parser: argparse.ArgumentParser) -> None:
    """The option that names the store; the environment is read here and nowhere else."""
    parser.add_argument(
        "--store",
        metavar="URL",
        default=os.environ.get("OVERTON_STORE"),
        help="where versions are kept (default: the variable OVERTON_STORE, else APP/store)",
    )


@contextmanager
def progress(*, quiet: bool = False) -> Iterator[Observe]:
    """An observer that shows the events of the stages while the block runs."""
    if quiet:
        yield ignore
    elif sys.stderr.isatty() and find_spec("rich"):  # an installation for serving has none
        with _bars() as observe:
            yield observe
    else:
        yield _Lines()


class _Lines:
    """Plain lines: every message, and a count now and then while a stage goes on without one."""

    def __init__(self) -> None:
        self.start = self.last = time.monotonic()

    def __call__(self, event: Event) -> None:
        now = time.monotonic()
        count = f" {event.done:,}/{event.total:,}" if event.total else ""
        if event.message:
            note(f"[{now - self.start:6.1f}s] {event.stage}: {event.message}")
        elif event.done and now - self.last >= LINE_EVERY_SECONDS:
            note(f"[{now - self.start:6.1f}s] {event.stage}:{count or f' {event.done:,}'}")
        else:
            return
        self.last = now


@contextmanager
def _bars() -> Iterator[Observe]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("[bold]{task.description:>9}"),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[message]}", markup=False),
    )
    with Progress(*columns, console=Console(stderr=True), transient=False) as bars:
        tasks: dict[str, Any] = {}

        def observe(event: Event) -> None:
            if event.stage not in tasks:
                tasks[event.stage] = bars.add_task(event.stage, total=event.total or None, message="")
            change: dict[str, Any] = {"message": event.message} if event.message else {}
            if event.done or event.total:
                change |= {"completed": event.done, "total": event.total or None}
            bars.update(tasks[event.stage], **change)

        yield observe
