"""Programs trained on a few made records, and what they say of the others."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy import ndarray

from overton.codec import Encoder
from overton.compile import Choices, PayloadChoices, TrainingChoices, compile_program
from overton.data import Batch, Pool, RecordParser, pack
from overton.export import load_model
from overton.schema import Schema
from overton.supervision import Targets
from overton.train import forward_of, train, training_batches


def said_of_the_rest(
    schema: Schema,
    payloads: Sequence[Mapping[str, Any]],
    labels: ndarray,
    *,
    n_train: int,
    choices: PayloadChoices,
    epochs: int,
) -> dict[str, ndarray]:
    """Train on the first records, and predict the others.

    Args:
        schema: All its tasks have one unit a record and the same labels.
        payloads: Those of each record.
        labels: Of each record, int32.
        n_train: How many records are trained on.
        choices: Those of every payload.
        epochs: How many passes.

    Returns:
        By name of task, the label of each of the other records.
    """
    parser, pool = RecordParser(schema, closed=True), Pool()
    records = [parser.parse(json.dumps({"payloads": value}).encode()) for value in payloads]

    def gather(rows: ndarray) -> Batch:
        return pack([records[row] for row in rows], schema, pool)

    program = compile_program(schema, Choices({payload.name: choices for payload in schema.payloads}))
    n, n_labels = len(records), int(labels.max()) + 1
    one_hot = np.eye(n_labels, dtype=np.float32)
    targets = {task.name: Targets(task, np.arange(n + 1), labels, one_hot) for task in schema.tasks}
    encoder = Encoder(program)
    batches = training_batches(gather, encoder, targets, np.arange(n_train), np.full(n, 9), 16)
    settings = TrainingChoices(epochs=epochs, learning_rate=0.02, dropout=0.1)
    trained = train(program, batches, settings=settings, seed=0)
    logits = forward_of(load_model(program, trained.weights))(encoder.encode(gather(np.arange(n_train, n))))
    return {task.name: logits[task.name].reshape(n - n_train, n_labels).argmax(1) for task in schema.tasks}
