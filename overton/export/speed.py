"""How long single records take in ONNX models, measured so that a busy machine slows all of them alike."""

import time
from collections.abc import Mapping, Sequence

import numpy as np
from numpy import ndarray

from overton.export.golden import Run

ROUNDS = 6


def milliseconds(runs: Mapping[str, Run], calls: Sequence[Mapping[str, ndarray]]) -> dict[str, float]:
    """The typical time of a call of each model by its name, in milliseconds.

    Every call is made by all models in turn, several times; the quickest time of each call counts, and the median of
    the calls, so that what else the machine does hardly does.
    """
    best = {name: np.full(len(calls), np.inf) for name in runs}
    for _ in range(ROUNDS):
        for place, inputs in enumerate(calls):
            for name, run in runs.items():
                start = time.perf_counter()
                run(inputs)
                best[name][place] = min(best[name][place], time.perf_counter() - start)
    return {name: float(np.median(times)) * 1000 for name, times in best.items()}
