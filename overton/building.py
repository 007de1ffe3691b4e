"""A build on disk: its account, where its trials run, who watches it, and the store that takes what it makes.

What a build does stands in `pipeline.py`; here is what lies around it.
"""

from __future__ import annotations

import math
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from overton.base import Event, Observe, OvertonError, Problem, count_of, ignore, instant
from overton.base.files import remove_drafts
from overton.fitting import Plan, Teach, Watch, fit
from overton.ranks import Ranked
from overton.runs import Run, is_any_running, run_of, served

if TYPE_CHECKING:
    from overton.artifact import Artifact
    from overton.bench import Bench
    from overton.combining import Tallies
    from overton.compile import Tuning
    from overton.data import Dataset
    from overton.engine import Engine
    from overton.store import Store
    from overton.supervision import Combined
    from overton.train import Parent, Trained


DRAFT_SECONDS = 3600.0  # how long a file is left alone that a process may still write
RANKS_A_CORE = 4  # more would only wait for each other, and each takes memory of its own
RANKS_OF_TRIALS = (
    "each trial of a search trains alone, so --ranks says nothing; leave it out, or build what is pinned: --trials 1"
)


def build_version(
    bench: Bench,
    tuning: Tuning,
    store: Store,
    tallies: Callable[[Engine], Tallies],
    *,
    seed: int = 0,
    parent: Artifact | None = None,
    on: str = "local",
    ranks: int = 1,
    profile: bool = False,
    observe: Observe = ignore,
) -> Artifact:
    """Build a version and keep it in a store.

    Args:
        bench: Where the data files are, and where a build keeps its state.
        tuning: What is pinned, what may be chosen and how long to search.
        store: Takes the version.
        tallies: Where counted votes are kept, and counted on an engine.
        seed: Seed of everything random.
        parent: The version to begin from, if any.
        on: Where independent pieces run.
        ranks: How many processes train together.
        profile: Whether to profile the training.
        observe: Told of the progress.
    """
    from overton.engine import engine_of
    from overton.evaluate.files import load_gate
    from overton.pipeline import build
    from overton.spreading import predict_on
    from overton.trials import choose

    remove_drafts(bench.rows.parent, before=time.time() - DRAFT_SECONDS)
    engine, gate = engine_of(on), load_gate(bench.folder / "gate.json")
    _look_at_files(bench, tuning, observe)
    account = run_of(bench.builds, bench.searches, seed=seed, parent=parent.id if parent else None)
    with account as run, _placed(bench.folder):
        bench = replace(bench, watch=run.folder)
        teach = _teach(bench, tuning, ranks, on, profile, observe)
        artifact = build(
            bench.dataset(engine, observe),
            tuning,
            folder=bench.folder,
            seed=seed,
            parent=parent,
            teach=teach,
            tallies=tallies(engine),
            choose=choose(bench, tuning, engine, seed=seed, parent=parent, gate=gate, begun=run.add, observe=observe),
            gate=gate,
            graphs=bench.graphs(),
            spread=lambda made: partial(predict_on, engine, made, bench.rows),
            observe=observe,
        )
        _keep(artifact, store, run)
    _forget_states(bench)
    observe(Event("publish", f"version {artifact.id} in {store.url}"))
    _log(artifact, bench.folder, observe)
    return artifact


def _keep(artifact: Artifact, store: Store, run: Run) -> None:
    """Put a version into the store, and tell of it in the account of its build."""
    from overton.store import moment_after

    store.put(artifact, when=moment_after(store, instant()))
    run.add(version=artifact.id, **served(artifact))


def _forget_states(bench: Bench) -> None:
    """Remove what a build needs to go on after it was killed, unless another is under way, of which it may be."""
    from overton.train.files import remove_checkpoints

    if not is_any_running(bench.builds):
        remove_checkpoints(bench.runs)
        remove_drafts(bench.searches, before=math.inf)


