"""Blocks that give tokens their context. All map (row, token, size) and lengths to (row, token, size)."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from overton.nn.dropout import Dropout
from overton.nn.masks import mask_of
from overton.nn.traced import being_traced


class Bag(nn.Module):
    """`bag.v1`: no context; each token for itself."""

    def __init__(self, *, size: int, dropout: float) -> None:
        super().__init__()
        self.mix = nn.Linear(size, size)
        self.norm = nn.LayerNorm(size)
        self.dropout = Dropout(dropout)

    def forward(self, tokens: Tensor, length: Tensor) -> Tensor:
        """Each token is changed by one layer."""
        changed: Tensor = self.norm(tokens + self.dropout(functional.gelu(self.mix(tokens))))
        return changed


class Cnn(nn.Module):
    """`cnn.v1`: layers of ConvNeXt in one dimension, each seeing three tokens to either side.

    Source: Liu et al. 2022, arXiv:2201.03545; measured here as the best encoder from scratch.
    """

    def __init__(self, *, size: int, layers: int, dropout: float) -> None:
        super().__init__()
        self.layers = nn.ModuleList(CnnLayer(size, dropout) for _ in range(layers))
        self.norm = nn.LayerNorm(size)

    def forward(self, tokens: Tensor, length: Tensor) -> Tensor:
        """Three layers of seven make each token see nine tokens to either side."""
        mask = mask_of(length, tokens).unsqueeze(-1).to(tokens.dtype)
        for layer in self.layers:
            tokens = layer(tokens, mask)
        normal: Tensor = self.norm(tokens)
        return normal


class CnnLayer(nn.Module):
    """A depthwise convolution over seven tokens, then two dense layers, around which the tokens may pass."""

    def __init__(self, size: int, dropout: float, width: int = 7) -> None:
        super().__init__()
        self.around = Around(size, width)
        self.norm = nn.LayerNorm(size)
        self.wide = nn.Linear(size, 2 * size)
        self.narrow = nn.Linear(2 * size, size)
        self.dropout = Dropout(dropout)

    def forward(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """`mask` is 1 for tokens and 0 for padding, of shape (row, token, 1)."""
        around = self.norm(self.around(tokens * mask))
        changed: Tensor = tokens + self.dropout(self.narrow(functional.gelu(self.wide(around))))
        return changed


class Dilated(nn.Module):
    """`dilated.v1`: layers of convolution over three tokens, each with gaps twice as wide as those of the layer before.

    Source: Strubell et al. 2017, arXiv:1702.02098 (dilated convolutions for tagging).
    """

    def __init__(self, *, size: int, layers: int, dropout: float) -> None:
        super().__init__()
        self.layers = nn.ModuleList(DilatedLayer(size, 2**number, dropout) for number in range(layers))

    def forward(self, tokens: Tensor, length: Tensor) -> Tensor:
        """Three layers make each token see seven tokens to either side."""
        mask = mask_of(length, tokens).unsqueeze(-1).to(tokens.dtype)
        for layer in self.layers:
            tokens = layer(tokens, mask)
        return tokens


class DilatedLayer(nn.Module):
    """One dense layer over a token and those a gap before and after it, around which the token may pass."""

    def __init__(self, size: int, gap: int, dropout: float) -> None:
        super().__init__()
        self.gap = gap
        self.mix = nn.Linear(3 * size, size)
        self.norm = nn.LayerNorm(size)
        self.dropout = Dropout(dropout)

    def forward(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """`mask` is 1 for tokens and 0 for padding, of shape (row, token, 1)."""
        length = tokens.shape[1]
        padded = functional.pad(tokens * mask, (0, 0, self.gap, self.gap))
        around = torch.cat([padded[:, shift * self.gap : shift * self.gap + length] for shift in range(3)], -1)
        changed: Tensor = self.norm(tokens + self.dropout(functional.gelu(self.mix(around))))
        return changed


class Around(nn.Module):
    """A depthwise convolution: a weighted sum of each token and its neighbours.

    In training it is a sum of shifted copies, which takes a third of the time of torch's own operator. What is exported
    looks up all windows and sums them, since runtimes go through a `Conv` of this kind channel by channel: onnxruntime
    takes three to four times as long for it. Core ML, for which the model is traced, gets that.
    """

    def __init__(self, size: int, width: int) -> None:
        super().__init__()
        self.width = width
        bound = width**-0.5
        self.weight = nn.Parameter(torch.empty(width, size).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.zeros(size))

    def forward(self, tokens: Tensor) -> Tensor:
        """(row, token, size) to the same shape; padding must be zero."""
        side = self.width // 2
        if being_traced():
            kernel = self.weight.t().unsqueeze(1)
            steps = tokens.transpose(1, 2)
            return functional.conv1d(steps, kernel, self.bias, padding=side, groups=len(kernel)).transpose(1, 2)
        length = tokens.shape[1]
        padded = functional.pad(tokens, (0, 0, side, side))
        if torch.compiler.is_exporting():
            shifts = torch.arange(self.width, device=tokens.device)
            places = torch.arange(length, device=tokens.device).unsqueeze(1) + shifts
            windows = padded.index_select(1, places.flatten())
            windows = windows.view(tokens.shape[0], length, self.width, tokens.shape[2])
            around: Tensor = (windows * self.weight).sum(2) + self.bias
            return around
        total: Tensor = self.bias
        for shift in range(self.width):
            total = torch.addcmul(total, padded[:, shift : shift + length], self.weight[shift])
        return total
