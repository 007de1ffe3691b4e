"""Versions from one store into another: `overton store push` and `pull`.

Content first, the manifest last, as in every put: a copy that was stopped left no half version, and goes on where it
stood when it is started again.
"""

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from overton.artifact import Manifest
from overton.base import Event, Observe, OvertonError, Problem, digest_bytes, ignore
from overton.store import layout
from overton.store.blobs import Blobs
from overton.store.log import parse_promotion

OF_ONE_VERSION = (
    "artifact.digest",
    "artifact.manifest",
    "store.being-removed",
    "store.damaged",
    "store.missing-blob",
    "store.too-large",
)


@dataclass(frozen=True, slots=True)
class Copied:
    """What was copied.

    Attributes:
        versions: Versions that the other store did not have.
        there: Versions that it had already, and whose content was looked at.
        blobs: Number of contents that were written.
        bytes: Their bytes.
        aliases: How many entries were added to the log of each alias that was brought forward.
    """

    versions: tuple[str, ...] = ()
    there: tuple[str, ...] = ()
    blobs: int = 0
    bytes: int = 0
    aliases: Mapping[str, int] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """The document of `overton store push --json` and `pull --json`."""
        return {
            "versions": list(self.versions),
            "there": list(self.there),
            "blobs": self.blobs,
            "bytes": self.bytes,
            "aliases": dict(self.aliases),
        }


def copy_versions(
    source: Blobs,
    target: Blobs,
    versions: Sequence[str],
    *,
    aliases: Iterable[str] = (),
    verify: bool = False,
    when: str,
    observe: Observe = ignore,
) -> Copied:
    """Copy versions, and bring the logs of aliases forward.

    Args:
        source: Where they are.
        target: Where they are to be.
        versions: Their ids.
        aliases: Aliases whose logs the other store is to have too, with every version that they name and that is there.
        verify: Whether content that is there already is read back and mended; its size is looked at always.
        when: The time, as ISO 8601 text in UTC.
        observe: Told of the progress.

    Raises:
        OvertonError: With every version that is damaged, the others are copied; or where the log of an alias has gone
            another way there (`store.diverged`), before anything is copied.
    """
    logs = {alias: _missing_entries(source, target, alias) for alias in aliases}
    named = [entry.version for alias in logs for entry in layout.read_log(source, alias)]
    found = layout.read_manifests(source, dict.fromkeys([*versions, *named]))
    faults = [problem for fault in found.values() if isinstance(fault, OvertonError) for problem in fault.problems]
    faults += [_gone(source, version) for version in versions if version not in found]
    manifests = {version: manifest for version, manifest in found.items() if isinstance(manifest, Manifest)}
    copied: list[str] = []
    there: list[str] = []
    blobs = size = 0
    for version, manifest in manifests.items():
        try:
            is_new, sizes = _copy_version(source, target, manifest, verify, datetime.fromisoformat(when))
        except OvertonError as error:
            faults.extend(error.problems)
            if error.problems[0].code not in OF_ONE_VERSION:
                break  # a full disk or a lost connection would be told of every other version again
            continue
        (copied if is_new else there).append(version)
        blobs, size = blobs + len(sizes), size + sum(sizes)
        observe(Event("copy", f"version {version}: {sum(sizes):,} bytes", done=len(copied) + len(there)))
    if faults:
        raise OvertonError(faults)
    added = {alias: _append(target, alias, entries, manifests, when) for alias, entries in logs.items()}
    return Copied(tuple(copied), tuple(there), blobs, size, {alias: count for alias, count in added.items() if count})


def _copy_version(
    source: Blobs, target: Blobs, manifest: Manifest, verify: bool, now: datetime
) -> tuple[bool, list[int]]:
    """Copy one version; whether it is new there, and the sizes of what was written."""
    sizes = {entry.sha256: entry.size for entry in manifest.files.values()}
    waits = source if source.is_remote else target
    written: set[str] = set()

    def keep(touch: datetime | None) -> None:
        def copy(digest: str) -> bool:
            return _copy_blob(source, target, digest, sizes[digest], verify=verify, touch=touch)

        written.update(digest for digest, wrote in zip(sizes, waits.each(copy, sizes), strict=True) if wrote)

    is_new = layout.keep_version(target, manifest.id, manifest.to_bytes(), keep, now)
    return is_new, [sizes[digest] for digest in written]


def _copy_blob(source: Blobs, target: Blobs, digest: str, size: int, *, verify: bool, touch: datetime | None) -> bool:
    """Copy one content, where it is not there; whether anything was written."""
    path = layout.blob_path(digest)
    there = target.find(path)
    if there is not None and there.size == size and not verify and not layout.is_due(there, touch):
        return False
    content = source.read(path, at_most=size)
    if content is None or digest_bytes(content) != digest:
        code = "store.missing-blob" if content is None else "artifact.digest"
        what = "is missing" if content is None else "was changed: its digest is not that of its name"
        hint = "Restore it from a copy of the store; no version that has it was copied"
        raise OvertonError(Problem(f"{path} {what}", code, path=source.url, hint=hint))
    return layout.keep_blob(target, digest, content, touch=touch, verify=verify)


def _missing_entries(source: Blobs, target: Blobs, alias: str) -> dict[str, bytes]:
    """Entries of a log that the other store has not, by name.

    Raises:
        OvertonError: Where the other log is not the beginning of this one.
    """
    layout.read_log(source, alias)  # told where it is damaged
    ours, theirs = (_contents(blobs, alias) for blobs in (source, target))
    if any(ours.get(name, content) != content for name, content in theirs.items()):
        hint = f"Bring {alias} to the version that it should name there with `overton promote`"
        message = f"the log of {alias} is not the beginning of the one to copy: it was promoted there too"
        raise OvertonError(Problem(message, "store.diverged", path=target.url, hint=hint))
    return {name: content for name, content in ours.items() if name not in theirs}


def _contents(blobs: Blobs, alias: str) -> dict[str, bytes]:
    names = layout.log_names(blobs, alias)
    contents = blobs.each(blobs.read, [f"{layout.ALIASES}/{alias}/{name}" for name in names])
    return {name: content for name, content in zip(names, contents, strict=True) if content is not None}


def _append(target: Blobs, alias: str, entries: Mapping[str, bytes], copied: Container[str], when: str) -> int:
    """Add entries to a log, the versions that they name claimed before, as by a promotion; how many.

    Raises:
        OvertonError: Where the alias was promoted there meanwhile, or `gc` removes one of the versions.
    """
    for name, content in entries.items():
        path = f"{layout.ALIASES}/{alias}/{name}"
        entry = parse_promotion(content, f"{target.url}/{path}")
        if entry.version in copied:
            layout.claim(target, entry.version, layout.BY_ALIAS, who=entry.who, when=when)
            layout.refuse_removal(target, entry.version)
            if layout.read_manifest(target, entry.version) is None:  # removed, and its claim too, before ours
                message = f"version {entry.version} was removed there while it was copied"
                raise OvertonError(Problem(message, "store.being-removed", path=target.url, hint="Copy again"))
        if not target.create(path, content):
            message = f"{alias} was promoted there while its log was copied"
            raise OvertonError(Problem(message, "store.diverged", path=target.url, hint="Copy again to see how"))
    return len(entries)


def _gone(source: Blobs, version: str) -> Problem:
    return Problem(f"there is no version {version!r}", "store.unknown-version", path=source.url)
