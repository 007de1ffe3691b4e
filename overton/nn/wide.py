"""The wide path: what a text contains, or what stands around a token, summed straight into what heads read.

Source: Cheng et al. 2016, arXiv:1606.07792 (wide and deep); Joulin et al. 2016, arXiv:1607.01759 (hashed n-grams).
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from overton.nn.dropout import Dropout

PIECE_DROPOUT = 0.5
ALONE = 0.25  # share of the records that train the deep path alone, and as many the wide one


class WidePath(nn.Module):
    """`wide_text.v1` and `wide_tokens.v1`: the vectors of all pieces, summed and divided by the root of their number.

    The pieces are what a text contains (`overton.codec.grams`), or what stands around a token
    (`overton.codec.windows`). A record of several texts has the pieces of all of them, as if they were one.

    In training half of the pieces are dropped, so that no rare one is believed by itself, and the gradient of `pieces`
    is sparse: it holds the rows that were read.
    """

    def __init__(self, *, rows: int, size: int) -> None:
        super().__init__()
        self.pieces = nn.Embedding(rows, size, padding_idx=0)
        nn.init.normal_(self.pieces.weight, std=0.1)
        nn.init.zeros_(self.pieces.weight[0])

    def forward(self, *texts: Tensor) -> Tensor:
        """(row, piece) of each text or (row, token, piece), 0 for padding, to their sum; zeros where there are none."""
        grams = texts[0] if len(texts) == 1 else torch.cat(texts, -1)
        given = grams > 0
        if self.training:
            given = given & (torch.rand(grams.shape, device=grams.device) >= PIECE_DROPOUT)
        number = given.to(self.pieces.weight.dtype).sum(-1, keepdim=True).clamp(min=1)
        total = self._summed(grams, given) if self.training else self.pieces(grams).sum(-2)
        found: Tensor = total / number.sqrt()
        return found

    def _summed(self, grams: Tensor, given: Tensor) -> Tensor:
        """The sum of the vectors of those pieces that are given, without all of them side by side."""
        number = given.sum(-1).view(-1)
        begin = number.cumsum(0) - number
        total = functional.embedding_bag(grams[given], self.pieces.weight, begin, mode="sum", sparse=True)
        return total.view(*grams.shape[:-1], -1)


class WideHead(nn.Module):
    """`multiclass_head.v2` and `bitvector_head.v2`: the mean of what a vector and its wide path say.

    The vector is that of a record or of a token. In training some records have but one of the two, so that each path
    learns the task by itself: otherwise the one that learns faster leaves nothing to the other, and their mean gains
    little.
    """

    def __init__(self, *, size: int, wide: int, classes: int, dropout: float) -> None:
        super().__init__()
        self.dropout = Dropout(dropout)
        self.score = nn.Linear(size, classes)
        self.wide = nn.Linear(wide, classes, bias=False)

    def forward(self, vectors: Tensor, wide: Tensor) -> Tensor:
        """(row, size) and (row, wide) to logits of shape (row, class); tokens stand between rows and these."""
        return mean_of_paths(self.score(self.dropout(vectors)), self.wide(wide), training=self.training)


def mean_of_paths(deep: Tensor, wide: Tensor, *, training: bool) -> Tensor:
    """The mean of two logits; in training for some rows the one of them or the other, alone."""
    if not training:
        return (deep + wide) / 2
    chance = torch.rand(len(deep), *[1] * (deep.ndim - 1), device=deep.device)
    share = torch.where(chance < ALONE, 1.0, torch.where(chance >= 1 - ALONE, 0.0, 0.5))
    return share * deep + (1 - share) * wide
