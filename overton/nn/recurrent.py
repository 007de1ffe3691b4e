"""Recurrent encoders: exact for each record whatever the padding beside it, and exported as one ONNX node a layer."""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from overton.nn.dropout import Dropout
from overton.nn.masks import mask_of

CELLS: Mapping[str, Callable[..., nn.RNNBase]] = {"GRU": nn.GRU, "LSTM": nn.LSTM}
# Where each gate of ONNX stands among those of torch: input, output, forget, cell; update, reset, hidden.
GATES: Mapping[str, tuple[int, ...]] = {"GRU": (1, 0, 2), "LSTM": (0, 3, 1, 2)}
ONNX_VERSION = 14


class Recurrent(nn.Module):
    """`bilstm.v1` and `bigru.v1`: layers of LSTM or GRU over the tokens in both directions.

    The backward direction reads each record reversed within its own length, which gives what packing would give at
    a third of the cost. While being exported, each layer becomes one ONNX node that is told the lengths: the exporter
    would otherwise fix the number of tokens.
    """

    def __init__(self, *, size: int, layers: int, dropout: float, cell: str) -> None:
        super().__init__()
        self.layers = nn.ModuleList(RecurrentLayer(size, cell) for _ in range(layers))
        self.norms = nn.ModuleList(nn.LayerNorm(size) for _ in range(layers))
        self.dropout = Dropout(dropout)

    def forward(self, tokens: Tensor, length: Tensor) -> Tensor:
        """(row, token, size) and (row,) to (row, token, size)."""
        for layer, norm in zip(self.layers, self.norms, strict=True):
            tokens = norm(tokens + self.dropout(layer(tokens, length)))
        return tokens


class RecurrentLayer(nn.Module):
    """One LSTM or GRU in each direction, each giving half of the size; of an odd one the last number is left out."""

    def __init__(self, size: int, cell: str) -> None:
        super().__init__()
        self.cell, self.size = cell, size
        self.onward = CELLS[cell](size, -(-size // 2), batch_first=True)
        self.backward = CELLS[cell](size, -(-size // 2), batch_first=True)

    def forward(self, tokens: Tensor, length: Tensor) -> Tensor:
        """(row, token, size) and (row,) to (row, token, size); zeros at padding."""
        if torch.compiler.is_exporting():
            return self._onnx(tokens, length)
        mask = mask_of(length, tokens).unsqueeze(-1)
        order = reversal(length, tokens)
        onward, _ = self.onward(tokens)
        backward, _ = self.backward(tokens.gather(1, order.expand_as(tokens)))
        backward = backward.gather(1, order.expand_as(backward))
        return cut_to(self.size, torch.cat([onward, backward], -1)) * mask

    def _onnx(self, tokens: Tensor, length: Tensor) -> Tensor:
        """The same as one node of ONNX, whose gates stand in another order."""
        halves = (self.onward, self.backward)
        weight = torch.stack([self._gates(half.weight_ih_l0) for half in halves])
        recurrence = torch.stack([self._gates(half.weight_hh_l0) for half in halves])
        bias = torch.stack([torch.cat([self._gates(half.bias_ih_l0), self._gates(half.bias_hh_l0)]) for half in halves])
        steps = tokens.transpose(0, 1)
        size = self.onward.hidden_size
        # The GRU of torch applies the reset gate after the product with the recurrent weights.
        attributes = {"linear_before_reset": 1} if self.cell == "GRU" else {}
        states = torch.onnx.ops.symbolic_multi_out(
            self.cell,
            (steps, weight, recurrence, bias, length.to(torch.int32)),
            {"hidden_size": size, "direction": "bidirectional", **attributes},
            dtypes=(tokens.dtype,),
            shapes=((steps.shape[0], 2, steps.shape[1], size),),
            version=ONNX_VERSION,
        )[0]
        return cut_to(self.size, states.permute(2, 0, 1, 3).flatten(2))

    def _gates(self, weight: Tensor | nn.Module) -> Tensor:
        assert isinstance(weight, Tensor), "the weights of a cell are tensors"
        order = GATES[self.cell]
        parts = weight.chunk(len(order))
        return torch.cat([parts[place] for place in order])


def cut_to(size: int, both: Tensor) -> Tensor:
    """What two directions give side by side, without the last number where the size is odd."""
    return both[..., :size] if size % 2 else both


def reversal(length: Tensor, tokens: Tensor) -> Tensor:
    """Where each token goes when every record is reversed within its length, (row, token, 1); padding stays."""
    position = torch.arange(tokens.shape[1], device=tokens.device).unsqueeze(0)
    last = length.unsqueeze(1).long() - 1
    return torch.where(position <= last, last - position, position).unsqueeze(-1)
