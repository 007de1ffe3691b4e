"""A draft: the program while the passes of `rules.py` work on it.

A node may read `@tokens`, the finished vectors of payload `tokens`, before any pass has decided which node that
is. So passes need not know one another; the last of them puts names in the place of such references.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from overton.compile.choices import Choices
from overton.compile.pretrained import Pretrained
from overton.compile.program import Node, Setting
from overton.schema import Schema


@dataclass(frozen=True, slots=True)
class Draft:
    """What the passes have decided so far.

    Attributes:
        schema: The schema, its declarations sorted by name.
        choices: The choices of the program.
        nodes: Nodes in the order in which they were added.
        chains: The node that so far ends the chain of each payload, by name of payload.
        outputs: The node with each task's logits, by name of task.
        features: Settings of the feature function, by name of payload.
        pretrained: The pretrained part of embeddings, by name of payload.
        sets: The sets of bits among which tasks choose, by name of task.
        slices: The slices that the model gets capacity for, sorted.
        n_records: Records that it will be trained on.
    """

    schema: Schema
    choices: Choices
    nodes: tuple[Node, ...] = ()
    chains: Mapping[str, str] = field(default_factory=dict)
    outputs: Mapping[str, str] = field(default_factory=dict)
    features: Mapping[str, Mapping[str, Setting]] = field(default_factory=dict)
    pretrained: Mapping[str, Pretrained] = field(default_factory=dict)
    sets: Mapping[str, tuple[tuple[str, ...], ...]] = field(default_factory=dict)
    slices: tuple[str, ...] = ()
    n_records: int = 0

    def size(self, payload: str) -> int:
        """Width of the vectors of a payload."""
        return self.choices.payloads[payload].size

    def with_node(self, payload: str, block: str, op: str, inputs: tuple[str, ...], **settings: Setting) -> "Draft":
        """The draft with one node more, which ends the chain of its payload."""
        node = Node(name=f"{payload}.{block}", op=op, inputs=inputs, settings=settings)
        return replace(self, nodes=(*self.nodes, node), chains={**self.chains, payload: node.name})


def vectors(payload: str) -> str:
    """A reference to the finished vectors of a payload."""
    return f"@{payload}"


def length(payload: str) -> str:
    """The program input that holds how many items of a payload each record has."""
    return f"{payload}.length"
