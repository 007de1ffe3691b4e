"""A transformer that was trained elsewhere, its pieces of words pooled back to tokens."""

import json
from typing import Any

import torch
from torch import Tensor, nn


class Transformer(nn.Module):
    """`transformer.v1`: each token is the mean of what a pretrained encoder makes of its pieces.

    The package transformers makes the module of its configuration; it is needed to train and to export, not to serve.
    Frozen, it never drops anything and takes no part in learning.

    Args:
        config: The configuration of the model as JSON text, `model_type` among it.
        width: Size of its vectors.
        tune: Whether it is trained further.
    """

    def __init__(self, *, config: str, width: int, tune: bool) -> None:
        super().__init__()
        self.tune = tune
        self.width = width
        self.encoder = _model(json.loads(config))
        if not tune:
            self.encoder.requires_grad_(False)

    def train(self, mode: bool = True) -> "Transformer":
        """A frozen encoder computes the same in training as ever."""
        return super().train(mode and self.tune)

    def forward(self, pieces: Tensor, tokens: Tensor, features: Tensor) -> Tensor:
        """(row, piece) and the token that each piece is of (-1 a mark, -2 padding) to (row, token, width).

        `features`, of shape (row, token, column), tells how many tokens a row has with its padding.
        """
        mask = (tokens > -2).to(torch.int64)
        states = self.encoder(input_ids=pieces.to(torch.int64), attention_mask=mask).last_hidden_state
        places = torch.arange(features.shape[1], device=tokens.device, dtype=tokens.dtype)
        whose = (tokens.unsqueeze(1) == places.view(1, -1, 1)).to(states.dtype)
        pooled: Tensor = (whose @ states) / whose.sum(-1, keepdim=True).clamp(min=1)
        return pooled


def _model(config: dict[str, Any]) -> nn.Module:
    from transformers import AutoConfig, AutoModel

    kind = config.pop("model_type")
    model: nn.Module = AutoModel.from_config(AutoConfig.for_model(kind, **config))
    if getattr(model, "pooler", None) is not None:
        model.pooler = None  # type: ignore[assignment]  # one vector for a text is the business of the aggregate
    return model.float()
