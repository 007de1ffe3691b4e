"""`overton serve`: answer over HTTP, without torch."""

import argparse
import re
from pathlib import Path
from typing import TYPE_CHECKING

from overton.cli import console

if TYPE_CHECKING:
    from overton.application import Application
    from overton.serve import Place

HELP = "serve a version over HTTP, and the versions that its alias comes to name"
EXAMPLE = """  overton serve demo@live --port 8080
  overton serve demo@live --workers 4 --canary 3f9c2a=5% --log requests.jsonl
  curl -H 'Content-Type: application/json' -d '{"payloads": {"tokens": ["how", "tall"]}}' localhost:8080/v1/predict"""
SHARE = re.compile(r"(.+)=(\d+(?:\.\d+)?)%")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "version",
        metavar="VERSION",
        help="path to an artefact, APP@ID, APP@ALIAS (which is followed), or APP (the newest)",
    )
    parser.add_argument("--host", default="127.0.0.1", metavar="H", help="address to bind (default 127.0.0.1)")
    parser.add_argument("--port", type=int, default=8080, metavar="P", help="port to bind (default 8080)")
    parser.add_argument(
        "--token-file", type=Path, metavar="FILE", help="clients must show the token in it; needed beyond 127.0.0.1"
    )
    parser.add_argument(
        "--workers", type=console.positive, default=1, metavar="N", help="processes that answer on the port (default 1)"
    )
    parser.add_argument(
        "--poll",
        type=_not_negative,
        default=5.0,
        metavar="SECONDS",
        help="how often to look at the alias (default 5; 0 for never)",
    )
    parser.add_argument(
        "--canary",
        type=_canary,
        metavar="VERSION=SHARE%",
        help="let another version answer a share of the requests, such as 3f9c2a=5%%",
    )
    parser.add_argument(
        "--shadow", metavar="VERSION", help="let another version answer too, unseen, and count where it differs"
    )
    parser.add_argument(
        "--log", type=Path, metavar="FILE", help="log a sample of requests and answers there, as a data file"
    )
    parser.add_argument(
        "--log-rate", type=_not_negative, default=10.0, metavar="N", help="most records a second to log (default 10)"
    )
    _add_limits(parser)
    parser.add_argument(
        "--name", metavar="NAME", help="name of the model for KServe clients (default: that of the application)"
    )
    console.add_store(parser)
    console.add_common(parser)


def _add_limits(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--max-bytes", type=console.positive, default=1 << 20, metavar="N", help="longest body (default 1048576)"
    )
    parser.add_argument(
        "--max-records", type=console.positive, default=256, metavar="N", help="most records in a request (default 256)"
    )
    parser.add_argument(
        "--queue",
        type=console.positive,
        default=32,
        metavar="N",
        help="requests that may wait, each worker (default 32)",
    )
    parser.add_argument(
        "--timeout",
        type=console.seconds,
        default=10.0,
        metavar="SECONDS",
        help="longest time for a request (default 10)",
    )
    parser.add_argument(
        "--drain",
        type=_not_negative,
        default=0.0,
        metavar="SECONDS",
        help="how long to go on answering after SIGTERM, no longer ready (default 0)",
    )


def run(options: argparse.Namespace) -> int:
    """Serve until stopped."""
    from overton.serve import Limits, Settings
    from overton.serve.server import run as serve

    place, application, alias = _find(options.version, options.store)
    if application and options.log:
        _check_log(options.log, application)
    canary, share = options.canary or ("", 0.0)
    settings = Settings(
        place=place,
        alias=alias if options.poll else "",
        poll_seconds=options.poll,
        canary=_other(canary, place, application, options.store) if canary else None,
        canary_share=share,
        shadow=_other(options.shadow, place, application, options.store) if options.shadow else None,
        name=options.name or (application.directory.resolve().name if application else "overton"),
        host=options.host,
        port=options.port,
        workers=options.workers,
        limits=Limits(
            max_bytes=options.max_bytes,
            max_records=options.max_records,
            max_waiting=options.queue,
            max_seconds=options.timeout,
        ),
        token_file=str(options.token_file or ""),
        log_file=str(options.log or ""),
        log_rate=options.log_rate,
        drain_seconds=options.drain,
    )
    with console.progress(quiet=options.quiet) as observe:
        serve(settings, observe=observe)
    return 0


def _find(text: str, store: str | None) -> "tuple[Place, Application | None, str]":
    """The place of a version, its application, and the alias by which it was named; its content is read later, once."""
    from overton.application import load
    from overton.naming import parse_named
    from overton.serve import Place

    named = parse_named(text)
    if named.is_artifact:
        return Place(str(named.path), model=named.model), None, ""
    application = load(named.path, store=store)
    versions = application.store
    place = Place(versions.resolve(named.reference), versions.url, named.model)
    is_alias = named.is_by_name and named.reference in versions.aliases()
    return place, application, named.reference if is_alias else ""


def _other(text: str, served: "Place", application: "Application | None", store: str | None) -> "Place":
    """The place of a version named as on the command line, or by an id or alias in the store of the one served.

    By an id or alias alone the same of its models is meant as is served, unless it says another.
    """
    from overton.naming import parse_named
    from overton.serve import Place

    named = parse_named(text)
    if application is not None and "@" not in text and not named.is_artifact and not named.path.is_dir():
        versions = application.store
        return Place(versions.resolve(str(named.path)), versions.url, named.model or served.model)
    return _find(text, store)[0]


def _check_log(path: Path, application: "Application") -> None:
    """Refuse a log among the data files of the application: what clients send is built from where somebody says so.

    Raises:
        OvertonError: Where it would be one.
    """
    from overton.base import OvertonError, Problem

    folder = (application.directory / "data").resolve()
    real = path.resolve()
    if folder in real.parents or real in [own.resolve() for own in application.data_files]:
        message = "requests cannot be logged there: it would be a data file of the application, to be built from"
        hint = "Name a file beside the folder data, and copy into it what you have looked at"
        raise OvertonError(Problem(message, "serve.bad-log", str(path), hint=hint))


def _canary(text: str) -> tuple[str, float]:
    found = SHARE.fullmatch(text)
    if not found or not 0 < float(found[2]) <= 100:
        raise argparse.ArgumentTypeError(f"expected VERSION=SHARE%, such as 3f9c2a=5%, got {text!r}")
    return found[1], float(found[2]) / 100


def _not_negative(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number < float("inf"):
        raise argparse.ArgumentTypeError(f"expected a number, 0 or more, got {text!r}")
    return number
