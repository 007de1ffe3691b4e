"""Seconds and memory of fitting a label model and predicting with it: Overton, and Snorkel in the same run.

Sources of planted accuracy vote at random on three items in ten. Every run is a process of its own: it makes the votes,
imports what it needs, and tells its seconds and by how much its peak memory grew, the result included. Snorkel comes
with the extra `bench` and is left out where it is missing.

    python benchmarks/supervision_speed.py [--repeats 2] [--largest 33333333]
"""

import argparse
import time
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import numpy as np
from ingest import in_fresh_process
from label_peers import PEERS, version_of
from numpy import ndarray

COVERAGE = 0.3
ACCURACY = (0.55, 0.9)
BLOCK = 100_000
BUDGET = 20.0


@dataclass(frozen=True, slots=True)
class Size:
    """How many items, sources and classes there are."""

    n_items: int
    n_sources: int
    n_classes: int

    def __str__(self) -> str:
        return f"{self.n_items:,} items x {self.n_sources} sources, {self.n_classes} classes"


@dataclass(frozen=True, slots=True)
class Cost:
    """What one run took: seconds, MB above the data, and how many of the items it got right.

    The first run of a process is what a user of a script waits for, the second what one of a notebook does.
    """

    first: float
    fit: float
    predict: float
    memory: float
    accuracy: float

    @property
    def seconds(self) -> float:
        """Fitting and predicting together, the second time."""
        return self.fit + self.predict


def main() -> None:
    """Time both at the sizes that both can, and ours at larger ones."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--items", type=int, default=1_000_000)
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--largest", type=int, default=33_333_333)
    options = parser.parse_args()
    version, reason = version_of(PEERS["snorkel"])
    print(f"snorkel {version}" if version else f"snorkel is left out: {reason}")
    for n_classes in (2, 5):
        size = Size(options.items, 10, n_classes)
        print(f"\n{size}")
        found: dict[str, list[Cost]] = {name: [] for name in (["snorkel"] if version else []) + ["overton"]}
        for _ in range(options.repeats):  # by turns, so that a busy machine is busy for both
            for name, costs in found.items():
                costs.append(in_fresh_process(measure, name, size)[0])
        best = {name: min(costs, key=lambda cost: cost.seconds) for name, costs in found.items()}
        for name, cost in best.items():
            show(name, cost)
        if version:
            snorkel, ours = best["snorkel"], best["overton"]
            print(
                f"Snorkel takes {snorkel.first / ours.first:.1f} times as long the first time, "
                f"{snorkel.seconds / ours.seconds:.1f} times the second (goal: {BUDGET:.0f})"
            )
    for size in (Size(options.largest, 10, 2), Size(100_000, 500, 50)):
        print(f"\n{size}")
        show("overton", in_fresh_process(measure, "overton", size)[0])


def show(name: str, cost: Cost) -> None:
    """Print one line."""
    print(
        f"{name:8} {cost.first:6.2f} s the first time, {cost.seconds:6.2f} s the second "
        f"(fit {cost.fit:.2f}, predict {cost.predict:.2f}), "
        f"{cost.memory:7,.0f} MB above the data, accuracy {cost.accuracy:.4f}",
        flush=True,
    )


def measure(name: str, size: Size) -> Cost:
    """Make votes, and fit and predict twice; what is imported is imported before."""
    model = {"overton": overton, "snorkel": snorkel}[name]
    import_module({"overton": "overton.supervision", "snorkel": "snorkel.labeling.model"}[name])
    matrix, truth = plant(size, seed=0)
    before = forget_peak()
    probability, *first = model(matrix, size.n_classes)
    memory = peak() - before
    _, fit, predicting = model(matrix, size.n_classes)
    right = sum(
        int((probability[low : low + BLOCK].argmax(1) == truth[low : low + BLOCK]).sum())
        for low in range(0, size.n_items, BLOCK)
    )
    return Cost(sum(first), fit, predicting, memory, right / size.n_items)


def overton(matrix: ndarray, n_classes: int) -> tuple[ndarray, float, float]:
    """Probabilities, seconds of fitting and seconds of predicting."""
    from overton.supervision import LabelModel

    start = time.perf_counter()
    model = LabelModel.fit(matrix, n_classes=n_classes)
    middle = time.perf_counter()
    return model.predict(matrix), middle - start, time.perf_counter() - middle


def snorkel(matrix: ndarray, n_classes: int) -> tuple[ndarray, float, float]:
    """The same of Snorkel with its defaults."""
    from snorkel.labeling.model import LabelModel

    start = time.perf_counter()
    model = LabelModel(cardinality=n_classes, verbose=False)
    model.fit(matrix, seed=0, progress_bar=False)
    middle = time.perf_counter()
    return model.predict_proba(matrix), middle - start, time.perf_counter() - middle


def plant(size: Size, *, seed: int) -> tuple[ndarray, ndarray]:
    """Votes, int8 of shape (item, source), -1 where a source abstains; and the truth. Made in blocks to save memory."""
    rng = np.random.default_rng(seed)
    accuracy = rng.uniform(*ACCURACY, size.n_sources).astype(np.float32)
    matrix = np.empty((size.n_items, size.n_sources), np.int8)
    truth = rng.integers(0, size.n_classes, size.n_items, np.int8)
    for low in range(0, size.n_items, BLOCK):
        true = truth[low : low + BLOCK, None]
        shape = (len(true), size.n_sources)
        wrong = (true + rng.integers(1, size.n_classes, shape, np.int8)) % np.int8(size.n_classes)
        said = np.where(rng.random(shape, np.float32) < accuracy, true, wrong)
        matrix[low : low + BLOCK] = np.where(rng.random(shape, np.float32) < COVERAGE, said, -1)
    return matrix, truth


def forget_peak() -> float:
    """Let the peak memory of this process be what it has now; returns that in MB. Only Linux keeps it by process."""
    Path("/proc/self/clear_refs").write_text("5")
    return peak()


def peak() -> float:
    """The most memory that this process had since its peak was forgotten, in MB.

    The peak that `getrusage` tells is at least that of the process which started this one.
    """
    status = Path("/proc/self/status").read_text()
    return float(status.partition("VmHWM:")[2].split()[0]) / 1024


if __name__ == "__main__":
    main()
