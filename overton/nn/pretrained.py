"""What was trained elsewhere: vectors of words and ids. Frozen, they are kept beside the weights but never change."""

import torch
from torch import Tensor, nn

UNKNOWN = 1  # row of strings that have no vector (`overton.codec.rows`); row 0 is padding


class Vectors(nn.Module):
    """`vectors.v1`: the pretrained vector of each string; strings without one share a vector that is learned.

    In training some are taken for strings without one, so that such a string is no surprise.
    """

    def __init__(self, *, rows: int, width: int, tune: bool, dropout: float) -> None:
        super().__init__()
        self.unknown = nn.Parameter(torch.zeros(width))
        self.dropout = dropout
        matrix = torch.zeros(rows, width)
        if tune:
            self.vectors: Tensor = nn.Parameter(matrix)
        else:
            self.register_buffer("vectors", matrix)

    def forward(self, rows: Tensor) -> Tensor:
        """(row, item) to (row, item, width); `rows` is 0 for padding and 1 for a string without a vector."""
        if self.training and self.dropout:
            dropped = (rows > UNKNOWN) & (torch.rand(rows.shape, device=rows.device) < self.dropout)
            rows = rows.masked_fill(dropped, UNKNOWN)
        known = nn.functional.embedding((rows - 2).clamp(min=0), self.vectors)
        found: Tensor = torch.where((rows > UNKNOWN).unsqueeze(-1), known, self.unknown)
        return found * (rows > 0).unsqueeze(-1)