@contextmanager
def _placed(folder: Path) -> Iterator[None]:
    """Tell faults of what the tuning says with their line of `tuning.json`."""
    from overton.compile.files import placed_faults

    try:
        yield
    except OvertonError as error:
        raise OvertonError(placed_faults(folder / "tuning.json", error.problems)) from None


def _look_at_files(bench: Bench, tuning: Tuning, observe: Observe) -> None:
    """See that what a tuning names is there, before anything is read or trained, and tell of what nobody reads."""
    from overton.data.files import ignored_files
    from overton.pretrained.files import check_pretrained, named_files

    if missing := check_pretrained(tuning, bench.folder):
        raise OvertonError(missing)
    for ignored in ignored_files(bench.folder, named_files(tuning, bench.folder)):
        observe(Event("ingest", f"{ignored.message}. {ignored.hint}"))


def _teach(bench: Bench, tuning: Tuning, ranks: int, on: str, profile: bool, observe: Observe) -> Teach:
    """What trains: this process, or ranks of this machine or of the cluster that is named.

    Raises:
        OvertonError: Where ranks would train trials of a search, or are more than there is room for.
    """
    from overton.engine import LOCAL, cores, engine_of
    from overton.trials import is_searched

    if ranks > 1:
        if is_searched(tuning):
            raise OvertonError(Problem(RANKS_OF_TRIALS, "train.ranks-of-trials"))
        most = RANKS_A_CORE * cores()
        if on.partition(":")[0] == LOCAL and ranks > most:
            message = f"{ranks} ranks are too many for this machine, which has {count_of(cores(), 'core')}"
            raise OvertonError(Problem(message, "train.too-many-ranks", hint=f"Use --ranks {most} at most"))
        engine = engine_of(f"{LOCAL}:{ranks}" if on == LOCAL else on)
        if engine.workers < ranks:
            message = f"{ranks} ranks need as many workers, and {on} has {engine.workers}"
            raise OvertonError(Problem(message, "train.too-many-ranks", hint=f"Use --ranks {engine.workers} at most"))
        if profile:
            observe(Event("train", "a profile looks at one process: ranks are not profiled"))
        return Ranked(bench, engine, ranks)
    return partial(_fit, bench, profile)


def _fit(
    bench: Bench,
    profile: bool,
    dataset: Dataset,
    planned: Plan,
    combined: Mapping[str, Combined],
    *,
    seed: int,
    parent: Parent | None = None,
    observe: Observe = ignore,
) -> Trained:
    """Train in this process, watched by TensorBoard's files, and by a profiler where one is wanted."""
    from overton.train.files import profiled
    from overton.watch import told_parts
    from overton.watch.files import watching

    folder = bench.watch_folder(planned)
    with watching(folder, {"choices": planned.choices.to_json()}) as epochs:
        teach = partial(fit, dataset, planned, combined, seed=seed, parent=parent, resume=bench.resume())
        if not profile or folder is None:
            return teach(watch=Watch(epochs), observe=observe)
        seconds: Counter[str] = Counter()

        def count(event: Event) -> None:
            seconds.update(event.values.get("seconds", {}))
            if epochs:
                epochs(event)

        trained = teach(watch=Watch(count, partial(profiled, folder, observe=observe)), observe=observe)
        observe(Event("train", told_parts(seconds) if seconds else "nothing was trained: nothing is profiled"))
    return trained


def _log(artifact: Artifact, folder: Path, observe: Observe) -> None:
    """Log a version to MLflow where its own variable says where that is."""
    address = os.environ.get("MLFLOW_TRACKING_URI")
    if not address:
        return
    from overton.watch import log_build

    log_build(
        address,
        folder.resolve().name,
        version=artifact.id,
        choices=artifact.json("choices.json"),
        lineage=artifact.json("lineage.json"),
        report=artifact.json("report.json"),
        study=artifact.json("search.json") if "search.json" in artifact.files else None,
        observe=observe,
    )
