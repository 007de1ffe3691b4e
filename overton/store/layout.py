"""Where everything lies in a store, and how each kind of it is read.

    store.json                          the format of this layout; stores from before there was one lack it
    blobs/sha256/<hex>                  content of the files, each different content once
    versions/<id>/manifest.json         written last: a version is there whole or not at all
    versions/<id>/claim.json            who may decide about the version: aliases, or the removal of old versions
    aliases/<alias>/<number>.json       one promotion each; the alias names the version of the last

Nothing needs more of a backend than to create an object where there is none.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, NoReturn

import msgspec

from overton.artifact import MANIFEST, Manifest, parse_manifest
from overton.base import OvertonError, Problem, check_name, did_you_mean, digest_bytes, is_name
from overton.store.blobs import Blobs, Found
from overton.store.faults import is_of_the_store
from overton.store.log import ENTRY, Promotion, check_log, damaged, parse_promotion

FORMAT = 1
FORMAT_FILE = "store.json"
CLAIM = "claim.json"
GRACE = timedelta(hours=1)  # what was written since is left alone by `gc`: it may belong to a version on its way
BY_ALIAS, BY_GC = "alias", "gc"  # who claims a version
BLOBS, VERSIONS, ALIASES = "blobs/sha256", "versions", "aliases"
OWN = re.compile(
    rf"{re.escape(FORMAT_FILE)}|{BLOBS}/[0-9a-f]{{64}}|{ALIASES}/[^/]+/{ENTRY.pattern}"
    rf"|{VERSIONS}/[^/]+/({re.escape(MANIFEST)}|{re.escape(CLAIM)})"
)


def is_own(path: str) -> bool:
    """Whether an object of that path is one that a store makes; whatever else lies in its folders is somebody's own."""
    return OWN.fullmatch(path) is not None


def manifest_path(version: str) -> str:
    """Path of the manifest of a version."""
    return f"{VERSIONS}/{version}/{MANIFEST}"


def claim_path(version: str) -> str:
    """Path of the claim on a version."""
    return f"{VERSIONS}/{version}/{CLAIM}"


def blob_path(digest: str) -> str:
    """Path of a content by its digest."""
    return f"{BLOBS}/{digest}"


def check_format(blobs: Blobs) -> None:
    """Refuse a store of a later layout.

    Raises:
        OvertonError: Where it is one, or its file cannot be read.
    """
    content = blobs.read(FORMAT_FILE)
    if content is None:
        return
    value = _object(content, f"{blobs.url}/{FORMAT_FILE}")
    if value.get("format") != FORMAT:
        raise OvertonError(
            Problem(
                message=f"a store of format {value.get('format')}; this Overton reads format {FORMAT}",
                code="store.format",
                path=blobs.url,
                hint="Use the Overton that wrote it",
            )
        )


def need_store(blobs: Blobs) -> None:
    """Refuse a place where no store is, to copy from: its name may be misspelt.

    Raises:
        OvertonError: Where there is none.
    """
    if blobs.find(FORMAT_FILE) is None and not version_ids(blobs):
        message = "there is no store: no version was ever put there"
        hint = "Check the path or the URL; `overton build` makes the store of an application"
        raise OvertonError(Problem(message, "store.not-there", path=blobs.url, hint=hint))


def version_ids(blobs: Blobs) -> list[str]:
    """Names under which there may be versions; one without a manifest is none."""
    return [name for name in blobs.names(VERSIONS) if is_name(name)]


def find_manifests(blobs: Blobs) -> dict[str, Found | None]:
    """The files of all manifests by version, by one look; None where there is none, or one that nobody can read."""
    return {name: found for name, found in blobs.find_in_each(VERSIONS, MANIFEST).items() if is_name(name)}


def read_manifest(blobs: Blobs, version: str) -> Manifest | None:
    """The manifest of a version; None where there is none, as a put that was killed leaves it.

    Raises:
        OvertonError: Where it is damaged, or that of another version.
    """
    content = blobs.read(manifest_path(version))
    return None if content is None else parse_manifest_of(version, content, f"{blobs.url}/{manifest_path(version)}")


def parse_manifest_of(version: str, content: bytes, path: str) -> Manifest:
    """The manifest of a version from its content.

    Raises:
        OvertonError: Where it is damaged, or that of another version.
    """
    manifest = parse_manifest(content, path)
    if manifest.id != version:
        raise damaged(path, f"it is the manifest of version {manifest.id}")
    return manifest


def need_manifest(blobs: Blobs, version: str) -> Manifest:
    """The manifest of a version that has to be there.

    Raises:
        OvertonError: Where there is no such version, or its manifest is damaged.
    """
    check_name(version, "a version")
    manifest = read_manifest(blobs, version)
    if manifest is None:
        others = [name for name in version_ids(blobs) if name != version]
        raise unknown(blobs, f"there is no version {version!r}", did_you_mean(version, others))
    return manifest


def read_manifests(blobs: Blobs, versions: Iterable[str]) -> dict[str, Manifest | OvertonError]:
    """The manifests of those versions that have one, or what is wrong with it, by version."""

    def read(version: str) -> tuple[str, Manifest | OvertonError | None]:
        try:
            return version, read_manifest(blobs, version)
        except OvertonError as error:
            if is_of_the_store(error):
                raise
            return version, error

    return {version: found for version, found in blobs.each(read, versions) if found is not None}


def alias_names(blobs: Blobs) -> list[str]:
    """The aliases that may have a log."""
    return [name for name in blobs.names(ALIASES) if is_name(name)]


def log_names(blobs: Blobs, alias: str) -> list[str]:
    """Names of the files of an alias's log, in their order."""
    return [name for name in blobs.names(f"{ALIASES}/{alias}") if ENTRY.fullmatch(name)]


