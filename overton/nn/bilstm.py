"""The BiLSTM: exact for each record whatever the padding beside it, and exported as one ONNX node."""

import torch
from torch import Tensor, nn

from overton.nn.dropout import Dropout
from overton.nn.masks import mask_of


class BiLstm(nn.Module):
    """`bilstm.v1`: layers of LSTM over the tokens in both directions.

    The backward direction reads each record reversed within its own length, which gives what packing would give at
    a third of the cost. While being exported, each layer becomes one ONNX `LSTM` node that is told the lengths: the
    exporter would otherwise fix the number of tokens.
    """

    def __init__(self, *, size: int, layers: int, dropout: float) -> None:
        super().__init__()
        self.layers = nn.ModuleList(BiLstmLayer(size) for _ in range(layers))
        self.norms = nn.ModuleList(nn.LayerNorm(size) for _ in range(layers))
        self.dropout = Dropout(dropout)

    def forward(self, tokens: Tensor, length: Tensor) -> Tensor:
        """(row, token, size) and (row,) to (row, token, size)."""
        for layer, norm in zip(self.layers, self.norms, strict=True):
            tokens = norm(tokens + self.dropout(layer(tokens, length)))
        return tokens


class BiLstmLayer(nn.Module):
    """One LSTM in each direction, each giving half of the size."""

    def __init__(self, size: int) -> None:
        super().__init__()
        assert size % 2 == 0, "a BiLSTM needs an even size"
        self.onward = nn.LSTM(size, size // 2, batch_first=True)
        self.backward = nn.LSTM(size, size // 2, batch_first=True)

    def forward(self, tokens: Tensor, length: Tensor) -> Tensor:
        """(row, token, size) and (row,) to (row, token, size); zeros at padding."""
        if torch.compiler.is_exporting():
            return self._onnx(tokens, length)
        mask = mask_of(length, tokens).unsqueeze(-1)
        order = _reversal(length, tokens)
        onward, _ = self.onward(tokens)
        backward, _ = self.backward(tokens.gather(1, order.expand_as(tokens)))
        backward = backward.gather(1, order.expand_as(backward))
        return torch.cat([onward, backward], -1) * mask

    def _onnx(self, tokens: Tensor, length: Tensor) -> Tensor:
        """The same as one node of ONNX, whose gates stand in the order input, output, forget, cell."""
        halves = (self.onward, self.backward)
        weight = torch.stack([_gates(half.weight_ih_l0) for half in halves])
        recurrence = torch.stack([_gates(half.weight_hh_l0) for half in halves])
        bias = torch.stack([torch.cat([_gates(half.bias_ih_l0), _gates(half.bias_hh_l0)]) for half in halves])
        steps = tokens.transpose(0, 1)
        size = self.onward.hidden_size
        states = torch.onnx.ops.symbolic_multi_out(
            "LSTM",
            (steps, weight, recurrence, bias, length.to(torch.int32)),
            {"hidden_size": size, "direction": "bidirectional"},
            dtypes=(tokens.dtype,),
            shapes=((steps.shape[0], 2, steps.shape[1], size),),
            version=14,
        )[0]
        both: Tensor = states.permute(2, 0, 1, 3).flatten(2)
        return both


def _reversal(length: Tensor, tokens: Tensor) -> Tensor:
    """Where each token goes when every record is reversed within its length, (row, token, 1); padding stays."""
    position = torch.arange(tokens.shape[1], device=tokens.device).unsqueeze(0)
    last = length.unsqueeze(1).long() - 1
    return torch.where(position <= last, last - position, position).unsqueeze(-1)


def _gates(weight: Tensor | nn.Module) -> Tensor:
    assert isinstance(weight, Tensor), "the weights of an LSTM are tensors"
    inward, forget, cell, outward = weight.chunk(4)
    return torch.cat([inward, outward, forget, cell])
