"""The bench of a build: where trainings find their records and keep their state, as a value that travels to workers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from overton.base import Observe, ignore
from overton.data import Dataset
from overton.data.files import load_dataset
from overton.fitting import Plan, Resume
from overton.schema import Schema

if TYPE_CHECKING:
    from overton.engine import Engine
    from overton.export import Graphs


@dataclass(frozen=True, slots=True)
class Bench:
    """Where trials find their records and keep their state.

    Attributes:
        schema: The schema as it is written.
        files: The data files.
        rows: Folder of their shards.
        folder: Where pretrained vectors are looked for.
        runs: Folder of checkpoints.
        searches: Folder of the journals.
        builds: Folder of the accounts of builds.
        traced: Folder of the graphs of programs.
        watch: Folder of what is watched of this build; None where nothing is.
        max_bad: How many bad lines may be left out.
    """

    schema: Schema
    files: tuple[Path, ...]
    rows: Path
    folder: Path
    runs: Path
    searches: Path
    builds: Path
    traced: Path
    watch: Path | None = None
    max_bad: int = 0

    def dataset(self, engine: Engine | None = None, observe: Observe = ignore) -> Dataset:
        """The records; what is new or changed of their files is read on an engine, or here where None."""
        return load_dataset(self.schema, self.files, self.rows, max_bad=self.max_bad, engine=engine, observe=observe)

    def watch_folder(self, planned: Plan) -> Path | None:
        """Where the curves of a build's own training go."""
        return self.watch / ("small" if planned.teacher else "train") if self.watch else None

    def graphs(self) -> Graphs:
        """Where the graphs of programs are kept."""
        from overton.export.files import graph_store

        return graph_store(self.traced)

    def resume(self) -> Resume:
        """Where training keeps its state."""
        from overton.train.files import load_checkpoint, save_checkpoint

        return Resume(
            load=lambda key: load_checkpoint(self.runs / key),
            save=lambda key, checkpoint: save_checkpoint(checkpoint, self.runs / key),
        )


def bench_of(schema: Schema, files: Sequence[Path], folder: Path, home: Path, max_bad: int = 0) -> Bench:
    """The bench of an application: its schema and data files, its folder, and that of everything derived."""
    return Bench(
        schema=schema,
        files=tuple(files),
        rows=home / "rows",
        folder=folder,
        runs=home / "runs",
        searches=home / "searches",
        builds=home / "builds",
        traced=home / "graphs",
        max_bad=max_bad,
    )
