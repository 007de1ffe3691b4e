"""Slices: memberships are predicted, and what is predicted changes the vectors that heads read.

Measured against the design of the paper (Chen et al. 2019, arXiv:1909.06349), whose experts a slice cost more and
gained less: docs/decisions/0011-slice-capacity.md.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from overton.nn.dropout import Dropout
from overton.nn.masks import mask_of, masked_max, masked_mean

RARE = -3.0  # logit with which each slice begins


class SliceMembership(nn.Module):
    """`slice_membership.v1`: all payloads of a record in one vector, and from it a logit a slice.

    Items are summed up by their mean and their greatest values. Payloads are read as they are, and not made to tell of
    slices: what tells that a record belongs to one also tells where the sources of that slice err alike.
    """

    def __init__(
        self, *, units: Sequence[str], sizes: Sequence[int], slices: int, width: int = 64, dropout: float
    ) -> None:
        super().__init__()
        self.units = tuple(units)
        widths = [size if unit == "record" else 2 * size for unit, size in zip(units, sizes, strict=True)]
        self.mix = nn.Linear(sum(widths), width)
        self.score = nn.Linear(width, slices)
        nn.init.constant_(self.score.bias, RARE)
        self.dropout = Dropout(dropout)

    def forward(self, *inputs: Tensor) -> Tensor:
        """The vectors of each payload, items with their lengths, to logits of shape (row, slice)."""
        rest, parts = list(inputs), []
        for unit in self.units:
            vectors = rest.pop(0).detach()
            if unit != "record":
                mask = mask_of(rest.pop(0), vectors)
                parts += [masked_mean(vectors, mask), masked_max(vectors, mask)]
            else:
                parts.append(vectors)
        logits: Tensor = self.score(self.dropout(functional.gelu(self.mix(torch.cat(parts, -1)))))
        return logits


class SliceFilm(nn.Module):
    """`slice_film.v2`: a membership adds a vector of its own, and scales and shifts a hidden layer that adds another.

    The layer is shared, and a slice adds a row to three small tables, so hundreds of slices cost little. It begins as
    next to no change. Gradients of the tasks do not reach the memberships, which keep their meaning. What comes out is
    normalised: else vectors grow without end under a loss that lets go of absurd targets, and logits with them.

    Source: Perez et al. 2018, arXiv:1709.07871.
    """

    def __init__(
        self, *, unit: str, size: int, hidden: int, slices: int, dropout: float, member_dropout: float
    ) -> None:
        super().__init__()
        self.inward = nn.Linear(size, hidden)
        self.outward = nn.Linear(hidden, size)
        self.own = nn.Parameter(torch.zeros(slices, size))
        self.scale = nn.Parameter(torch.zeros(slices, hidden))
        self.shift = nn.Parameter(0.02 * torch.randn(slices, hidden))
        nn.init.zeros_(self.outward.weight)
        nn.init.zeros_(self.outward.bias)
        self.norm = nn.LayerNorm(size)
        self.dropout = Dropout(member_dropout if unit == "member" else dropout)

    def forward(self, vectors: Tensor, logits: Tensor) -> Tensor:
        """(row, size) or (row, item, size), and logits of shape (row, slice), to the shape of the vectors."""
        member = logits.detach().sigmoid()
        if vectors.ndim > member.ndim:
            member = member.unsqueeze(1)
        own, scale, shift = member @ self.own, member @ self.scale, member @ self.shift
        hidden = functional.gelu(self.inward(vectors) * (1 + scale) + shift)
        changed: Tensor = self.norm(vectors + own + self.outward(self.dropout(hidden)))
        return changed
