"""Versions, immutable, and aliases, each a log to which promotions are only ever added.

Where everything lies is told in `layout.py`. Nothing needs more of a backend than to create an object where there is
none, so the same layout works on a local disk and on every object store, and of two who promote at once one wins.
"""

from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from overton.artifact import MANIFEST, Artifact, Entry, Manifest, open_artifact
from overton.base import Event, Observe, OvertonError, Problem, check_name, did_you_mean, digest_bytes, ignore, is_name
from overton.store import layout
from overton.store.blobs import Blobs
from overton.store.cache import Cache
from overton.store.copy import Copied, copy_versions
from overton.store.log import (
    LATEST,
    Action,
    GateOutcome,
    Promotion,
    check_alias,
    damaged,
    draw_token,
    earlier_version,
    entry_name,
    render_promotion,
)
from overton.store.logs import Logs
from overton.store.manifests import Manifests
from overton.store.sweep import Swept, old_leftovers, sweep

if TYPE_CHECKING:
    from obstore.store import ObjectStore

LEAST_PREFIX = 4
LOST_RACE = "store.lost-race"


@dataclass(frozen=True, slots=True)
class Version:
    """A version as a list shows it.

    Attributes:
        id: Its id.
        created: When it was put, as ISO 8601 text in UTC.
        summary: `{"quality": {"Intent accuracy": 0.87, ...}}`: the main metric of every task on the test split.
    """

    id: str
    created: str
    summary: dict[str, Any] = field(default_factory=dict)


