"""The manifests of all versions, each read once, since a version never changes.

Which versions there are does change, and others change it, too: it is looked up each time. A manifest is read anew
where that look shows another file in its place. Those of a store far away are kept on the disk for the next process.
"""

from contextlib import suppress

import msgspec

from overton.artifact import Manifest
from overton.base import OvertonError, digest_bytes
from overton.store import layout
from overton.store.blobs import Blobs, Found
from overton.store.cache import Cache


class Manifests:
    """The manifests of a store.

    Args:
        blobs: The store.
        cache: Where they are kept beyond this process; None for nowhere.
    """

    def __init__(self, blobs: Blobs, cache: Cache | None = None) -> None:
        self._blobs, self._cache = blobs, cache
        self._name = f"manifests-{digest_bytes(blobs.url.encode())[:12]}"
        self._kept: dict[str, tuple[Found, Manifest]] | None = None  # those of the last look; None before the first

    def every(self) -> dict[str, Manifest | OvertonError]:
        """The manifests of the versions that there are now, or what is wrong with one, by version."""
        there, before = layout.find_manifests(self._blobs), self._recall() if self._kept is None else self._kept
        known = {version: before[version][1] for version in there if _is_as_it_was(there[version], before.get(version))}
        read = layout.read_manifests(self._blobs, [version for version in there if version not in known])
        every = {version: found for version in there if (found := known.get(version) or read.get(version))}
        self._kept = {
            version: (place, manifest)
            for version, manifest in every.items()
            if (place := there[version]) and isinstance(manifest, Manifest)
        }
        if not read.keys().isdisjoint(self._kept):
            self._keep(self._kept)
        return every

    def known(self, version: str) -> Manifest | None:
        """The manifest of a version that there was at the last look; None where there was none."""
        kept = (self._kept or {}).get(version)
        return kept[1] if kept else None

    def _recall(self) -> dict[str, tuple[Found, Manifest]]:
        """Those that another process kept, each checked as if it came from the store."""
        content = self._cache.recall(self._name) if self._cache else None
        recalled = {}
        with suppress(msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            for version, found, text in msgspec.json.decode(content or b"[]", type=list[tuple[str, Found, str]]):
                with suppress(OvertonError):
                    recalled[version] = found, layout.parse_manifest_of(version, text.encode(), found.path)
        return recalled

    def _keep(self, kept: dict[str, tuple[Found, Manifest]]) -> None:
        if self._cache:
            told = [(version, found, manifest.to_bytes().decode()) for version, (found, manifest) in kept.items()]
            self._cache.keep(self._name, msgspec.json.encode(told))


def _is_as_it_was(found: Found | None, before: tuple[Found, Manifest] | None) -> bool:
    return found is not None and before is not None and found == before[0]
