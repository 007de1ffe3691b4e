"""The wide path of an exported model, as narrow as what is read from it.

A wide path sums vectors, and heads multiply the sum by a matrix. Summing what the matrix makes of each vector gives the
same, and costs less where heads have fewer classes than the vectors have numbers: fewer are looked up, and the table,
most of the model's size, shrinks likewise.
"""

from itertools import accumulate, pairwise

import torch
from torch import Tensor, nn

from overton.compile import Node
from overton.nn import Model, WidePath

READERS = ("wide", "wide_bits")


class Cut(nn.Module):
    """A part of a sum: what one head reads of it."""

    def __init__(self, begin: int, end: int) -> None:
        super().__init__()
        self.begin, self.end = begin, end

    def forward(self, wide: Tensor) -> Tensor:
        """(row, size) to (row, end - begin), or the same for tokens."""
        return wide[..., self.begin : self.end]


def narrow_wide_paths(model: Model) -> Model:
    """The same model, its wide paths narrowed where that makes them so; it is changed in place."""
    for node in model.nodes:
        path = model.block(node)
        if isinstance(path, WidePath):
            _narrow(model, node, path)
    return model


def _narrow(model: Model, node: Node, path: WidePath) -> None:
    heads = [model.block(reader) for reader in model.nodes if node.name in reader.inputs]
    layers = [(head, name, layer) for head in heads for name, layer in _layers_of(head)]
    if {id(head) for head in heads} != {id(head) for head, _, _ in layers}:
        return  # something else reads the sum, too
    ends = [0, *accumulate(layer.out_features for _, _, layer in layers)]
    if ends[-1] >= path.pieces.embedding_dim:
        return
    with torch.no_grad():
        table = path.pieces.weight @ torch.cat([layer.weight for _, _, layer in layers]).t()
    path.pieces = nn.Embedding(len(table), ends[-1], padding_idx=0, _weight=table)
    for (head, name, _), (begin, end) in zip(layers, pairwise(ends), strict=True):
        setattr(head, name, Cut(begin, end) if len(layers) > 1 else nn.Identity())


def _layers_of(head: nn.Module) -> list[tuple[str, nn.Linear]]:
    """The layers by which a head reads a wide path, none of which has a bias."""
    return [(name, layer) for name in READERS if isinstance(layer := getattr(head, name, None), nn.Linear)]
