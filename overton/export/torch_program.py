"""Weights of a program to a `torch.export` program: the graph of the model in torch's own terms, in one file.

What reads it needs torch and nothing of Overton. Batch and lengths stay free. Recurrent layers are written as a scan
over the tokens, since torch would otherwise unroll them for the number of tokens that is traced.
"""

from collections.abc import Callable, Mapping, Sequence

import torch
from numpy import ndarray
from torch import Tensor, nn
from torch._higher_order_ops.scan import scan

from overton.codec import input_specs
from overton.compile import Program
from overton.export.quiet import quiet
from overton.export.trace import Flat, example_input, example_sizes, free_axes, load_model, output_name
from overton.nn import Model, RecurrentLayer, cut_to, mask_of, reversal

GATES = {"GRU": 3, "LSTM": 4}

Run = Callable[[Mapping[str, ndarray]], dict[str, ndarray]]


def save_torch(program: Program, weights: Mapping[str, ndarray], path: str) -> None:
    """Write a `.pt2` file. Its inputs are those of `overton.codec.input_specs`, in that order.

    Its outputs stand in the order of the program's (`Program.all_outputs`).
    """
    specs = input_specs(program)
    sizes = example_sizes(specs)
    model = scanned(load_model(program, weights)).requires_grad_(False)
    with quiet(), torch.no_grad():
        exported = torch.export.export(
            Flat(model, tuple(spec.name for spec in specs)).eval(),
            tuple(example_input(spec, sizes) for spec in specs),
            dynamic_shapes=(tuple(free_axes(spec) for spec in specs),),
        )
        torch.export.save(exported, path)


def load_torch(path: str, program: Program) -> Run:
    """A `.pt2` file as a function from inputs to outputs by the names of the signature."""
    with quiet():
        module = torch.export.load(path).module()
    names = [spec.name for spec in input_specs(program)]

    def run(inputs: Mapping[str, ndarray]) -> dict[str, ndarray]:
        with torch.no_grad():
            found: Sequence[Tensor] = module(*(torch.from_numpy(inputs[name]) for name in names))
        return {output_name(task): value.numpy() for task, value in zip(program.all_outputs, found, strict=True)}

    return run


def scanned(model: Model) -> Model:
    """The same model with its recurrent layers written as scans."""
    for module in list(model.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, RecurrentLayer):
                setattr(module, name, ScannedLayer(child))
    return model


class ScannedLayer(nn.Module):
    """`overton.nn.RecurrentLayer` with one step of its cell as the body of a scan."""

    def __init__(self, layer: RecurrentLayer) -> None:
        super().__init__()
        self.onward = ScannedCell(layer.onward, layer.cell)
        self.backward = ScannedCell(layer.backward, layer.cell)
        self.size = layer.size

    def forward(self, tokens: Tensor, length: Tensor) -> Tensor:
        """(row, token, size) and (row,) to (row, token, size); zeros at padding."""
        mask = mask_of(length, tokens).unsqueeze(-1)
        order = reversal(length, tokens)
        onward = self.onward(tokens)
        backward = self.backward(tokens.gather(1, order.expand_as(tokens)))
        backward = backward.gather(1, order.expand_as(backward))
        return cut_to(self.size, torch.cat([onward, backward], -1)) * mask


class ScannedCell(nn.Module):
    """One direction of an LSTM or a GRU, gates in torch's order."""

    def __init__(self, half: nn.RNNBase, cell: str) -> None:
        super().__init__()
        weights, gates = dict(half.named_parameters()), GATES[cell] * half.hidden_size
        self.of_input = nn.Linear(half.input_size, gates)
        self.of_state = nn.Linear(half.hidden_size, gates)
        self.of_input.weight, self.of_input.bias = weights["weight_ih_l0"], weights["bias_ih_l0"]
        self.of_state.weight, self.of_state.bias = weights["weight_hh_l0"], weights["bias_hh_l0"]
        self.size = half.hidden_size
        self.step = _lstm_step if cell == "LSTM" else _gru_step
        self.states = 2 if cell == "LSTM" else 1

    def forward(self, tokens: Tensor) -> Tensor:
        """(row, token, input) to the hidden states, (row, token, size)."""
        gates = self.of_input(tokens).transpose(0, 1)
        begin = tuple(tokens.new_zeros(tokens.shape[0], self.size) for _ in range(self.states))

        def combine(state: tuple[Tensor, ...], now: Tensor) -> tuple[tuple[Tensor, ...], Tensor]:
            state = self.step(state, now, self.of_state(state[0]))
            return state, state[0].clone()  # what is carried on may not be what comes out

        _, hidden = scan(combine, begin, gates)
        found: Tensor = hidden.transpose(0, 1)
        return found


def _lstm_step(state: tuple[Tensor, ...], now: Tensor, before: Tensor) -> tuple[Tensor, ...]:
    kept = state[1]
    taken, left, new, told = (now + before).chunk(4, -1)
    kept = left.sigmoid() * kept + taken.sigmoid() * new.tanh()
    return told.sigmoid() * kept.tanh(), kept


def _gru_step(state: tuple[Tensor, ...], now: Tensor, before: Tensor) -> tuple[Tensor, ...]:
    reset, update, new = now.chunk(3, -1)
    more_reset, more_update, more_new = before.chunk(3, -1)
    kept = (update + more_update).sigmoid()
    candidate = (new + (reset + more_reset).sigmoid() * more_new).tanh()
    return ((1 - kept) * candidate + kept * state[0],)
