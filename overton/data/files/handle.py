"""A data set as a value that travels to workers, who open the same records again."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from overton.base import OvertonError, Problem
from overton.data.dataset import Dataset
from overton.data.files.digests import CHANGED
from overton.data.files.load import load_dataset
from overton.schema import Schema


@dataclass(frozen=True, slots=True)
class DatasetHandle:
    """Where a worker finds the records of a data set.

    Attributes:
        schema: The schema as it is written.
        files: The data files.
        cache: Folder of their shards.
        max_bad: How many bad lines they have.
        digest: Of the data set, by which a worker knows that it has the same records.
    """

    schema: Schema
    files: tuple[Path, ...]
    cache: Path
    max_bad: int
    digest: str

    @classmethod
    def of(cls, dataset: Dataset, cache: Path) -> DatasetHandle:
        """The handle of a data set whose shards lie in a folder."""
        joined = dataset.joined
        files = tuple(Path(shard.path) for shard in joined.shards)
        return cls(joined.schema, files, cache, joined.n_bad, dataset.digest)

    def open(self) -> Dataset:
        """The data set again.

        Raises:
            OvertonError: Where its files have changed.
        """
        dataset = load_dataset(self.schema, self.files, self.cache, max_bad=self.max_bad)
        if dataset.digest != self.digest:
            folder, hint = str(self.files[0].parent), "Do it again: it begins with what the files say now"
            message = "the data files were changed meanwhile"
            raise OvertonError(Problem(message, CHANGED, folder, hint=hint))
        return dataset
