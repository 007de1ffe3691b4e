"""Heads: vectors to logits, one head a task."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from overton.nn.dropout import Dropout
from overton.nn.masks import FAR, mask_of, masked_mean


class ClassHead(nn.Module):
    """`multiclass_head.v1` and `bitvector_head.v1`: one layer, for records, tokens and members alike."""

    def __init__(self, *, size: int, classes: int, dropout: float) -> None:
        super().__init__()
        self.dropout = Dropout(dropout)
        self.score = nn.Linear(size, classes)

    def forward(self, vectors: Tensor) -> Tensor:
        """(row, size) or (row, item, size) to logits with `classes` in the last place."""
        logits: Tensor = self.score(self.dropout(vectors))
        return logits


class SelectHead(nn.Module):
    """`select_head.v1`: each member is compared with what the record asks for; padding scores far below all."""

    def __init__(self, *, size: int, context: bool, dropout: float) -> None:
        super().__init__()
        self.wide = nn.Linear(3 * size, size)
        self.score = nn.Linear(size, 1)
        self.dropout = Dropout(dropout)

    def forward(self, members: Tensor, length: Tensor, context: Tensor | None = None) -> Tensor:
        """(row, member, size), (row,) and perhaps (row, size) to logits of shape (row, member)."""
        mask = mask_of(length, members)
        asked = (masked_mean(members, mask) if context is None else context).unsqueeze(1).expand_as(members)
        compared = torch.cat([members, asked, members * asked], -1)
        scores: Tensor = self.score(self.dropout(functional.gelu(self.wide(compared)))).squeeze(-1)
        return scores.masked_fill(~mask, FAR)
