"""The head of a linear-chain CRF: logits of tokens in the graph, scores of neighbours beside it."""

import torch
from torch import nn

from overton.nn.heads import ClassHead
from overton.nn.wide import WideHead


class ChainHead(ClassHead):
    """`chain_head.v1`: one layer for each token, and what it scores when one class follows another.

    The graph computes the logits alone. The transitions take part in the loss (`overton.train.chain`) and in decoding
    (`overton.codec.chain`), which need the whole sequence and not the graph: a row for each class before, one for the
    beginning, and one for what each class scores at the end.
    """

    def __init__(self, *, size: int, classes: int, dropout: float) -> None:
        super().__init__(size=size, classes=classes, dropout=dropout)
        self.transitions = nn.Parameter(torch.zeros(classes + 2, classes))


class WideChainHead(WideHead):
    """`chain_head.v2`: the same with a wide path, whose transitions are those of both paths together."""

    def __init__(self, *, size: int, wide: int, classes: int, dropout: float) -> None:
        super().__init__(size=size, wide=wide, classes=classes, dropout=dropout)
        self.transitions = nn.Parameter(torch.zeros(classes + 2, classes))
