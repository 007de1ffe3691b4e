"""What the store of a version tells of it: its place among all versions, and whether there is a live one beside it."""

from collections.abc import Callable, Hashable, Mapping
from functools import partial
from typing import Any

from overton.application import LIVE
from overton.artifact import LARGE, file_of
from overton.base import Event, Observe, OvertonError, ignore
from overton.evaluate import Report, parse_report
from overton.store import Store
from overton.version import Version
from overton.web.pages import History, Moment, Verdict, history_of
from overton.web.pages.history import MOST_VERSIONS

Told = Callable[[Hashable, Callable[[], Any]], Any]


def aliases_of(version: Version) -> tuple[str, ...]:
    """The aliases that name a version."""
    known = version.store.aliases() if version.store else {}
    return tuple(sorted(alias for alias, named in known.items() if named == version.id))


def verdict_alone(version: Version) -> Verdict | None:
    """What to make of a version that there is no live one to compare with; None where there is."""
    if version.store is None:
        return Verdict("alone", "This version is in no store, so there is no live version to compare it with.")
    live = version.store.aliases().get(LIVE)
    if live is None:
        return Verdict("alone", f"No version is {LIVE} yet, so there is nothing to compare this one with.")
    if live == version.id:
        log = version.store.history(LIVE)
        since = f" since {log[-1].when[:10]}" if log else ""
        return Verdict("alone", f"This is the version that is {LIVE}{since}; no other is compared with it.")
    return None


def version_history(version: Version, *, told: Told | None = None, observe: Observe = ignore) -> History | None:
    """The newest versions of the store of a version with the figures of their builds.

    Args:
        version: The version; where it is about one of its models, the figures are those of its namesakes.
        told: What tells a value that a version never changes by its key, made where it is not known; always where None.
        observe: Told of the progress.
    """
    store, told = version.store, told or (lambda key, make: make())
    if store is None:
        return None
    model = "" if version.model == LARGE else version.model
    key = ("report", model) if model else ("report",)
    aliases: dict[str, list[str]] = {}
    for alias, named in store.aliases().items():
        aliases.setdefault(named, []).append(alias)
    moments: list[Moment] = []
    reports: dict[str, Report] = {}
    entries = store.versions(observe=observe)[::-1]
    for place, entry in enumerate(entries):
        lineage: Mapping[str, Any] = {}
        if len(entries) - place <= MOST_VERSIONS:
            try:
                lineage = told(("lineage", entry.id), partial(store.json, entry.id, "lineage.json"))
                report = told((*key, entry.id), partial(_report_of, store, entry.id, model))
                reports |= {entry.id: report} if report else {}
            except OvertonError as error:
                observe(Event("report", f"version {entry.id} has no figures: {error}"))
        moments.append(
            Moment(
                version=entry.id,
                created=entry.created,
                aliases=tuple(sorted(aliases.get(entry.id, []))),
                parent=lineage.get("parent") or "",
                records=(lineage.get("data") or {}).get("records"),
            )
        )
    return history_of(moments, reports, version=version.id)


def _report_of(store: Store, version: str, model: str) -> Report | None:
    """The report of a version, or of one of its models by name; None where it has none of that name."""
    name = file_of(model, "report.json")
    if model and name not in store.manifest(version).files:
        return None
    return parse_report(store.json(version, name))
