"""A data set as a value that travels to workers, who open the same records again."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from overton.base import OvertonError, Problem
from overton.data.dataset import Dataset
from overton.data.files.digests import CHANGED
from overton.data.files.load import files_of_key, let_open, load_dataset, open_shard
from overton.data.files.verified import verify_once
from overton.data.rows.join import join_shards
from overton.schema import Schema


@dataclass(frozen=True, slots=True)
class DatasetHandle:
    """Where a worker finds the records of a data set.

    Attributes:
        schema: The schema as it is written.
        files: The data files.
        shards: The key of the shard of each.
        cache: Folder of their shards.
        max_bad: How many bad lines they have.
        digest: Of the data set, by which a worker knows that it has the same records.
    """

    schema: Schema
    files: tuple[Path, ...]
    shards: tuple[str, ...]
    cache: Path
    max_bad: int
    digest: str

    @classmethod
    def of(cls, dataset: Dataset, cache: Path) -> DatasetHandle:
        """The handle of a data set whose shards lie in a folder."""
        joined = dataset.joined
        files = tuple(Path(shard.path) for shard in joined.shards)
        keys = tuple(shard.meta["digest"] for shard in joined.shards)
        return cls(joined.schema, files, keys, cache, joined.n_bad, dataset.digest)

    def open(self) -> Dataset:
        """The data set again: as it was, whatever somebody has written to its files since, while its shards are there.

        Raises:
            OvertonError: Where they are not, and its files have changed.
        """
        try:
            dataset = self._kept()
        except OvertonError:  # shards were removed, or are damaged
            dataset = load_dataset(self.schema, self.files, self.cache, max_bad=self.max_bad)
        if dataset.digest != self.digest:
            folder, hint = str(self.files[0].parent), "Do it again: it begins with what the files say now"
            message = "the data files were changed meanwhile"
            raise OvertonError(Problem(message, CHANGED, folder, hint=hint))
        return dataset

    def _kept(self) -> Dataset:
        """The data set of the shards as they were made, without a look at the files."""
        let_open(len(self.files))
        shards = []
        for file, key in zip(self.files, self.shards, strict=True):
            rows, votes = files_of_key(self.schema, key, self.cache)
            shards.append(open_shard(file, rows, votes))
            verify_once(rows, votes)
        return Dataset(join_shards(self.schema, shards))
