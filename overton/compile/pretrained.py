"""What a program has to know of what is pretrained, so that it can be compiled without any file at hand."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from overton.compile.program import Setting


@dataclass(frozen=True, slots=True)
class Pretrained:
    """The pretrained part of the embedding of one payload.

    Attributes:
        op: The block that computes it, such as `vectors.v1`.
        inputs: What it reads of the payload, in the words of the codec, such as `rows`.
        width: Size of its vectors.
        features: What the codec has to know to make these inputs.
        settings: Settings of the block.
    """

    op: str
    inputs: tuple[str, ...]
    width: int
    features: Mapping[str, Setting] = field(default_factory=dict)
    settings: Mapping[str, Setting] = field(default_factory=dict)
