"""Several vectors to one: a singleton pools its inputs, items look at the inputs of their payload.

An input is either a record's one vector or a row of items with their lengths; `units` says which, in order. All
inputs are first brought to one size, then their items stand side by side, so that one attention weighs them all.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from overton.nn.dropout import Dropout
from overton.nn.masks import mask_of, masked_max, masked_mean, masked_softmax, side_by_side


class Join(nn.Module):
    """All inputs of a payload as one row of items and a mask, at one size."""

    def __init__(self, *, units: Sequence[str], sizes: Sequence[int], size: int) -> None:
        super().__init__()
        self.units = tuple(units)
        alone = len(self.units) == 1 and sizes[0] == size
        self.mixes = nn.ModuleList(nn.Identity() if alone else nn.Linear(width, size) for width in sizes)

    def forward(self, inputs: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """Items of shape (row, item, size) and their mask of shape (row, item)."""
        rest = list(inputs)
        items, masks = [], []
        for unit, mix in zip(self.units, self.mixes, strict=True):
            vectors = rest.pop(0)
            if unit == "record":
                items.append(mix(vectors).unsqueeze(1))
                masks.append(torch.ones_like(vectors[:, :1], dtype=torch.bool))
            else:
                items.append(mix(vectors))
                masks.append(mask_of(rest.pop(0), vectors))
        return items[0] if len(items) == 1 else torch.cat(items, 1), side_by_side(masks)


class AttentionPool(nn.Module):
    """`attention_pool.v1`: each head weighs the items by a learned question and takes its share of their values."""

    def __init__(
        self, *, units: Sequence[str], sizes: Sequence[int], size: int, heads: tuple[int, int], dropout: float
    ) -> None:
        super().__init__()
        self.heads, self.width = heads
        self.join = Join(units=units, sizes=sizes, size=size)
        self.score = nn.Linear(size, self.heads)
        self.value = nn.Linear(size, self.heads * self.width)
        self.mix = nn.Linear(self.heads * self.width, size)
        self.norm = nn.LayerNorm(size)
        self.dropout = Dropout(dropout)

    def forward(self, *inputs: Tensor) -> Tensor:
        """The inputs in order to (row, size)."""
        items, mask = self.join(inputs)
        weight = masked_softmax(self.score(items), mask.unsqueeze(-1), 1)
        value = self.value(items).unflatten(-1, (self.heads, self.width))
        pooled = (weight.unsqueeze(-1) * value).sum(1).flatten(1)
        normal: Tensor = self.dropout(self.norm(self.mix(pooled)))
        return normal


class PlainPool(nn.Module):
    """`max_pool.v1` and `mean_pool.v1`: the greatest or the mean value over all items."""

    def __init__(self, *, units: Sequence[str], sizes: Sequence[int], size: int, dropout: float, by: str) -> None:
        super().__init__()
        self.join = Join(units=units, sizes=sizes, size=size)
        self.mix = nn.Linear(size, size)
        self.norm = nn.LayerNorm(size)
        self.dropout = Dropout(dropout)
        self.pool = masked_max if by == "max" else masked_mean

    def forward(self, *inputs: Tensor) -> Tensor:
        """The inputs in order to (row, size)."""
        normal: Tensor = self.dropout(self.norm(self.mix(self.pool(*self.join(inputs)))))
        return normal


class Meet(nn.Module):
    """An item and what its inputs say, by themselves and by each other.

    The product is what tells whether the two go together, such as a candidate and a question: of a sum, each part
    counts nearly the same whatever the other is.
    """

    def __init__(self, *, size: int, dropout: float) -> None:
        super().__init__()
        self.both = nn.Linear(size, size)
        self.norm = nn.LayerNorm(size)
        self.dropout = Dropout(dropout)

    def forward(self, asking: Tensor, said: Tensor) -> Tensor:
        """(row, item, size) twice to the same shape."""
        normal: Tensor = self.norm(asking + self.dropout(said + self.both(asking * said)))
        return normal


class Attend(nn.Module):
    """`attend.v1` and `attend.v2`: every item of a payload asks all items of its inputs, by multi-headed attention.

    Of an input with one vector there is nothing to choose, so that what is asked has no effect: `attend.v2` holds the
    item against the answer as well. Source: Vaswani et al. 2017, arXiv:1706.03762.
    """

    def __init__(
        self,
        *,
        units: Sequence[str],
        sizes: Sequence[int],
        size: int,
        heads: tuple[int, int],
        dropout: float,
        meet: bool = False,
    ) -> None:
        super().__init__()
        self.heads, self.width = heads
        inner = self.heads * self.width
        self.join = Join(units=units, sizes=sizes, size=size)
        self.question = nn.Linear(size, inner)
        self.key = nn.Linear(size, inner)
        self.value = nn.Linear(size, inner)
        self.mix = nn.Linear(inner, size)
        self.meet = Meet(size=size, dropout=dropout) if meet else None
        self.norm = nn.Identity() if meet else nn.LayerNorm(size)
        self.dropout = Dropout(dropout)

    def forward(self, asking: Tensor, *inputs: Tensor) -> Tensor:
        """(row, item, size) and the inputs in order to (row, item, size)."""
        items, mask = self.join(inputs)
        question, key, value = (
            project.unflatten(-1, (self.heads, self.width)).transpose(1, 2)
            for project in (self.question(asking), self.key(items), self.value(items))
        )
        scores = question @ key.transpose(-1, -2) * self.width**-0.5
        weight = masked_softmax(scores, mask[:, None, None, :], -1)
        answer = self.mix((weight @ value).transpose(1, 2).flatten(2))
        normal: Tensor = self.norm(asking + self.dropout(answer)) if self.meet is None else self.meet(asking, answer)
        return normal


class AddPooled(nn.Module):
    """`add_max` and `add_mean`: the pooled inputs are added to every item, which `v2` holds against them as well."""

    def __init__(
        self, *, units: Sequence[str], sizes: Sequence[int], size: int, dropout: float, by: str, meet: bool = False
    ) -> None:
        super().__init__()
        self.pool = PlainPool(units=units, sizes=sizes, size=size, dropout=dropout, by=by)
        self.meet = Meet(size=size, dropout=dropout) if meet else None
        self.norm = nn.Identity() if meet else nn.LayerNorm(size)

    def forward(self, asking: Tensor, *inputs: Tensor) -> Tensor:
        """(row, item, size) and the inputs in order to (row, item, size)."""
        said = self.pool(*inputs).unsqueeze(1)
        normal: Tensor = self.norm(asking + said) if self.meet is None else self.meet(asking, said)
        return normal
