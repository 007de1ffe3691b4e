"""What a frozen transformer makes of each record, computed once a build instead of once an epoch."""

from collections.abc import Mapping

import numpy as np
import torch
from numpy import ndarray

from overton.base import digest_json
from overton.codec import Encoder, input_specs
from overton.compile import Node, Program
from overton.data import Batch
from overton.nn import build_model
from overton.train.batches import Gather

MOST_BYTES = 2_000_000_000
ROWS = 64  # texts at a time
RECORDS = 256  # records at a time, while all are looked at
FROZEN = "transformer.v1"


class FrozenEncoder(Encoder):
    """An encoder that adds what frozen transformers compute, by the names of their nodes.

    It keeps it for every different sequence, up to two gigabytes; what comes then is computed each time.

    Args:
        program: The program.
        strings: What the codec has to know of strings.
        given: The pretrained weights by their names in the model.
    """

    def __init__(self, program: Program, strings: Mapping[str, str], given: Mapping[str, ndarray]) -> None:
        super().__init__(program, strings)
        model = build_model(program, 0, given=given).eval()
        self._device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self._nodes = [node for node in program.nodes if is_frozen(node)]
        self._blocks = {node.name: model.blocks[node.name.replace(".", "/")].to(self._device) for node in self._nodes}
        self._kept: dict[tuple[str, bytes], ndarray] = {}
        self._bytes = 0

    def encode(self, batch: Batch) -> dict[str, ndarray]:
        """The model's inputs, and what frozen transformers make of them, by name."""
        inputs = super().encode(batch)
        for node in self._nodes:
            payload = node.name.rpartition(".")[0]
            strings, length = batch.columns[payload].strings, batch.columns[payload].length.tolist()
            keys = [(payload, row[:n].tobytes()) for row, n in zip(strings, length, strict=True)]
            missing = {key: place for place, key in enumerate(keys) if key not in self._kept}
            found = self._compute(node, inputs, list(missing.values()))
            fresh = {key: row[: length[place]] for (key, place), row in zip(missing.items(), found, strict=True)}
            shape = (len(keys), inputs[f"{payload}.features"].shape[1], int(str(node.settings["width"])))
            whole = np.zeros(shape, np.float32)
            for place, key in enumerate(keys):
                whole[place, : length[place]] = fresh[key] if key in fresh else self._kept[key]
            self._keep(fresh)
            inputs[node.name] = whole
        return inputs

    def reset(self) -> None:
        """Forget all strings and what was made of them."""
        super().reset()
        self._kept, self._bytes = {}, 0

    def _compute(self, node: Node, inputs: Mapping[str, ndarray], places: list[int]) -> list[ndarray]:
        rows: list[ndarray] = []
        for start in range(0, len(places), ROWS):
            some = places[start : start + ROWS]
            arrays = [torch.from_numpy(inputs[part][some]).to(self._device) for part in node.inputs]
            with torch.inference_mode():
                rows.extend(self._blocks[node.name](*arrays).cpu().numpy())
        return rows

    def _keep(self, fresh: Mapping[tuple[str, bytes], ndarray]) -> None:
        for key, row in fresh.items():
            if self._bytes + row.nbytes <= MOST_BYTES:
                self._kept[key] = row.copy()
                self._bytes += row.nbytes


def is_frozen(node: Node) -> bool:
    """Whether a block computes the same for a record from the first epoch to the last, at a price worth saving."""
    return node.op == FROZEN and not node.settings["tune"]


def encoder_for(
    program: Program,
    strings: Mapping[str, str],
    given: Mapping[str, ndarray],
    gather: Gather,
    rows: ndarray,
    *,
    kept: dict[str, Encoder] | None = None,
) -> Encoder:
    """The encoder to train a program with: one that keeps what is frozen, where something is.

    Args:
        program: The program.
        strings: What the codec has to know of strings.
        given: The pretrained weights by their names in the model.
        gather: Gives some records by their numbers.
        rows: The records that will be asked for. What is frozen is computed at once and in this order, since its last
            digits depend on what stands beside a text: so a training that was stopped goes on with the same bytes.
        kept: Encoders of other programs on the same records: one that does the same is taken, and a new one added.
    """
    frozen = [node for node in program.nodes if is_frozen(node)]
    inputs = [spec.name for spec in input_specs(program)]
    key = digest_json([program.to_json()["features"], inputs, [[node.name, dict(node.settings)] for node in frozen]])
    if kept is not None and key in kept:
        return kept[key]
    encoder = FrozenEncoder(program, strings, given) if frozen else Encoder(program, strings)
    for start in range(0, len(rows) if frozen else 0, RECORDS):
        encoder.encode(gather(rows[start : start + RECORDS]))
    if kept is not None:
        kept[key] = encoder
    return encoder
