"""The transformer encoder: every token looks at every other, by layers of multi-headed attention."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from overton.nn.dropout import Dropout
from overton.nn.masks import mask_of, masked_softmax

BASE = 10_000.0


class SelfAttention(nn.Module):
    """`transformer_encoder.v1`: layers that normalise before they look, with positions told by rotation.

    A rotation by position makes a score depend on how far apart two tokens stand, in which direction, and not on
    where the record begins, so that a record may be longer than any seen in training.

    Source: Xiong et al. 2020, arXiv:2002.04745 (normalising first); Su et al. 2021, arXiv:2104.09864 (rotation).
    """

    def __init__(self, *, size: int, layers: int, heads: tuple[int, int], dropout: float) -> None:
        super().__init__()
        self.layers = nn.ModuleList(SelfAttentionLayer(size, heads, dropout) for _ in range(layers))
        self.norm = nn.LayerNorm(size)

    def forward(self, tokens: Tensor, length: Tensor) -> Tensor:
        """(row, token, size) and (row,) to (row, token, size)."""
        mask = mask_of(length, tokens)[:, None, None, :]
        for layer in self.layers:
            tokens = layer(tokens, mask)
        normal: Tensor = self.norm(tokens)
        return normal


class SelfAttentionLayer(nn.Module):
    """Attention, then two dense layers, around each of which the tokens may pass."""

    def __init__(self, size: int, heads: tuple[int, int], dropout: float) -> None:
        super().__init__()
        self.heads, self.width = heads
        inner = self.heads * self.width
        self.before = nn.LayerNorm(size)
        self.look = nn.Linear(size, 3 * inner)
        self.mix = nn.Linear(inner, size)
        self.between = nn.LayerNorm(size)
        self.wide = nn.Linear(size, 2 * size)
        self.narrow = nn.Linear(2 * size, size)
        self.dropout = Dropout(dropout)

    def forward(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """`mask` tells which tokens are no padding, bool of shape (row, 1, 1, token)."""
        looks = self.look(self.before(tokens)).unflatten(-1, (3, self.heads, self.width)).permute(2, 0, 3, 1, 4)
        question, key, value = looks.unbind(0)
        scores = rotated(question) @ rotated(key).transpose(-1, -2) * self.width**-0.5
        seen = (masked_softmax(scores, mask, -1) @ value).transpose(1, 2).flatten(2)
        tokens = tokens + self.dropout(self.mix(seen))
        changed: Tensor = tokens + self.dropout(self.narrow(functional.gelu(self.wide(self.between(tokens)))))
        return changed


def rotated(vectors: Tensor) -> Tensor:
    """(row, head, token, width): each half of a vector is turned against the other by an angle that grows with place.

    Where the width is odd its last number stays.
    """
    half = vectors.shape[-1] // 2
    speed = BASE ** (-torch.arange(half, device=vectors.device, dtype=vectors.dtype) / max(half, 1))
    place = torch.arange(vectors.shape[2], device=vectors.device, dtype=vectors.dtype)
    angle = place.unsqueeze(1) * speed
    sine, cosine = angle.sin(), angle.cos()
    left, right, rest = vectors[..., :half], vectors[..., half : 2 * half], vectors[..., 2 * half :]
    return torch.cat([left * cosine - right * sine, left * sine + right * cosine, rest], -1)
