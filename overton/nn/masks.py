"""Padding in and out: masks of items, and softmax, maximum and mean that do not see padding.

A record without items gets zeros. Shapes in words: row, item, size.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from overton.nn.traced import being_traced

FAR = -1e4


def mask_of(length: Tensor, items: Tensor) -> Tensor:
    """Which cells are items, bool of shape (row, item); `items` has shape (row, item, ...)."""
    return torch.arange(items.shape[1], dtype=length.dtype, device=items.device) < length.unsqueeze(1)


def side_by_side(masks: Sequence[Tensor]) -> Tensor:
    """The masks of several rows of items as that of one row.

    While being traced they go as numbers: Core ML neither fills in nor joins truth values.
    """
    if being_traced():
        return torch.cat([mask.to(torch.int32) for mask in masks], 1) > 0
    return masks[0] if len(masks) == 1 else torch.cat(list(masks), 1)


def masked_softmax(scores: Tensor, mask: Tensor, dim: int) -> Tensor:
    """Softmax over the unmasked cells along a dimension; zeros where all are masked."""
    return scores.masked_fill(~mask, FAR).softmax(dim) * mask


def masked_max(items: Tensor, mask: Tensor) -> Tensor:
    """Greatest value over the items, (row, item, size) to (row, size)."""
    greatest = items.masked_fill(~mask.unsqueeze(-1), FAR).amax(1)
    return greatest * mask.any(1, keepdim=True)


def masked_mean(items: Tensor, mask: Tensor) -> Tensor:
    """Mean over the items, (row, item, size) to (row, size)."""
    weight = mask.unsqueeze(-1).to(items.dtype)
    return (items * weight).sum(1) / weight.sum(1).clamp(min=1)
