"""Training on a GPU: records a second, the share of its time that the GPU waits, and the largest batch it holds.

    python benchmarks/cuda.py [DATA] [--batches 64,256,1024,4096,16384] [--steps 60] [--most 1048576]

DATA is a folder of applications with factoid-en (default: the variable OVERTON_TEST_DATA). Its default program is
trained by batches of each size, in bfloat16 where that does no harm (`mixed`) and in float32, from records that are
gathered and encoded as in a build. Records a second are those of the steps after the first ten. The GPU waits where no
kernel and no copy runs on it, between the first of a run's and the last. The largest batch is
one of which memory holds three steps.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from numpy import ndarray
from torch._C._autograd import DeviceType
from torch.profiler import ProfilerActivity, profile
from training import copied

import overton
from overton.codec import chained_tasks
from overton.combining import combine_all
from overton.compile import TrainingChoices, Tuning
from overton.data import Dataset
from overton.data import batch as data_batch
from overton.fitting import Plan
from overton.pipeline import plan
from overton.supervision import Targets
from overton.train import Batches, TrainingBatch, encoder_for, objectives_of, train, training_batches

FIRST = 10  # steps that are not timed: kernels are loaded in them
EXACT = 8192  # records: the largest batch is told to so many


@dataclass
class Timed:
    """Batches that note when the first steps are done.

    Attributes:
        batches: The batches of an epoch.
        n_batches: So many of them are given.
        began: When the timed steps began, by the performance counter.
    """

    batches: Batches
    n_batches: int
    began: float = field(default=0.0)

    @property
    def n_records(self) -> int:
        """Records of one epoch."""
        return self.batches.n_records

    def epoch(self, seed: int) -> Iterator[TrainingBatch]:
        """Some batches, in an order that the seed decides."""
        for number, batch in enumerate(self.batches.epoch(seed)):
            if number == self.n_batches:
                return
            if number == min(FIRST, self.n_batches - 1):
                torch.cuda.synchronize()
                self.began = time.perf_counter()
            yield batch


@dataclass(frozen=True)
class Program:
    """What is trained, and on what."""

    dataset: Dataset
    planned: Plan
    targets: dict[str, Targets]

    def settings(self, batch_size: int, *, mixed: bool) -> TrainingChoices:
        """How to train."""
        return replace(self.planned.choices.training, epochs=1, batch_size=batch_size, mixed=mixed)

    def run(self, rows: ndarray, n_steps: int, batch_size: int, *, mixed: bool) -> float:
        """Records a second of training on some records."""
        settings, program = self.settings(batch_size, mixed=mixed), self.planned.program
        given = self.planned.given
        encoder = encoder_for(program, given.strings, given.weights, self.dataset.gather, rows)
        lengths = self.dataset.record_lengths()
        timed = Timed(training_batches(self.dataset.gather, encoder, self.targets, rows, lengths, batch_size), n_steps)
        objectives = objectives_of(self.targets, self.dataset.splits.train, settings, chained_tasks(program))
        train(program, timed, settings=settings, seed=0, objectives=objectives, given=given.weights)
        torch.cuda.synchronize()
        return batch_size * (n_steps - min(FIRST, n_steps - 1)) / (time.perf_counter() - timed.began)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", nargs="?", type=Path, default=os.environ.get("OVERTON_TEST_DATA"))
    parser.add_argument("--batches", default="64,256,1024,4096,16384")
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--most", type=int, default=1 << 20, help="largest batch that is tried; 0: none is")
    options = parser.parse_args()
    if options.data is None or not (Path(options.data) / "factoid-en").is_dir() or not torch.cuda.is_available():
        print("no GPU, or no data: name a folder of applications with factoid-en, or set OVERTON_TEST_DATA")
        return
    data_batch.MOST_PAIRS = 1 << 62  # no batch comes in parts, so that the largest is what memory holds
    with tempfile.TemporaryDirectory() as folder:
        dataset = overton.load(copied(Path(options.data), "factoid-en", Path(folder))).dataset()
        targets = {name: found.targets for name, found in combine_all(dataset).items()}
        trained = Program(dataset, plan(dataset, Tuning()), targets)
        print(f"{torch.cuda.get_device_name()}, torch {torch.__version__}; {len(dataset.splits.train):,} records")
        print(f"{'batch':>9s} {'numbers':>9s} {'records/s':>10s} {'GPU waits':>10s} {'memory':>9s}", flush=True)
        for batch_size in map(int, options.batches.split(",")):
            for mixed in (True, False):
                print_speed(trained, batch_size, options.steps, mixed=mixed)
        if options.most:
            print_largest(trained, options.most)


def print_speed(trained: Program, batch_size: int, n_steps: int, *, mixed: bool) -> None:
    """Train by batches of a size, twice: timed, and watched by a profiler."""
    rows = np.resize(trained.dataset.splits.train, batch_size * n_steps)
    torch.cuda.reset_peak_memory_stats()
    speed = trained.run(rows, n_steps, batch_size, mixed=mixed)
    peak = torch.cuda.max_memory_allocated() / 2**30
    few = min(n_steps, 2 * FIRST)
    with profile(activities=[ProfilerActivity.CUDA]) as watched:
        trained.run(rows[: batch_size * few], few, batch_size, mixed=mixed)
    busy = [
        (one.time_range.start, one.time_range.end)
        for one in watched.events()
        if one.device_type == DeviceType.CUDA and not one.is_user_annotation
    ]
    name = "bfloat16" if mixed else "float32"
    print(f"{batch_size:9,d} {name:>9s} {speed:10,.0f} {waiting(busy):10.0%} {peak:6.2f} GiB", flush=True)


def waiting(busy: list[tuple[float, float]]) -> float:
    """Share of the time between the first begin and the last end of some spans that none of them covers."""
    covered, end = 0.0, min(first for first, _ in busy)
    begin = end
    for first, last in sorted(busy):
        covered += max(last - max(first, end), 0.0)
        end = max(end, last)
    return 1 - covered / (end - begin)


def print_largest(trained: Program, most: int) -> None:
    """Find the largest batch that the memory of the GPU holds: doubled until it is out, then halved in between."""
    batch_size, step, growing = min(16384, most), 16384, True
    while step >= EXACT and batch_size <= most:
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
        rows = np.resize(trained.dataset.splits.train, batch_size)
        try:
            speed = trained.run(np.concatenate([rows] * 3), 3, batch_size, mixed=True)
        except torch.cuda.OutOfMemoryError:
            print(f"no memory for a batch of {batch_size:,}", flush=True)
            growing, step = False, step // 2
            batch_size -= step
        else:
            peak = torch.cuda.max_memory_allocated() / 2**30
            print(f"a batch of {batch_size:,}: {peak:.1f} GiB at the peak, {speed:,.0f} records/s", flush=True)
            step = batch_size if growing else step // 2
            batch_size += step


if __name__ == "__main__":
    main()
