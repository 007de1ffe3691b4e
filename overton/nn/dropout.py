"""Dropout whose random numbers cost little: on a CPU, torch's own takes a sixth of a training step."""

import torch
from torch import Tensor, nn

STEPS = 256
LEAST, GREATEST = -(2**63), 2**63 - 1


class Dropout(nn.Module):
    """Drops a share of activations while training, and scales up the rest.

    One random 64-bit number decides on eight activations, a byte on each, so the share is rounded to 1/256.
    """

    def __init__(self, share: float) -> None:
        super().__init__()
        assert 0 <= share < 1, "something must be left"
        self.below = round(share * STEPS)

    @property
    def p(self) -> float:
        """The share that is dropped, by the name that it has in torch's own: models read it there."""
        return self.below / STEPS

    def forward(self, vectors: Tensor) -> Tensor:
        """Any shape to the same shape."""
        if not self.training or not self.below:
            return vectors
        n_words = -(-vectors.numel() // 8)
        words = torch.randint(LEAST, GREATEST, (n_words,), dtype=torch.int64, device=vectors.device)
        chances = words.view(torch.uint8)[: vectors.numel()].view(vectors.shape)
        return vectors * (chances >= self.below).to(vectors.dtype).mul_(STEPS / (STEPS - self.below))
