"""Versions, immutable, and aliases, each a log to which promotions are only ever added.

    blobs/sha256/<hex>                  content of the files, each different content once
    versions/<id>/manifest.json         written last: a version is there whole or not at all
    aliases/<alias>/<number>.json       one promotion each; the alias names the version of the last

Nothing needs more of a backend than to create an object where there is none, so the same layout works on a local
disk and on every object store, and of two who promote at once exactly one wins.
"""

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec

from overton.artifact import MANIFEST, Artifact, Manifest, open_artifact, parse_manifest
from overton.base import Event, Observe, OvertonError, Problem, check_name, did_you_mean, digest_bytes, ignore, is_name
from overton.store.blobs import Blobs

if TYPE_CHECKING:
    from obstore.store import ObjectStore

LATEST = "latest"
LEAST_PREFIX = 4
LIKE_AN_ID = re.compile(r"[0-9a-f]{4,12}")
ENTRY = re.compile(r"\d{12}\.json")


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


class Promotion(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One entry in the log of an alias.

    Attributes:
        version: The version that the alias names from then on.
        expected_prev: The version that it named before, as the one who promoted had seen; None for the first.
        who: Who promoted.
        when: When, as ISO 8601 text in UTC.
        why: The reason given.
    """

    version: str
    expected_prev: str | None
    who: str
    when: str
    why: str


class Store:
    """A place where versions are kept.

    Args:
        url: A local path, or `file://`, `s3://`, `gs://` or `az://`. A local directory is made when the first
            version is put.
        backend: An obstore backend in place of the one that the url means.
    """

    def __init__(self, url: str, *, backend: "ObjectStore | None" = None) -> None:
        self.url = url
        self._blobs = Blobs(url, backend)

    def put(self, artifact: Artifact, *, when: str) -> str:
        """Keep an artefact as a version and return its id. Where it is kept already, nothing changes.

        Args:
            artifact: A complete artefact.
            when: The time, as ISO 8601 text in UTC.

        Raises:
            OvertonError: Where the artefact is not complete, or the store cannot be written.
        """
        files = artifact.complete(created=when)
        manifest = files.pop(MANIFEST)
        for name, entry in artifact.manifest.files.items():
            self._keep(entry.sha256, files[name])
        self._blobs.create(_manifest_path(artifact.id), manifest)
        return artifact.id

    def get(self, version: str) -> Artifact:
        """The artefact of a version, every byte checked.

        Raises:
            OvertonError: Where there is no such version, or it was damaged.
        """
        manifest = self._manifest(version)
        path = f"{self.url}/versions/{version}"
        files = {name: self._blobs.read(_blob_path(entry.sha256)) for name, entry in manifest.files.items()}
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

    def json(self, version: str, name: str) -> Any:
        """The JSON value of one file of a version, checked against its digest; none of the others is read.

        Raises:
            OvertonError: Where there is no such version or file, or it was damaged.
        """
        entry = self._manifest(version).files.get(name)
        content = self._blobs.read(_blob_path(entry.sha256)) if entry else None
        if entry is None or content is None or digest_bytes(content) != entry.sha256:
            raise self._damaged(f"versions/{version}", f"{name} is missing or was changed")
        return msgspec.json.decode(content)

    def versions(self, *, observe: Observe = ignore) -> list[Version]:
        """All versions, newest first. One whose manifest is damaged is told to `observe` and left out.

        Raises:
            OvertonError: Where the manifest of every version is damaged: that is no store without versions.
        """
        found: list[Version] = []
        damaged: list[tuple[str, OvertonError]] = []
        for version in self._ids():
            try:
                manifest = self._read_manifest(version)
            except OvertonError as error:
                damaged.append((version, error))
                continue
            if manifest is not None:
                found.append(Version(version, manifest.created, dict(manifest.summary)))
        if damaged and not found:
            raise OvertonError(problem for _, fault in damaged for problem in fault.problems)
        for version, fault in damaged:
            observe(Event("store", f"version {version} is left out: {fault}"))
        return sorted(found, key=lambda version: (version.created, version.id), reverse=True)

    def promote(self, alias: str, version: str, *, who: str, when: str, why: str, expected: str | None) -> Promotion:
        """Let an alias name a version, if it still names the one that the caller knows of.

        Args:
            alias: Such as `live`.
            version: The id of a version of this store.
            who: Who promotes.
            when: The time, as ISO 8601 text in UTC.
            why: The reason; may be empty.
            expected: The version that the alias names as far as the caller knows; None where it does not exist.

        Returns:
            The entry added to the alias's log.

        Raises:
            OvertonError: Where another was faster (`store.lost-race`): look at what is live now, then decide again.
        """
        check_alias(alias)
        self._manifest(version)
        log = self._log(alias)
        named = self._promotion(alias, log[-1]).version if log else None
        promotion = Promotion(version=version, expected_prev=expected, who=who, when=when, why=why)
        number = int(log[-1].removesuffix(".json")) + 1 if log else 1
        content = msgspec.json.encode(promotion)
        if named != expected or not self._blobs.create(f"aliases/{alias}/{number:012d}.json", content):
            raise OvertonError(
                Problem(
                    message=f"{alias!r} was {expected or 'free'} when you looked, "
                    f"and has been promoted to {self.aliases().get(alias)} since",
                    code="store.lost-race",
                    path=self.url,
                    hint="Compare with that version, then promote again",
                )
            )
        return promotion

    def aliases(self) -> dict[str, str]:
        """The version that each alias names, by alias."""
        logs = {alias: self._log(alias) for alias in self._blobs.names("aliases") if is_name(alias)}
        return {alias: self._promotion(alias, log[-1]).version for alias, log in logs.items() if log}

    def history(self, alias: str) -> tuple[Promotion, ...]:
        """All promotions of an alias, oldest first; empty where there is no such alias."""
        check_name(alias, "an alias")
        return tuple(self._promotion(alias, entry) for entry in self._log(alias))

    def resolve(self, reference: str) -> str:
        """The id of a version: of an id, an alias, the beginning of an id (4 digits or more), or `latest`.

        Raises:
            OvertonError: Where nothing is so named, several versions begin like that, or one is damaged that may be
                the latest.
        """
        ids = self._ids()
        if reference == LATEST:
            made = [self._read_manifest(version) for version in ids]  # a damaged one may be the newest
            whole = [(manifest.created, manifest.id) for manifest in made if manifest is not None]
            if whole:
                return max(whole)[1]
            raise self._unknown("there is no version yet", "`overton build` makes one")
        if reference in ids:
            return reference
        aliases = self.aliases()
        if reference in aliases:
            return aliases[reference]
        near = [version for version in ids if version.startswith(reference)] if len(reference) >= LEAST_PREFIX else []
        if len(near) == 1:
            return near[0]
        if near:
            raise self._unknown(f"{len(near)} versions begin with {reference!r}", f"They are {', '.join(near)}")
        raise self._unknown(f"there is no version or alias {reference!r}", did_you_mean(reference, [*aliases, *ids]))

    def _keep(self, digest: str, content: bytes) -> None:
        path = _blob_path(digest)
        if not self._blobs.create(path, content) and digest_bytes(self._blobs.read(path) or b"") != digest:
            self._blobs.mend(path, content)  # damaged since; the path says what belongs there

    def _ids(self) -> list[str]:
        return [name for name in self._blobs.names("versions") if is_name(name)]

    def _manifest(self, version: str) -> Manifest:
        check_name(version, "a version")
        manifest = self._read_manifest(version)
        if manifest is None:
            others = [name for name in self._ids() if name != version]
            raise self._unknown(f"there is no version {version!r}", did_you_mean(version, others))
        return manifest

    def _read_manifest(self, version: str) -> Manifest | None:
        """The manifest of a version; None where there is none, as a put that was killed leaves it."""
        path = _manifest_path(version)
        content = self._blobs.read(path)
        if content is None:
            return None
        manifest = parse_manifest(content, f"{self.url}/{path}")
        if manifest.id != version:
            raise self._damaged(path, f"it is the manifest of version {manifest.id}")
        return manifest

    def _log(self, alias: str) -> list[str]:
        return [name for name in self._blobs.names(f"aliases/{alias}") if ENTRY.fullmatch(name)]

    def _promotion(self, alias: str, entry: str) -> Promotion:
        path = f"aliases/{alias}/{entry}"
        try:
            return msgspec.json.decode(self._blobs.read(path) or b"", type=Promotion)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise self._damaged(path, str(error)) from None

    def _unknown(self, message: str, hint: str) -> OvertonError:
        return OvertonError(Problem(message=message, code="store.unknown-version", path=self.url, hint=hint))

    def _damaged(self, path: str, reason: str) -> OvertonError:
        return OvertonError(
            Problem(
                message=f"the entry cannot be read: {reason}",
                code="store.damaged",
                path=f"{self.url}/{path}",
                hint="Restore it from a copy of the store; nothing of Overton's ever changes an entry",
            )
        )


def check_alias(alias: str) -> None:
    """Refuse a word that can be no alias.

    Raises:
        OvertonError: Where it is no name, or already means a version.
    """
    check_name(alias, "an alias")
    if alias == LATEST or LIKE_AN_ID.fullmatch(alias):
        raise OvertonError(
            Problem(
                message=f"{alias!r} cannot be an alias: it already means a version",
                code="store.reserved-alias",
                hint="Choose a word such as live, candidate or production",
            )
        )


def _manifest_path(version: str) -> str:
    return f"versions/{version}/{MANIFEST}"


def _blob_path(digest: str) -> str:
    return f"blobs/sha256/{digest}"
