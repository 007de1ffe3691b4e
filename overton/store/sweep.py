"""Removing versions that nobody needs, and content that no version has: `overton store gc`.

What an alias's log names is never removed, not even while somebody promotes: before a version is removed or promoted it
is claimed by a create-only write (`claim.json`), so that only one of the two can happen to it. What was written within
the last hour stays, since it may belong to a version that is being put.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from overton.artifact import Manifest
from overton.base import Event, Observe, OvertonError, ignore
from overton.store import layout
from overton.store.blobs import Blobs, Found


@dataclass(frozen=True, slots=True)
class Swept:
    """What `gc` removed, or would remove.

    Attributes:
        removed: When each version was made that goes, by its id, newest first.
        kept: Why each other version stays, by its id, newest first.
        blobs: Number of contents that go, files left by killed writes among them.
        bytes: Their bytes.
        deleted: Whether they are gone, or would be.
    """

    removed: Mapping[str, str] = field(default_factory=dict)
    kept: Mapping[str, str] = field(default_factory=dict)
    blobs: int = 0
    bytes: int = 0
    deleted: bool = False

    def to_json(self) -> dict[str, Any]:
        """The document of `overton store gc --json`."""
        return {
            "deleted": self.deleted,
            "removed": [{"version": version, "created": created} for version, created in self.removed.items()],
            "kept": [{"version": version, "why": why} for version, why in self.kept.items()],
            "blobs": self.blobs,
            "bytes": self.bytes,
        }


def sweep(blobs: Blobs, *, keep: int, who: str, when: str, delete: bool = False, observe: Observe = ignore) -> Swept:
    """Remove old versions and the content that only they have.

    Args:
        blobs: The store.
        keep: How many of the newest versions stay beside those that aliases need.
        who: Who removes.
        when: The time, as ISO 8601 text in UTC.
        delete: Whether to remove anything, or to tell only.
        observe: Told of the progress.

    Raises:
        OvertonError: Where a manifest or an entry of a log is damaged: what belongs to whom is not known then.
    """
    now = datetime.fromisoformat(when)
    manifests = _manifests(blobs)
    written = {entry.path: entry.modified for entry in blobs.find_all(layout.VERSIONS)}
    kept = _kept(blobs, manifests, written, keep, now)
    going = [version for version in manifests if version not in kept]
    if delete:
        for version in going:
            if _remove_version(blobs, version, who=who, when=when):
                observe(Event("gc", f"version {version} is removed"))
            else:
                kept[version] = "an alias came to name it"
        going = [version for version in going if version not in kept]
        _remove_claims(blobs, now)
    staying = _manifests(blobs) if delete else {version: manifests[version] for version in kept}
    needed = {entry.sha256 for manifest in staying.values() for entry in manifest.files.values()}
    loose = [
        entry
        for entry in blobs.find_all(layout.BLOBS)
        if _name(entry) not in needed and layout.is_own(entry.path) and layout.is_old(entry, now)
    ]
    left = old_leftovers(blobs, now)
    if delete:
        loose = [entry for entry in loose if _remove_blob(blobs, entry, now)]
        blobs.remove_leftovers(left)
    return Swept(
        removed={version: manifests[version].created for version in going},
        kept={version: kept[version] for version in manifests if version in kept},
        blobs=len(loose) + len(left),
        bytes=sum(entry.size for entry in (*loose, *left)),
        deleted=delete,
    )


def old_leftovers(blobs: Blobs, now: datetime) -> list[Found]:
    """What writes of a store that were killed left on a local disk, so long ago that nobody can be at work on it."""
    return [
        entry
        for folder in ("", layout.BLOBS, layout.VERSIONS, layout.ALIASES)
        for path, entry in blobs.leftovers(folder)
        if layout.is_own(path) and layout.is_old(entry, now)
    ]


def _manifests(blobs: Blobs) -> dict[str, Manifest]:
    """The manifests of all versions, newest first.

    Raises:
        OvertonError: Where one is damaged: its content would look as if nobody needed it.
    """
    found = layout.read_manifests(blobs, layout.version_ids(blobs))
    whole = {version: manifest for version, manifest in found.items() if isinstance(manifest, Manifest)}
    faults = [fault for fault in found.values() if isinstance(fault, OvertonError)]
    if faults:
        raise OvertonError(problem for fault in faults for problem in fault.problems)
    newest = sorted(whole.values(), key=lambda manifest: (manifest.created, manifest.id), reverse=True)
    return {manifest.id: manifest for manifest in newest}


def _kept(
    blobs: Blobs, manifests: Mapping[str, Manifest], written: Mapping[str, datetime], keep: int, now: datetime
) -> dict[str, str]:
    """Why each version stays that does, by version; the strongest reason."""
    kept: dict[str, str] = {}
    for version in manifests:
        if now - written.get(layout.manifest_path(version), now) < layout.GRACE:
            kept[version] = "put within the last hour"
        if layout.claim_path(version) in written and layout.read_claim(blobs, version) == layout.BY_ALIAS:
            kept[version] = "somebody meant to promote it"
    kept |= dict.fromkeys(list(manifests)[:keep], f"among the {keep} newest")
    return kept | _reached(blobs)


def _reached(blobs: Blobs) -> dict[str, str]:
    """Every version that the log of an alias names, with the alias."""
    logs = {alias: layout.read_log(blobs, alias) for alias in layout.alias_names(blobs)}
    reached = {entry.version: f"{alias} has named it" for alias, log in logs.items() for entry in log}
    return reached | {log[-1].version: f"{alias} names it" for alias, log in logs.items() if log}


def _remove_version(blobs: Blobs, version: str, *, who: str, when: str) -> bool:
    """Remove the manifest of a version, unless an alias has claimed it since the logs were read."""
    if layout.claim(blobs, version, layout.BY_GC, who=who, when=when) != layout.BY_GC:
        return False
    blobs.remove([layout.manifest_path(version), layout.claim_path(version)])
    return True


def _remove_claims(blobs: Blobs, now: datetime) -> None:
    """Remove old claims on versions that are not there, as a removal that was killed leaves them."""
    found = {entry.path: entry for entry in blobs.find_all(layout.VERSIONS)}
    claims = [entry for path, entry in found.items() if path.endswith(f"/{layout.CLAIM}") and layout.is_old(entry, now)]
    versions = [entry.path.split("/")[1] for entry in claims]
    blobs.remove(layout.claim_path(version) for version in versions if layout.manifest_path(version) not in found)


def _remove_blob(blobs: Blobs, entry: Found, now: datetime) -> bool:
    """Remove a content, unless somebody has just come to count on it."""
    found = blobs.find(entry.path)
    if found is None or not layout.is_old(found, now):
        return False
    blobs.remove([entry.path])
    return True


def _name(entry: Found) -> str:
    return entry.path.rpartition("/")[2]
