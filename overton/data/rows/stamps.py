"""What the votes of a task depend on, as digests: by them is seen whether something made of votes still holds."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy import ndarray

from overton.base import digest_bytes, digest_json
from overton.data.rows.join import Joined
from overton.data.rows.votes import set_sizes
from overton.schema import Task


@dataclass(frozen=True, slots=True)
class Stamps:
    """Digests of what the votes of one task depend on.

    Attributes:
        records: Of the records: their ids and order, their units, the sizes of their sets.
        sources: Of the votes of each source that has any, by name: the shards that hold them, and how each joins the
            records. Of equal stamps the votes are equal, where the records are.
    """

    records: str
    sources: Mapping[str, str]


def stamp_votes(joined: Joined, number: int, task: Task, offsets: ndarray, records: str, shards: list[str]) -> Stamps:
    """The stamps of a task.

    Args:
        joined: The shards.
        number: Number of the task in the schema.
        task: The task.
        offsets: First unit of each record.
        records: What `digest_records` says.
        shards: What `digest_shards` says.
    """
    sizes = [_content(set_sizes(joined, task))] if task.type == "select" else []
    holders: dict[str, list[str]] = {}
    for shard, digest in zip(joined.shards, shards, strict=True):
        local = np.concatenate([shard.votes[f"{number}.source"], shard.votes[f"late.{number}.source"]])
        for place in np.flatnonzero(np.bincount(local, minlength=len(shard.sources))).tolist():
            holders.setdefault(shard.sources[place], []).append(digest)
    own = digest_bytes(records.encode(), _content(offsets), *sizes)
    return Stamps(own, {name: digest_json(digests) for name, digests in sorted(holders.items())})


def digest_records(joined: Joined) -> str:
    """Digest of the ids of all records in their order."""
    return digest_bytes(_content(joined.over_shards([shard.id_hash for shard in joined.shards])))


def digest_shards(joined: Joined) -> list[str]:
    """Digest of each shard, and of which of its records count and what its late ones add to."""
    pairs = zip(joined.shards, joined.kept, joined.late_row, strict=True)
    return [
        digest_json(
            [
                shard.meta["digest"],
                None if kept is None else digest_bytes(_content(kept)),
                digest_bytes(_content(late_row)),
            ]
        )
        for shard, kept, late_row in pairs
    ]


def _content(array: ndarray) -> memoryview:
    return np.ascontiguousarray(array).view(np.uint8).data
