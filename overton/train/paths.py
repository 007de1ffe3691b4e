"""How much each of two paths counts in what a head says, once training is over.

A head gives the mean of what a vector and a wide path say. In training both count alike, and each learns the task by
itself; which of them is right more often depends on the data, and dev tells (`overton.evaluate.best_share`). As the
head alone has to be computed anew for that, what it reads is kept while the model predicts dev.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy import ndarray
from torch import Tensor, nn

from overton.codec import Chain, Predictions, concatenate, decode
from overton.compile import Node, Program
from overton.nn import Model
from overton.train.calibrate import PATHS, path_factors, scaled


@dataclass(frozen=True, slots=True)
class Heard:
    """What a head with two paths has read.

    Attributes:
        node: Its node.
        head: The head itself.
        read: Vectors and wide paths, batch by batch, of shape (row, size) and (row, wide), or the same for tokens.
    """

    node: Node
    head: nn.Module
    read: list[tuple[Tensor, Tensor]] = field(default_factory=list)

    def said(self, predictions: Predictions, share: float) -> Predictions:
        """What is predicted of the same records where the wide path has a share of the mean.

        Args:
            predictions: What was predicted of all records that the head has read.
            share: The share, above 0 and below 1.
        """
        head, task = self._with(share), predictions.task
        transitions = getattr(head, "transitions", None)
        chain = None if transitions is None else Chain.of(transitions.detach().cpu().numpy(), task.classes)
        units, parts, start = _units(predictions), [], 0
        for vectors, wide in self.read:
            with torch.inference_mode():
                logits = head(vectors, wide).cpu().numpy()
            parts.append(decode(task, logits, units[start : start + len(logits)], chain=chain))
            start += len(logits)
        return concatenate(parts)

    def _with(self, share: float) -> nn.Module:
        """The head where the wide path has that share."""
        head = deepcopy(self.head)
        weights = {name: value.cpu().numpy() for name, value in head.state_dict().items()}
        changed = scaled(weights, path_factors(self.node.op, share))
        head.load_state_dict({name: torch.from_numpy(np.array(value)) for name, value in changed.items()})
        return head


@contextmanager
def hearing(model: Model, program: Program) -> Iterator[Mapping[str, Heard]]:
    """What the heads with two paths read as long as this is open, by name of the task."""
    nodes = {node.name: node for node in program.nodes}
    found = {
        task: Heard(nodes[head], model.block(nodes[head]))
        for task, head in program.outputs.items()
        if nodes[head].op in PATHS and len(nodes[head].inputs) > 1
    }
    handles = [
        heard.head.register_forward_pre_hook(lambda _, inputs, heard=heard: heard.read.append(inputs))
        for heard in found.values()
    ]
    try:
        yield found
    finally:
        for handle in handles:
            handle.remove()


def _units(predictions: Predictions) -> ndarray:
    """How many units each record has: of a task on the record 1, or 0 where nothing can be predicted."""
    if predictions.unknown is not None:
        return (~predictions.unknown).astype(np.int64)
    per_record = np.diff(predictions.offsets)
    one_each = (
        predictions.label.ndim == 1 and len(per_record) == len(predictions.label) and bool((per_record == 1).all())
    )
    return (predictions.label >= 0).astype(np.int64) if one_each else per_record  # tokens all have a label
