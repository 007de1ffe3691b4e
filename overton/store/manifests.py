"""The manifests of all versions, each read once, since a version never changes.

Which versions there are does change, and others change it, too: it is looked up each time. A manifest is read anew
where that look shows another file in its place.
"""

from overton.artifact import Manifest
from overton.base import OvertonError
from overton.store import layout
from overton.store.blobs import Blobs, Found


class Manifests:
    """The manifests of a store.

    Args:
        blobs: The store.
    """

    def __init__(self, blobs: Blobs) -> None:
        self._blobs = blobs
        self._kept: dict[str, tuple[Found, Manifest]] = {}  # those of the last look alone, so no more than there are

    def every(self) -> dict[str, Manifest | OvertonError]:
        """The manifests of the versions that there are now, or what is wrong with one, by version."""
        there, before = layout.find_manifests(self._blobs), self._kept
        known = {version: before[version][1] for version in there if _is_as_it_was(there[version], before.get(version))}
        read = layout.read_manifests(self._blobs, [version for version in there if version not in known])
        every = {version: found for version in there if (found := known.get(version) or read.get(version))}
        self._kept = {
            version: (place, manifest)
            for version, manifest in every.items()
            if (place := there[version]) and isinstance(manifest, Manifest)
        }
        return every

    def known(self, version: str) -> Manifest | None:
        """The manifest of a version that there was at the last look; None where there was none."""
        kept = self._kept.get(version)
        return kept[1] if kept else None


def _is_as_it_was(found: Found | None, before: tuple[Found, Manifest] | None) -> bool:
    return found is not None and before is not None and found == before[0]
