"""Where a version comes from and what it costs: data, settings, libraries, timings, sizes, latency."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Lineage:
    """What `lineage.json` tells of a version, and what its files weigh.

    Attributes:
        version: Its id.
        created: When a store took it, as ISO 8601 text; empty where none has.
        parent: The version whose weights its training began with; empty for none.
        overton: The release that built it.
        seed: Seed of everything random; None where that is not told.
        schema: Digest of the schema.
        records: Records that it was built on.
        splits: Records of each split.
        files: Digest of content and schema of each data file, by name.
        slices: Records of the slices that add capacity, by name.
        monitored: Why other slices add none, by name.
        label_models: How votes were combined, by task.
        epochs: Passes over the data.
        best_epoch: The pass that was kept, from 1.
        libraries: Releases of what it was built with, by name.
        seconds: What each stage took, by name.
        sizes: Bytes of each file, by name.
        latency: Milliseconds of single records on the machine that made the page: `records`, `p50_ms`, `p99_ms`; empty
            where it was not measured.
    """

    version: str
    created: str = ""
    parent: str = ""
    overton: str = ""
    seed: int | None = None
    schema: str = ""
    records: int | None = None
    splits: Mapping[str, int] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    slices: Mapping[str, Any] = field(default_factory=dict)
    monitored: Mapping[str, str] = field(default_factory=dict)
    label_models: Mapping[str, str] = field(default_factory=dict)
    epochs: int = 0
    best_epoch: int | None = None
    libraries: Mapping[str, str] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)
    sizes: Mapping[str, int] = field(default_factory=dict)
    latency: Mapping[str, float] = field(default_factory=dict)

    @property
    def total_seconds(self) -> float:
        """What the build took."""
        return sum(self.seconds.values())

    @property
    def total_size(self) -> int:
        """Bytes of all files."""
        return sum(self.sizes.values())

    def to_json(self) -> dict[str, Any]:
        """The lineage as a JSON value."""
        return asdict(self)


def lineage_page(
    version: str,
    value: Mapping[str, Any],
    *,
    created: str = "",
    sizes: Mapping[str, int] | None = None,
    latency: Mapping[str, float] | None = None,
) -> Lineage:
    """What a lineage tells; what an older Overton did not write stays empty.

    Args:
        version: Id of the version.
        value: The JSON value of `lineage.json`.
        created: When a store took it.
        sizes: Bytes of each of its files, by name.
        latency: Milliseconds of single records.
    """
    data, slices = value.get("data") or {}, value.get("slices") or {}
    return Lineage(
        version=version,
        created=created,
        parent=value.get("parent") or "",
        overton=value.get("overton", ""),
        seed=value.get("seed"),
        schema=value.get("schema", ""),
        records=data.get("records"),
        splits=value.get("splits") or {},
        files=data.get("files") or {},
        slices=slices.get("modelled") or {},
        monitored=slices.get("monitored") or {},
        label_models=value.get("label_models") or {},
        epochs=len(value.get("epochs") or ()),
        best_epoch=value.get("best_epoch"),
        libraries=value.get("libraries") or {},
        seconds=value.get("seconds") or {},
        sizes=sizes or {},
        latency=latency or {},
    )
