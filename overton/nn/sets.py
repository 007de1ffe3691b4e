"""A head that chooses among the sets of bits that occur together."""

import torch
from torch import Tensor, nn

from overton.nn.dropout import Dropout
from overton.nn.wide import mean_of_paths

LEAST = 1e-6  # probability that is added to each side of a bit, so that its logit is finite


class SetsHead(nn.Module):
    """`sets_head.v1`: scores whole sets of bits, and tells how likely each bit is in all.

    The score of a set is its own and those of its bits, so that rare sets learn from others that share bits with them.
    In training the head gives the scores, of which the loss is that of one set among all
    (`overton.train.loss.sets_loss`); else the log odds of each bit, as any head of bits does, so that nothing behind it
    knows of sets.

    Args:
        size: Width of the record's vector.
        wide: Width of its wide path; 0 where it has none.
        classes: The bits by name.
        sets: The sets, each by the names of its bits.
        dropout: Share of activations dropped.
    """

    members: Tensor
    scale: Tensor

    def __init__(
        self, *, size: int, wide: int, classes: tuple[str, ...], sets: tuple[tuple[str, ...], ...], dropout: float
    ) -> None:
        super().__init__()
        self.dropout = Dropout(dropout)
        self.score = nn.Linear(size, len(sets))
        self.bits = nn.Linear(size, len(classes), bias=False)
        self.wide = nn.Linear(wide, len(sets), bias=False) if wide else None
        self.wide_bits = nn.Linear(wide, len(classes), bias=False) if wide else None
        place = {name: number for number, name in enumerate(classes)}
        members = torch.zeros(len(sets), len(classes))
        for row, names in enumerate(sets):
            members[row, [place[name] for name in names]] = 1
        self.register_buffer("members", members, persistent=False)
        self.register_buffer("scale", torch.ones(1))  # a temperature of bits is none of sets, so it stands behind them

    def forward(self, vectors: Tensor, wide: Tensor | None = None) -> Tensor:
        """(row, size) and perhaps (row, wide) to logits of shape (row, class); in training (row, set)."""
        vectors = self.dropout(vectors)
        scores: Tensor = self.score(vectors) + self.bits(vectors) @ self.members.t()
        if wide is not None and self.wide is not None and self.wide_bits is not None:
            other = self.wide(wide) + self.wide_bits(wide) @ self.members.t()
            scores = mean_of_paths(scores, other, training=self.training)
        if self.training:
            return scores
        share = scores.softmax(-1)
        holds, fails = share @ self.members, share @ (1 - self.members)
        logits: Tensor = ((holds + LEAST).log() - (fails + LEAST).log()) * self.scale
        return logits