class Store:
    """A place where versions are kept.

    Args:
        url: A local path, or `file://`, `s3://`, `gs://` or `az://`. A local directory is made when the first
            version is put.
        backend: An obstore backend in place of the one that the url means.
        cache: A folder for content that came over a network, so that it comes once; None for none. A store on a local
            disk needs none.

    A version never changes, nor does an entry of a log, so each is read once as long as the store is kept open. Which
    versions there are and what aliases name is looked up each time.
    """

    def __init__(self, url: str, *, backend: "ObjectStore | None" = None, cache: Path | None = None) -> None:
        self.url = url
        self.blobs = Blobs(url, backend)
        self._cache = Cache(cache) if cache and self.blobs.is_remote else None
        self._manifests, self._logs = Manifests(self.blobs, self._cache), Logs(self.blobs)
        self._is_known = False

    def __repr__(self) -> str:
        """Where it is, as it is made."""
        return f"Store({self.url!r})"

    def put(self, artifact: Artifact, *, when: str) -> str:
        """Keep an artefact as a version and return its id. Where it is kept already, what is damaged is mended.

        What writes that were killed left on a local disk more than an hour ago is removed.

        Args:
            artifact: A complete artefact.
            when: The time, as ISO 8601 text in UTC.

        Raises:
            OvertonError: Where the artefact is not complete, or the store cannot be written.
        """
        files = artifact.complete(created=when)
        manifest = files.pop(MANIFEST)
        self._check_format()
        self.blobs.create(layout.FORMAT_FILE, msgspec.json.encode({"format": layout.FORMAT}))
        held = {entry.sha256: files[name] for name, entry in artifact.manifest.files.items()}

        def keep(touch: datetime | None) -> None:
            self.blobs.each(lambda digest: layout.keep_blob(self.blobs, digest, held[digest], touch=touch), held)

        layout.keep_version(self.blobs, artifact.id, manifest, keep, datetime.fromisoformat(when))
        with suppress(OvertonError):  # what cannot be removed harms nobody, and `gc` tells of it
            self.blobs.remove_leftovers(old_leftovers(self.blobs, min(datetime.fromisoformat(when), datetime.now(UTC))))
        return artifact.id

    def get(self, version: str) -> Artifact:
        """The artefact of a version, every byte checked.

        Raises:
            OvertonError: Where there is no such version, or it was damaged.
        """
        manifest = self.manifest(version)
        path = f"{self.url}/versions/{version}"
        files = dict(zip(manifest.files, self.blobs.each(self._content, manifest.files.values()), strict=True))
        missing = [name for name, content in files.items() if content is None]
        if missing:
            raise OvertonError(
                Problem(
                    message=f"the content of {name} is missing",
                    code="store.missing-blob",
                    path=path,
                    hint="Put the version again, or build it again",
                )
                for name in missing
            )
        whole = {name: content for name, content in files.items() if content is not None}
        return open_artifact({**whole, MANIFEST: manifest.to_bytes()}, path)

    def manifest(self, version: str) -> Manifest:
        """The manifest of a version.

        Raises:
            OvertonError: Where there is no such version, or its manifest was damaged.
        """
        self._check_format()
        return layout.need_manifest(self.blobs, version)

    def json(self, version: str, name: str) -> Any:
        """The JSON value of one file of a version, checked against its digest; none of the others is read.

        A version that `versions` has listed is not looked up again, as long as the file can be had.

        Raises:
            OvertonError: Where there is no such version or file, or it was damaged.
        """
        entry = (self._manifests.known(version) or self.manifest(version)).files.get(name)
        content = self._content(entry) if entry else None
        if entry is None or content is None or digest_bytes(content) != entry.sha256:
            self.manifest(version)  # told first where the version has gone
            raise damaged(f"{self.url}/versions/{version}", f"{name} is missing or was changed")
        return msgspec.json.decode(content)

    def versions(self, *, observe: Observe = ignore) -> list[Version]:
        """All versions, newest first. One whose manifest is damaged is told to `observe` and left out.

        Raises:
            OvertonError: Where the manifest of every version is damaged: that is no store without versions.
        """
        self._check_format()
        found: list[Version] = []
        damaged: list[tuple[str, OvertonError]] = []
        for version, manifest in self._manifests.every().items():
            if isinstance(manifest, Manifest):
                found.append(Version(version, manifest.created, dict(manifest.summary)))
            else:
                damaged.append((version, manifest))
        if damaged and not found:
            raise OvertonError(problem for _, fault in damaged for problem in fault.problems)
        for version, fault in damaged:
            observe(Event("store", f"version {version} is left out: {fault}"))
        return sorted(found, key=lambda version: (version.created, version.id), reverse=True)

    def promote(
        self,
        alias: str,
        version: str,
        *,
        who: str,
        when: str,
        why: str,
        expected: str | None,
        action: Action = "promote",
        forced: bool = False,
        gate: GateOutcome | None = None,
    ) -> Promotion:
        """Let an alias name a version, if it still names the one that the caller knows of.

        Args:
            alias: Such as `live`.
            version: The id of a version of this store.
            who: Who promotes.
            when: The time, as ISO 8601 text in UTC.
            why: The reason; may be empty.
            expected: The version that the alias names as far as the caller knows; None where it does not exist.
            action: What it is called in the log.
            forced: Whether that was done whatever signature and gate say.
            gate: What the gate said; None where it was not asked.

        Returns:
            The entry added to the alias's log.

        Raises:
            OvertonError: Where another was faster (`store.lost-race`): look at what is live now, then decide again.
        """
        check_alias(alias)
        self._claim(version, who=who, when=when)
        names = layout.log_names(self.blobs, alias)
        named = layout.read_entries(self.blobs, alias, names[-1:])[0].version if names else None
        promotion = Promotion(version, expected, who, when, why, action, forced, gate, draw_token())
        number = int(names[-1].removesuffix(".json")) + 1 if names else 1
        if named != expected or not self._append(f"{layout.ALIASES}/{alias}/{entry_name(number)}", promotion):
            raise self._lost(alias, expected)
        return promotion

    def rollback(self, alias: str, *, who: str, when: str, why: str, to: str | None = None) -> Promotion:
        """Let an alias name a version again that it named before; the log goes on, nothing is taken out of it.

        Args:
            alias: Such as `live`.
            who: Who does it.
            when: The time, as ISO 8601 text in UTC.
            why: The reason; may be empty.
            to: The version; the one before the present one where None. A second rollback goes back further.

        Raises:
            OvertonError: Where the alias never named that version, or has none before; where that version is damaged;
                where another promoted at the same time.
        """
        log = self.history(alias) or layout.refuse_alias(self.blobs, alias)
        earlier = {entry.version for entry in log[:-1]} - {entry.version for entry in log[-1:]}
        version = to or earlier_version(log)
        if version is None or version not in earlier:
            message = f"{alias} has never named {to}, or names it now" if to else f"{alias} cannot go back any further"
            hint = "`overton promote` lets it name any version"
            hint = f"It has named {', '.join(sorted(earlier))}: say which, with --to" if earlier else hint
            raise OvertonError(Problem(message, "store.no-rollback", path=self.url, hint=hint))
        self.get(version)  # told where it is damaged, and not by the server that would load it
        return self.promote(alias, version, who=who, when=when, why=why, expected=log[-1].version, action="rollback")

    def gc(self, *, keep: int, who: str, when: str, delete: bool = False, observe: Observe = ignore) -> Swept:
        """Remove versions that neither are among the newest nor were ever named by an alias; see `sweep`."""
        self._check_format()
        return sweep(self.blobs, keep=keep, who=who, when=when, delete=delete, observe=observe)

    def push(
        self,
        target: "Store",
        versions: list[str] | None = None,
        *,
        aliases: list[str] | None = None,
        verify: bool = False,
        when: str,
        observe: Observe = ignore,
    ) -> Copied:
        """Copy versions of this store into another; all where None, and the logs of those aliases. See `copy_versions`.

        Where the target has no store yet, there is one afterwards; where this is none, that is refused.
        """
        self._check_format()
        layout.need_store(self.blobs)
        target._check_format()
        target.blobs.create(layout.FORMAT_FILE, msgspec.json.encode({"format": layout.FORMAT}))
        chosen = [found.id for found in self.versions(observe=observe)] if versions is None else versions
        return copy_versions(
            self.blobs,
            target.blobs,
            chosen,
            aliases=aliases or (),
            verify=verify,
            when=when,
            observe=observe,
        )

    def current(self, alias: str) -> str | None:
        """The version that an alias names; None where there is no such alias. One look at its log, for who follows it.

        Raises:
            OvertonError: Where the last entry of the log is damaged, or the store cannot be reached.
        """
        check_name(alias, "an alias")
        self._check_format()
        names = layout.log_names(self.blobs, alias)
        return layout.read_entries(self.blobs, alias, names[-1:])[0].version if names else None

    def aliases(self) -> dict[str, str]:
        """The version that each alias names, by alias."""
        self._check_format()
        names = layout.alias_names(self.blobs)
        named = zip(names, self.blobs.each(self.current, names), strict=True)
        return {alias: version for alias, version in named if version}

    def history(self, alias: str) -> tuple[Promotion, ...]:
        """All promotions of an alias, oldest first; empty where there is no such alias.

        Raises:
            OvertonError: Where an entry is damaged or missing.
        """
        check_name(alias, "an alias")
        self._check_format()
        return tuple(self._logs.read(alias))

    def resolve(self, reference: str) -> str:
        """The id of a version: of an id, an alias, the beginning of an id (4 digits or more), or `latest`.

        Raises:
            OvertonError: Where nothing is so named, several versions begin like that, or one is damaged that may be
                the latest.
        """
        self._check_format()
        if reference == LATEST:
            made = self._manifests.every()
            for manifest in made.values():
                if isinstance(manifest, OvertonError):
                    raise manifest  # it may be the newest
            whole = [(found.created, version) for version, found in made.items() if isinstance(found, Manifest)]
            if whole:
                return max(whole)[1]
            raise layout.unknown(self.blobs, "there is no version yet", "`overton build` makes one")
        ids = layout.version_ids(self.blobs)
        if reference in ids:
            return reference
        named = self.current(reference) if is_name(reference) else None
        if named:
            return named
        near = [version for version in ids if version.startswith(reference)] if len(reference) >= LEAST_PREFIX else []
        if len(near) == 1:
            return near[0]
        if near:
            message = f"{len(near)} versions begin with {reference!r}"
            raise layout.unknown(self.blobs, message, f"They are {', '.join(near)}")
        known = did_you_mean(reference, [*self.aliases(), *ids])
        raise layout.unknown(self.blobs, f"there is no version or alias {reference!r}", known)

    def _content(self, entry: Entry) -> bytes | None:
        """The content of a file, from the cache where it is there; None where it is missing."""
        content = self._cache.get(entry.sha256, entry.size) if self._cache else None
        if content is None:
            content = self.blobs.read(layout.blob_path(entry.sha256), at_most=entry.size)
            if self._cache and content is not None and digest_bytes(content) == entry.sha256:
                self._cache.keep(entry.sha256, content)
        return content

    def _check_format(self) -> None:
        if not self._is_known:
            layout.check_format(self.blobs)
            self._is_known = True

    def _claim(self, version: str, *, who: str, when: str) -> None:
        """Make sure that a version is there and will not be removed while an alias comes to name it.

        Raises:
            OvertonError: Where it is not there or is being removed; where the store has no create-only writes, on which
                all this rests.
        """
        self.manifest(version)
        layout.claim(self.blobs, version, layout.BY_ALIAS, who=who, when=when)
        layout.refuse_removal(self.blobs, version)
        manifest = self.manifest(version)  # still there: whoever removes it must have claimed it before us
        if self.blobs.is_remote and self.blobs.create(layout.manifest_path(version), manifest.to_bytes()):
            raise OvertonError(
                Problem(
                    message="its server replaces an object although it was told to create one only where there is none",
                    code="store.not-atomic",
                    path=self.url,
                    hint="Promotion is not safe there. Use a server that knows `If-None-Match: *`",
                )
            )

    def _append(self, path: str, promotion: Promotion) -> bool:
        """Create an entry of a log; False where another was faster.

        A connection may break after the server has done what it was asked for. So whatever it says then, the entry is
        read back: it bears a token that nobody else has.
        """
        content = render_promotion(promotion)
        try:
            return self.blobs.create(path, content) or self.blobs.read(path) == content
        except OvertonError:
            if self.blobs.read(path) == content:
                return True
            raise

    def _lost(self, alias: str, expected: str | None) -> OvertonError:
        log = layout.read_entries(self.blobs, alias, layout.log_names(self.blobs, alias)[-1:])
        now = f"{log[0].version} by {log[0].who}" if log else "nothing"
        return OvertonError(
            Problem(
                message=f"{alias!r} was {expected or 'free'} when you looked, and has been promoted to {now} since",
                code=LOST_RACE,
                path=self.url,
                hint="Compare with that version, then promote again",
            )
        )