def find_entries(blobs: Blobs, alias: str) -> dict[str, Found | None]:
    """The files of an alias's log by their names, in their order; None for one that nobody can read."""
    return {name: found for name, found in blobs.find_in(f"{ALIASES}/{alias}").items() if ENTRY.fullmatch(name)}


def read_entries(blobs: Blobs, alias: str, names: Sequence[str]) -> list[Promotion]:
    """Entries of an alias's log by the names of their files.

    Raises:
        OvertonError: Where one is missing or damaged.
    """
    paths = [f"{ALIASES}/{alias}/{name}" for name in names]
    contents = blobs.each(blobs.read, paths)
    return [
        parse_promotion(content or b"", f"{blobs.url}/{path}") for path, content in zip(paths, contents, strict=True)
    ]


def read_log(blobs: Blobs, alias: str) -> list[Promotion]:
    """The whole log of an alias, checked to be whole; empty where there is no such alias."""
    names = log_names(blobs, alias)
    log = read_entries(blobs, alias, names)
    check_log(names, log, f"{blobs.url}/{ALIASES}/{alias}")
    return log


def refuse_alias(blobs: Blobs, alias: str) -> NoReturn:
    """Refuse to take an alias back that has no log, and name those that have one.

    Raises:
        OvertonError: Always.
    """
    hint = did_you_mean(alias, alias_names(blobs)) or "`overton promote` makes it"
    raise OvertonError(Problem(f"there is no alias {alias!r}", "store.no-rollback", path=blobs.url, hint=hint))


def read_claim(blobs: Blobs, version: str) -> str:
    """Who may decide about a version: `alias`, `gc`, or nobody yet.

    Raises:
        OvertonError: Where the claim is damaged.
    """
    content = blobs.read(claim_path(version))
    return "" if content is None else str(_object(content, f"{blobs.url}/{claim_path(version)}").get("by", ""))


def claim(blobs: Blobs, version: str, by: str, *, who: str, when: str) -> str:
    """Claim a version, and return who has claimed it first; only the first to do so may decide about it.

    A version on which an alias has a claim is never removed, and one that is being removed is never promoted.
    """
    content = msgspec.json.encode({"by": by, "who": who, "when": when})
    return by if blobs.create(claim_path(version), content) else read_claim(blobs, version)


def refuse_removal(blobs: Blobs, version: str) -> None:
    """Refuse to put or promote a version that `gc` is removing.

    Raises:
        OvertonError: Where it is.
    """
    if read_claim(blobs, version) == BY_GC:
        raise OvertonError(
            Problem(
                message=f"version {version} is being removed",
                code="store.being-removed",
                path=blobs.url,
                hint="Wait for `overton store gc` to end, or run it again where it was stopped; then put it anew",
            )
        )


def keep_blob(blobs: Blobs, digest: str, content: bytes, *, touch: datetime | None = None, verify: bool = True) -> bool:
    """Make sure that a content is there and whole; whether it was not.

    Args:
        blobs: The store.
        digest: The digest of the content.
        content: The content.
        touch: The time, where somebody comes to count on the content: what is old is written again, so that `gc` sees.
        verify: Whether what is there is read back.
    """
    path = blob_path(digest)
    found = blobs.find(path)
    if found is None:
        return blobs.create(path, content)
    whole = found.size == len(content)
    if whole and verify:
        whole = digest_bytes(blobs.read(path, at_most=len(content)) or b"") == digest
    if not whole or is_due(found, touch):
        blobs.replace(path, content)
    return not whole


def keep_version(
    blobs: Blobs, version: str, manifest: bytes, keep: Callable[[datetime | None], object], now: datetime
) -> bool:
    """Write a version, its content first and the manifest last; whether there was none.

    Args:
        blobs: The store.
        version: Its id.
        manifest: The content of its manifest.
        keep: Makes sure of the content of all its files; it is given the time where that comes to be counted on.
        now: The time.

    Raises:
        OvertonError: Where `gc` is removing the version.
    """
    refuse_removal(blobs, version)
    is_new = blobs.find(manifest_path(version)) is None
    keep(now if is_new else None)
    is_made = keep_manifest(blobs, version, manifest)
    if not is_new:  # `gc` may have taken it for one that nobody puts
        if is_made:
            keep(now)
        refuse_removal(blobs, version)
    return is_made


def keep_manifest(blobs: Blobs, version: str, content: bytes) -> bool:
    """Write the manifest of a version, whose content is there; whether there was none. One that is damaged is mended.

    Raises:
        OvertonError: Where there is one of another format.
    """
    path = manifest_path(version)
    if blobs.create(path, content):
        return True
    try:
        read_manifest(blobs, version)
    except OvertonError as error:
        if error.problems[0].code not in ("artifact.manifest", "store.damaged", "store.too-large"):
            raise
        blobs.replace(path, content)
    return False


def is_due(found: Found, touch: datetime | None) -> bool:
    """Whether a content on which somebody counts from now on has to be written again, before `gc` takes it for old."""
    return touch is not None and is_old(found, touch, GRACE / 2)


def is_old(found: Found, now: datetime, age: timedelta = GRACE) -> bool:
    """Whether an object was written so long ago that nobody can be at work on what it belongs to."""
    return now - found.modified >= age


def unknown(blobs: Blobs, message: str, hint: str) -> OvertonError:
    """What to raise where a version is asked for that is not there."""
    return OvertonError(Problem(message=message, code="store.unknown-version", path=blobs.url, hint=hint))


def _object(content: bytes, path: str) -> dict[str, Any]:
    try:
        return msgspec.json.decode(content, type=dict[str, Any])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise damaged(path, str(error)) from None
