"""A training by several processes on an engine: its ranks, which share the work of every batch.

Each rank opens the records itself and reads what is pretrained; what it takes from others is sums of gradients alone. A
rank that is lost ends the training, which begins again from its last epoch.
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from overton.base import Event, Observe, OvertonError, ignore
from overton.data import Dataset
from overton.data.files import DatasetHandle
from overton.engine import LOST_GANG
from overton.fitting import Plan, Watch, fit
from overton.pretrained import Given
from overton.pretrained.files import load_pretrained
from overton.supervision import Combined
from overton.watch.files import watching

if TYPE_CHECKING:
    from overton.bench import Bench
    from overton.engine import Engine, Work
    from overton.train import Parent, Trained

HERE = "127.0.0.1"
MOST_BEGINNINGS = 3  # of a training whose ranks are lost
LOST = "train.rank-lost"


@dataclass(frozen=True, slots=True)
class RankRecipe:
    """All that a rank needs beside its number: what travels to it.

    Attributes:
        bench: Where things are; every rank sees the same folders.
        records: Where the records are.
        planned: What is trained, without what is pretrained, which every rank reads itself.
        combined: The combined votes of every task by name.
        seed: Seed of everything random.
        parent: The version whose weights training begins with; None for random ones.
        count: How many ranks there are.
        port: Where on this machine they meet; 0 where the engine has let them meet.
    """

    bench: Bench
    records: DatasetHandle
    planned: Plan
    combined: Mapping[str, Combined]
    seed: int
    parent: Parent | None
    count: int
    port: int


@dataclass(frozen=True, slots=True)
class Ranked:
    """Trains by several ranks; what `fit` does in one process.

    Attributes:
        bench: Where things are.
        engine: Where ranks run: one of as many workers.
        count: How many there are.
    """

    bench: Bench
    engine: Engine
    count: int

    def __call__(
        self,
        dataset: Dataset,
        planned: Plan,
        combined: Mapping[str, Combined],
        *,
        seed: int,
        parent: Parent | None = None,
        observe: Observe = ignore,
    ) -> Trained:
        """Train a plan; begins again from the last epoch where a rank is lost, twice at most.

        Raises:
            OvertonError: Where ranks are lost again and again.
        """
        for beginning in range(1, MOST_BEGINNINGS + 1):
            place = None if self.engine.introduces else _open_place()
            recipe = RankRecipe(
                bench=self.bench,
                records=DatasetHandle.of(dataset, self.bench.rows),
                planned=replace(planned, given=Given()),
                combined=combined,
                seed=seed,
                parent=parent,
                count=self.count,
                port=place.port if place else 0,
            )
            home = self.bench.runs.parent
            try:
                trained = self.engine.together(partial(make_rank, recipe), self.count, folder=home, observe=observe)
            except OvertonError as error:
                if beginning == MOST_BEGINNINGS or error.problems[0].code not in (LOST, LOST_GANG):
                    raise
                observe(Event("train", f"{error.problems[0].message}: all begin again from the last epoch"))
                continue
            assert trained is not None, "the first rank gives what was trained"
            del place  # by now the ranks have parted
            return trained
        raise AssertionError("unreachable")


def make_rank(recipe: RankRecipe) -> Work[int, Trained | None]:
    """The function that is one rank, given its number; the first gives what was trained, the others nothing."""
    return partial(rank_main, recipe)


def rank_main(recipe: RankRecipe, number: int, observe: Observe = ignore) -> Trained | None:
    """Train as one of several ranks.

    Args:
        recipe: What is trained, and where the ranks meet.
        number: Which rank this is, from 0.
        observe: Told of the progress, by the first alone.

    Raises:
        OvertonError: Where another rank is lost, or the data files are no longer those that the build began with.
    """
    from overton.train import Ranks, joined

    if recipe.port and sys.platform == "linux":  # gloo listens where the name of the machine leads, else
        os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
    bench = recipe.bench
    dataset = recipe.records.open()
    given = load_pretrained(recipe.planned.choices, bench.folder, dataset.texts)
    planned = replace(recipe.planned, given=given)
    first = number == 0
    folder = bench.watch_folder(planned) if first else None
    count = recipe.count
    meeting = joined(number, count, HERE, recipe.port) if recipe.port else nullcontext(Ranks(number, count))
    with watching(folder, {"ranks": str(count)}) as epochs, meeting as ranks:
        trained = fit(
            dataset,
            planned,
            recipe.combined,
            seed=recipe.seed,
            parent=recipe.parent,
            resume=bench.resume(),
            ranks=ranks,
            watch=Watch(epochs),
            observe=observe if first else ignore,
        )
    return trained if first else None


def _open_place() -> Any:
    """Where ranks on this machine find each other."""
    from overton.train import meeting_place

    with socket.create_server((HERE, 0)) as listening:
        return meeting_place(HERE, int(listening.getsockname()[1]), listening.detach())
