"""Which files hold a label of a source for a record, so that one sees whose label counts: the last file's does."""

import numpy as np

from overton.base.ragged import starts_of
from overton.data.rows.join import Joined
from overton.data.rows.late import LateLists
from overton.data.rows.shard import Shard


def holders_of(joined: Joined, task: int, source: str, row: int) -> list[str]:
    """Names of the files in which a source labels a record, in the order in which they count.

    Args:
        joined: The shards.
        task: Number of the task in the schema.
        source: Name of the source.
        row: Number of the record.
    """
    own, local = joined.locate(row)
    found = []
    for place, shard in enumerate(joined.shards):
        if source not in shard.sources:
            continue
        number = shard.sources.index(source)
        late = LateLists(shard, task)
        among_late = joined.late_row[place][late.owner[late.source == number]] if len(late.owner) else ()
        if (shard is own and _says(shard, task, number, local)) or row in among_late:
            found.append(shard.name)
    return found


def _says(shard: Shard, task: int, source: int, local: int) -> bool:
    first = starts_of(shard.votes[f"{task}.count"].astype(np.int64))
    return bool((shard.votes[f"{task}.source"][first[local] : first[local + 1]] == source).any())
