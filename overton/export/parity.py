"""Whether an exported model computes what the trained one computes."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy import ndarray

from overton.artifact import open_session
from overton.compile import Program
from overton.export.trace import load_model, output_name

USUAL = 4096  # items, or pieces of words, of a record


@dataclass(frozen=True, slots=True)
class Parity:
    """How far an exported model is from the trained one.

    Attributes:
        max_error: Greatest difference of any logit; of one beyond 1 as a share of it, as float32 has so many digits; of
            records that are very long as many times less as sums over them are less exact.
        n_records: Records compared.
        error_by_task: The same by task.
    """

    max_error: float
    n_records: int
    error_by_task: Mapping[str, float]

    def within(self, tolerance: float) -> bool:
        """Whether all logits agree."""
        return self.max_error <= tolerance


def parity(
    onnx: bytes, program: Program, weights: Mapping[str, ndarray], inputs: Iterable[Mapping[str, ndarray]]
) -> Parity:
    """Compare the two on some batches of real inputs, as `overton.codec.Encoder` makes them."""
    session, model = open_session(onnx), load_model(program, weights)
    errors = dict.fromkeys(program.all_outputs, 0.0)
    n_records = 0
    for batch in inputs:
        found = session.run([output_name(task) for task in errors], dict(batch))
        with torch.inference_mode():
            wanted = model({name: torch.from_numpy(value) for name, value in batch.items()})
        inexactness = _inexactness(batch)
        for task, logits in zip(list(errors), found, strict=True):
            errors[task] = max(errors[task], _difference(logits, wanted[task].numpy()) / inexactness)
        n_records += len(next(iter(batch.values())))
    return Parity(max_error=max(errors.values(), default=0.0), n_records=n_records, error_by_task=errors)


def _inexactness(batch: Mapping[str, ndarray]) -> float:
    """How many times less exact sums over a record are than over a usual one: the root of how many times as long.

    Two programs that add up in another order differ by their rounding alone, which grows like a random walk.
    """
    longest = max((value.shape[1] for value in batch.values() if value.ndim > 1), default=0)
    return float(np.sqrt(max(longest / USUAL, 1)))


def _difference(found: ndarray, wanted: ndarray) -> float:
    if found.shape != wanted.shape or not np.isfinite(found).all():
        return float("inf")
    return float((np.abs(found - wanted) / np.maximum(np.abs(wanted), 1)).max(initial=0.0))
