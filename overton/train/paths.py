"""How much each of two paths counts in what a head says, once training is over.

A head of a record gives the mean of what the record's vector and its wide path say. In training both count alike, and
each learns the task by itself; which of them is right more often depends on the data, and dev tells (`best_share`). As
the head alone has to be computed anew for that, what it reads is kept while the model predicts dev.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy import ndarray
from torch import Tensor, nn

from overton.codec import Predictions, decode
from overton.compile import Node, Program
from overton.nn import Model
from overton.train.calibrate import PATHS, path_factors, scaled


@dataclass(frozen=True, slots=True)
class Heard:
    """What a head with two paths has read.

    Attributes:
        node: Its node.
        head: The head itself.
        vectors: Vectors of the records, batch by batch, of shape (row, size).
        wide: Their wide paths, of shape (row, wide).
    """

    node: Node
    head: nn.Module
    vectors: list[Tensor] = field(default_factory=list)
    wide: list[Tensor] = field(default_factory=list)

    def logits(self, share: float) -> ndarray:
        """What the head says where the wide path has that share of the mean, of shape (record, class)."""
        head = deepcopy(self.head)
        weights = {name: value.cpu().numpy() for name, value in head.state_dict().items()}
        changed = scaled(weights, path_factors(self.node.op, share))
        head.load_state_dict({name: torch.from_numpy(np.array(value)) for name, value in changed.items()})
        with torch.inference_mode():
            said: Tensor = head(torch.cat(self.vectors), torch.cat(self.wide))
        return said.cpu().numpy()

    def said(self, predictions: Predictions, share: float) -> Predictions:
        """What is predicted of the same records where the wide path has that share."""
        known = predictions.label >= 0 if predictions.unknown is None else ~predictions.unknown
        return decode(predictions.task, self.logits(share), known)


@contextmanager
def hearing(model: Model, program: Program) -> Iterator[Mapping[str, Heard]]:
    """What the heads with two paths read as long as this is open, by name of the task."""
    nodes = {node.name: node for node in program.nodes}
    found = {
        task: Heard(nodes[head], model.block(nodes[head]))
        for task, head in program.outputs.items()
        if nodes[head].op in PATHS and len(nodes[head].inputs) > 1
    }

    def listen(heard: Heard) -> torch.utils.hooks.RemovableHandle:
        def hear(_: nn.Module, inputs: tuple[Tensor, Tensor]) -> None:
            heard.vectors.append(inputs[0])
            heard.wide.append(inputs[1])

        return heard.head.register_forward_pre_hook(hear)

    handles = [listen(heard) for heard in found.values()]
    try:
        yield found
    finally:
        for handle in handles:
            handle.remove()
