"""A transformer that was trained elsewhere, its pieces of words pooled back to tokens."""

import json
from typing import Any

import torch
from torch import Tensor, nn

from overton.nn.dropout import Dropout


class Transformer(nn.Module):
    """`transformer.v1`: each token is the mean of what a pretrained encoder makes of its pieces.

    The package transformers makes the module of its configuration; it is needed to train and to export, not to serve.
    Frozen, it never drops anything and takes no part in learning. Trained further, the gradient of its table of pieces
    is sparse: it holds the rows that were read. And in training it sees some pieces masked, as when it was pretrained
    (Devlin et al. 2019, arXiv:1810.04805), so that it learns to go by what stands around a word too.

    Args:
        config: The configuration of the model as JSON text, `model_type` among it.
        width: Size of its vectors.
        tune: Whether it is trained further.
        mask: The piece that stands for any, where its tokenizer has one.
        piece_dropout: Share of pieces that are masked while it is trained, marks of beginning and end never.

    Attributes:
        in_bfloat16: Whether it computes so while it is trained; otherwise, and for what is stored, in float32.
    """

    def __init__(
        self, *, config: str, width: int, tune: bool, mask: int | None = None, piece_dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.tune = tune
        self.mask = mask
        self.piece_dropout = piece_dropout
        self.width = width
        self.in_bfloat16 = False
        self.encoder = _model(json.loads(config))
        if tune:
            _train_quickly(self.encoder)
        else:
            self.encoder.requires_grad_(False)

    @property
    def table(self) -> Tensor | None:
        """The vectors of its pieces where their gradient is sparse."""
        found = self.encoder.get_input_embeddings()  # type: ignore[operator]
        return found.weight if isinstance(found, nn.Embedding) and found.sparse else None

    def train(self, mode: bool = True) -> "Transformer":
        """A frozen encoder computes the same in training as ever."""
        return super().train(mode and self.tune)

    def forward(self, pieces: Tensor, tokens: Tensor, features: Tensor) -> Tensor:
        """(row, piece) and the token that each piece is of (-1 a mark, -2 padding) to (row, token, width).

        `features`, of shape (row, token, column), tells how many tokens a row has with its padding.
        """
        mask = (tokens > -2).to(torch.int64)
        if self.training and self.tune and self.piece_dropout and self.mask is not None:
            hidden = (tokens >= 0) & (torch.rand(pieces.shape, device=pieces.device) < self.piece_dropout)
            pieces = pieces.masked_fill(hidden, self.mask)
        if self.in_bfloat16 and self.training:  # of no concern to what is traced for serving
            with torch.autocast(pieces.device.type, torch.bfloat16):
                states = self._states(pieces, mask).float()
        else:
            states = self._states(pieces, mask)
        places = torch.arange(features.shape[1], device=tokens.device, dtype=tokens.dtype)
        whose = (tokens.unsqueeze(1) == places.view(1, -1, 1)).to(states.dtype)
        pooled: Tensor = (whose @ states) / whose.sum(-1, keepdim=True).clamp(min=1)
        return pooled

    def _states(self, pieces: Tensor, mask: Tensor) -> Tensor:
        states: Tensor = self.encoder(input_ids=pieces.to(torch.int64), attention_mask=mask).last_hidden_state
        return states


def _train_quickly(encoder: nn.Module) -> None:
    """Drop activations by our own dropout, and give the table of pieces a sparse gradient.

    Torch's dropout took a tenth of a step of a small encoder on a CPU, and a table of 30,000 rows, of which a batch
    reads a few hundred, a fifth: its gradient is filled with zeros, measured, scaled and stepped in full.
    """
    for module in list(encoder.modules()):
        for name, child in module.named_children():
            if type(child) is nn.Dropout and child.p < 1:
                setattr(module, name, Dropout(child.p))
    table = encoder.get_input_embeddings()  # type: ignore[operator]
    for module in encoder.modules():
        if type(module) is nn.Embedding and module.weight is table.weight:
            module.sparse = True


def _model(config: dict[str, Any]) -> nn.Module:
    from transformers import AutoConfig, AutoModel

    kind = config.pop("model_type")
    model: nn.Module = AutoModel.from_config(AutoConfig.for_model(kind, **config))
    if getattr(model, "pooler", None) is not None:
        model.pooler = None  # type: ignore[assignment]  # one vector for a text is the business of the aggregate
    return model.float()
