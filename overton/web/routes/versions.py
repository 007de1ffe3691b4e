"""All versions and their aliases; two of them side by side; and promotion, which the gate may refuse."""

from dataclasses import asdict, dataclass
from typing import Any

import msgspec

from overton.base import OvertonError, Problem
from overton.store import Promotion, check_alias
from overton.web.dashboard import Dashboard
from overton.web.gather import compare_page
from overton.web.pages import History
from overton.web.routing import Query, Shown
from overton.web.stored import version_history


@dataclass(frozen=True, slots=True)
class VersionLine:
    """One version.

    Attributes:
        version: Its id.
        created: When, as ISO 8601 text.
        aliases: Aliases that name it.
        quality: The main figure of each task, by `task metric`.
    """

    version: str
    created: str
    aliases: tuple[str, ...]
    quality: dict[str, float | None]


@dataclass(frozen=True, slots=True)
class VersionsPage:
    """The page.

    Attributes:
        versions: All versions, the newest first.
        metrics: What they are judged by.
        aliases: The version that each alias names.
        log: Every promotion of every alias, the newest first.
        history: The figures of the newest versions.
    """

    versions: tuple[VersionLine, ...]
    metrics: tuple[str, ...]
    aliases: dict[str, str]
    log: tuple[tuple[str, Promotion], ...]
    history: History | None

    @property
    def title(self) -> str:
        """What the page is called."""
        return "Versions"

    def to_json(self) -> dict[str, Any]:
        """The page as a JSON value."""
        return {
            "versions": [asdict(line) for line in self.versions],
            "aliases": self.aliases,
            "log": [{"alias": alias, **msgspec.to_builtins(promotion)} for alias, promotion in self.log],
            "history": self.history.to_json() if self.history else None,
        }


class PromoteBody(msgspec.Struct, forbid_unknown_fields=True):
    """A promotion: to which alias, and why; forced with a reason whatever the gate says."""

    version: str
    alias: str
    why: str = ""
    force: bool = False


def versions_view(dashboard: Dashboard, query: Query) -> Shown:
    """The page of all versions."""
    application = dashboard.application()
    rows = application.version_rows()
    lines = tuple(
        VersionLine(row["version"], row["created"], tuple(row["aliases"]), dict(row.get("quality", {}))) for row in rows
    )
    aliases = application.store.aliases()
    log = [(alias, entry) for alias in aliases for entry in application.store.history(alias)]
    log.sort(key=lambda one: one[1].when, reverse=True)
    history = version_history(dashboard.version(query.get("version", "")), told=dashboard.told) if lines else None
    metrics = tuple(dict.fromkeys(name for line in lines for name in line.quality))
    return Shown("versions.html.j2", VersionsPage(lines, metrics, aliases, tuple(log), history))


def compare_view(dashboard: Dashboard, query: Query) -> Shown:
    """The page of two versions, the live one and the newest where the query names none.

    Raises:
        OvertonError: Where there is one version alone, or they cannot be compared.
    """
    new = dashboard.version(query.get("new", ""))
    named = query.get("old") or dashboard.live()
    versions = tuple(one.id for one in dashboard.application().store.versions())
    if not named or (not query.get("old") and named == new.id):
        before = [version for version in versions if version != new.id]
        if not before:
            hint = "Build another one first"
            raise OvertonError(Problem("there is one version alone", "web.bad-query", field="old", hint=hint))
        named = before[0]
    old = dashboard.version(named)
    comparison = dashboard.compare(old, new)
    aliases = dashboard.application().store.aliases()
    page = dashboard.page(
        ("compare page", old.id, new.id, *sorted(aliases.items())),
        lambda: compare_page(old, new, comparison=comparison),
    )
    return Shown("compare.html.j2", page, {"versions": versions, "aliases": aliases})


def promote(dashboard: Dashboard, body: PromoteBody, query: Query) -> dict[str, Any]:
    """Let an alias name a version, where the gate lets it pass or is overruled with a reason.

    Raises:
        OvertonError: Where the gate refuses it, or it is overruled without a reason.
    """
    check_alias(body.alias)
    if body.force and not body.why.strip():
        hint = "The reason stays in the log of the alias"
        raise OvertonError(Problem("a forced promotion needs a reason", "web.no-reason", field="why", hint=hint))
    version = dashboard.version(body.version)
    before = dashboard.application().store.aliases().get(body.alias)
    compared = None
    if before and before != version.id:
        try:
            compared = dashboard.compare(dashboard.version(before), version)
        except OvertonError:
            if not body.force:  # what cannot be compared may be forced; the log keeps why
                raise
    why = f"forced: {body.why.strip()}" if body.force else body.why.strip()
    named = version.promote(body.alias, why=why, force=body.force, compared=compared)
    same = named == version.id
    message = (
        f"{body.alias} names {version.id} already" if same else f"{body.alias}: {named or 'nothing'} -> {version.id}"
    )
    return {"alias": body.alias, "before": named, "version": version.id, "message": message}
