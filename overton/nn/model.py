"""Program to torch module."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from numpy import ndarray
from torch import Tensor, nn

from overton.compile import Node, Program
from overton.nn.blocks import BLOCKS


@dataclass(frozen=True, slots=True)
class Drop:
    """Shares dropped in training: of activations, of those of set members, of tokens, of members' ids, of pieces."""

    activations: float = 0.0
    members: float = 0.0
    words: float = 0.0
    ids: float = 0.0
    pieces: float = 0.0


class Model(nn.Module):
    """The blocks of a program, run in its order."""

    def __init__(self, program: Program, dropout: Drop) -> None:
        super().__init__()
        self.nodes = program.nodes
        self.outputs = program.all_outputs
        self.blocks = nn.ModuleDict({_key(node): _build(node, dropout) for node in program.nodes})

    def forward(self, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The logits of every task by its name, of the inputs by theirs (`overton.codec.Encoder.encode`).

        Where the program has slices, those of membership stand beside them (`overton.compile.MEMBERSHIP`). What a
        block would compute may be among the inputs, by the name of its node; then it is not computed again.
        """
        values = dict(inputs)
        for node in self.nodes:
            if node.name in values:  # computed beforehand
                continue
            values[node.name] = self.blocks[_key(node)](*(values[name] for name in node.inputs))
        return {output: values[name] for output, name in self.outputs.items()}

    def block(self, node: Node) -> nn.Module:
        """The block that a node of the program is run by."""
        return self.blocks[_key(node)]

    def transitions(self, task: str) -> Tensor | None:
        """What a task scores when one class follows another, (class + 2, class); None where it has no chain."""
        found = getattr(self.blocks[self.outputs[task].replace(".", "/")], "transitions", None)
        return found if isinstance(found, Tensor) else None

    def sets(self, task: str) -> Tensor | None:
        """Which bits are in which set, (set, class), for a task whose head chooses among sets; else None."""
        found = getattr(self.blocks[self.outputs[task].replace(".", "/")], "members", None)
        return found if isinstance(found, Tensor) else None


def build_model(
    program: Program, seed: int, dropout: Drop | None = None, *, given: Mapping[str, ndarray] | None = None
) -> Model:
    """The module of a program with fresh weights, the same for the same seed, but for those that are given by name."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = Model(program, dropout or Drop())
    if given:
        weights = {name: torch.from_numpy(value.copy()) for name, value in given.items()}
        unknown = model.load_state_dict(weights, strict=False).unexpected_keys
        assert not unknown, f"the program has no weights {unknown}"
    return model


def _key(node: Node) -> str:
    return node.name.replace(".", "/")


def _build(node: Node, dropout: Drop) -> nn.Module:
    family = node.op.partition(".")[0]
    shares = {
        "id_embedding": {"dropout": dropout.activations, "id_dropout": dropout.ids},
        "select_head": {"dropout": dropout.members},
        "slice_film": {"dropout": dropout.activations, "member_dropout": dropout.members},
        "span": {"dropout": dropout.members},
        "transformer": {"piece_dropout": dropout.pieces},  # its configuration says what else it drops
        "wide_text": {},  # have their own
        "wide_tokens": {},
        "vectors": {"dropout": dropout.words},
        "word_embedding": {"dropout": dropout.activations, "word_dropout": dropout.words},
    }
    return BLOCKS[node.op](**dict(node.settings), **shares.get(family, {"dropout": dropout.activations}))
