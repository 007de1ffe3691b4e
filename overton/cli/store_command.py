"""`overton store ...`: the care of a store: histories of aliases, the way back, what differs, removal, copies."""

import argparse
import shlex
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from overton.cli import console

if TYPE_CHECKING:
    from overton.store import Store

HELP = "look after a store of versions: history and rollback of aliases, differences, removal, copies"
EXAMPLE = """\
  overton store history demo live
  overton store rollback demo live --why "answers to long queries are wrong"
  overton store push demo s3://bucket/demo --aliases"""
ACTIONS = {
    "history": (
        "tell who let an alias name which version, when, why, and what the gate said; newest first",
        "  overton store history demo live",
    ),
    "rollback": (
        "let an alias name the version again that it named before; the log goes on, nothing is taken out of it",
        '  overton store rollback demo live --why "answers to long queries are wrong"\n'
        "  overton store rollback demo live --to 3f9c2a71be04",
    ),
    "diff": (
        "tell what two versions differ in: schema, data, sources, choices, quality",
        "  overton store diff demo@live demo",
    ),
    "gc": (
        "tell which versions nobody needs; with --delete, remove them. What an alias ever named stays",
        "  overton store gc demo --keep 20\n  overton store gc demo --keep 20 --delete",
    ),
    "push": (
        "copy versions into another store; run again, it goes on where it was stopped",
        "  overton store push demo s3://bucket/demo\n  overton store push demo /backup/demo --version live --aliases",
    ),
    "pull": (
        "copy versions from another store; run again, it goes on where it was stopped",
        "  overton store pull demo s3://bucket/demo --version live",
    ),
}
STORE_HELP = "directory of an application, or a store itself: a path or a url"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of each action."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    for name, (summary, example) in ACTIONS.items():
        command = actions.add_parser(
            name,
            help=summary,
            description=summary[0].upper() + summary[1:] + ".",
            epilog=f"example:\n{example}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        if name == "diff":
            command.add_argument(
                "old", metavar="OLD", help="path to an artefact, APP@ID, APP@ALIAS, or APP (the newest)"
            )
            command.add_argument("new", metavar="NEW", help="the version to set beside it")
        else:
            command.add_argument("app", metavar="APP", help=STORE_HELP)
        if name in ("history", "rollback"):
            command.add_argument("alias", metavar="ALIAS", help="the alias, such as live")
        if name == "rollback":
            command.add_argument("--to", metavar="VERSION", help="this version, which the alias named before")
            command.add_argument("--why", default="", metavar="TEXT", help="kept in the alias's log")
        if name == "gc":
            _add_gc(command)
        if name in ("push", "pull"):
            _add_copy(command, name)
        console.add_store(command)
        console.add_common(command, json_output=True)


def run(options: argparse.Namespace) -> int:
    """Do what was asked for."""
    actions: dict[str, Callable[[argparse.Namespace], int]] = {
        "history": _history,
        "rollback": _rollback,
        "diff": _diff,
        "gc": _gc,
        "push": _copy,
        "pull": _copy,
    }
    return actions[options.action](options)


def open_store(word: str, store: str | None = None) -> "Store":
    """The store that a word of the command line means: that of an application, or one by its path or url."""
    from overton.application import load
    from overton.store import Store

    place = Path(word)
    if "://" in word or (not (place / "schema.json").is_file() and (place / "versions").is_dir()):
        return Store(word)
    return load(place, store=store).store


def _history(options: argparse.Namespace) -> int:
    from overton.base import did_you_mean
    from overton.naming import store_words
    from overton.store.render import render_history

    store = open_store(options.app, options.store)
    log = store.history(options.alias)
    if options.json:
        import msgspec

        entries = [msgspec.to_builtins(entry) | {"action": entry.action, "forced": entry.forced} for entry in log]
        console.write_json({"alias": options.alias, "entries": entries})
    elif log:
        console.write(render_history(log))
    if not log:
        words = store_words(options.store, Path(options.app))
        promote = shlex.join(["overton", "promote", options.app, options.alias, *words])
        console.note(f"{options.alias} names nothing yet: {promote}")
        if known := did_you_mean(options.alias, store.aliases()):
            console.note(known)
    return 0


def _rollback(options: argparse.Namespace) -> int:
    import msgspec

    from overton.base import now
    from overton.store import current_user

    store = open_store(options.app, options.store)
    to = store.resolve(options.to) if options.to else None
    entry = store.rollback(options.alias, who=current_user(), when=now(), why=options.why, to=to)
    if options.json:
        console.write_json({"alias": options.alias, **msgspec.to_builtins(entry)})
    else:
        console.write(f"{options.alias}: {entry.expected_prev} -> {entry.version}")
    return 0


def _diff(options: argparse.Namespace) -> int:
    from overton.application import find_version
    from overton.store import diff_versions
    from overton.store.render import render_diff

    old, new = (find_version(word, store=options.store) for word in (options.old, options.new))
    diff = replace(diff_versions(old.artifact, new.artifact), old=old.label, new=new.label)
    if options.json:
        console.write_json(diff.to_json())
    else:
        console.write(render_diff(diff))
    return 0


def _gc(options: argparse.Namespace) -> int:
    from overton.base import now
    from overton.store import current_user
    from overton.store.render import render_swept

    store = open_store(options.app, options.store)
    with console.progress(quiet=options.quiet) as observe:
        swept = store.gc(keep=options.keep, who=current_user(), when=now(), delete=options.delete, observe=observe)
    if options.json:
        console.write_json(swept.to_json())
    else:
        console.write(render_swept(swept))
    return 0


def _copy(options: argparse.Namespace) -> int:
    """Push or pull: one is the other with the stores changed."""
    from overton.base import now
    from overton.store import Store
    from overton.store.render import render_copied

    ours = open_store(options.app, options.store)
    other = open_store(options.other) if (Path(options.other) / "schema.json").is_file() else Store(options.other)
    source, target = (ours, other) if options.action == "push" else (other, ours)
    versions = [source.resolve(word) for word in options.version] if options.version else None
    with console.progress(quiet=options.quiet) as observe:
        copied = source.push(
            target,
            versions,
            aliases=list(source.aliases()) if options.aliases else [],
            verify=options.verify,
            when=now(),
            observe=observe,
        )
    if options.json:
        console.write_json(copied.to_json())
    else:
        console.write(render_copied(copied))
    return 0


def _add_gc(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--keep",
        type=console.natural,
        default=20,
        metavar="N",
        help="the N newest versions stay, beside all that an alias ever named (default 20)",
    )
    command.add_argument("--delete", action="store_true", help="remove them; without it nothing is changed")


def _add_copy(command: argparse.ArgumentParser, action: str) -> None:
    where = "where to" if action == "push" else "where from"
    command.add_argument("other", metavar="URL", help=f"{where}: a store by its path or url, or an application")
    command.add_argument(
        "--version",
        action="append",
        default=[],
        metavar="V",
        help="an id, the beginning of one, an alias or `latest`; may be given several times (default: all)",
    )
    command.add_argument(
        "--aliases",
        action="store_true",
        help="bring the logs of the aliases forward too, with what they name; refused where they were promoted there",
    )
    command.add_argument(
        "--verify", action="store_true", help="read back what is there already, and mend it where it is damaged"
    )
