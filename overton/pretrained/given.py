"""The pretrained parts of embeddings, as values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from numpy import ndarray

from overton.compile import Pretrained


@dataclass(frozen=True, slots=True)
class Part:
    """What was found under a name, for one payload.

    Attributes:
        name: The name as it stands in the tuning, such as `vectors:glove.txt`.
        facts: What the program has to know.
        strings: What the codec has to know of strings, as the content of a file of the artefact.
        weights: Weights of the block by their names in it.
        lineage: What the artefact tells of where it comes from: digest of the file, how many strings were found.
        note: The same for a person.
    """

    name: str
    facts: Pretrained
    strings: str
    weights: Mapping[str, ndarray]
    lineage: Mapping[str, Any]
    note: str


@dataclass(frozen=True, slots=True)
class Given:
    """What is pretrained of a program: one part for each payload whose embedding has one, by name of payload."""

    by_payload: Mapping[str, Part] = field(default_factory=dict)

    @property
    def facts(self) -> dict[str, Pretrained]:
        """What the program has to know, by name of payload."""
        return {payload: part.facts for payload, part in self.by_payload.items()}

    @property
    def strings(self) -> dict[str, str]:
        """What the codec has to know of strings, by name of payload."""
        return {payload: part.strings for payload, part in self.by_payload.items()}

    @property
    def weights(self) -> dict[str, ndarray]:
        """The weights by their names in the model."""
        return {
            f"blocks.{payload}/pretrained.{name}": weight
            for payload, part in self.by_payload.items()
            for name, weight in part.weights.items()
        }

    @property
    def lineage(self) -> dict[str, Any]:
        """Where it comes from, by name of payload."""
        return {payload: dict(part.lineage) for payload, part in self.by_payload.items()}
