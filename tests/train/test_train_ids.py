"""Members that were never seen: what a model knows of them is what their ids are made of."""

import json
import random

import numpy as np
import pytest

from overton.codec import Encoder
from overton.compile import Choices, PayloadChoices, TrainingChoices, compile_program
from overton.data import Pool, RecordParser, pack
from overton.export import load_model
from overton.schema import parse_schema
from overton.supervision import Targets
from overton.train import forward_of, train, training_batches

SCHEMA = parse_schema(
    json.dumps(
        {
            "payloads": {"tokens": {"type": "sequence"}, "things": {"type": "set", "range": "tokens"}},
            "tasks": {"Which": {"payload": "things", "type": "select"}},
        }
    )
)
N_TRAIN, N_TEST, MEMBERS = 300, 200, 3


@pytest.mark.slow
def test_of_namesakes_never_seen_the_smaller_number_is_chosen_where_that_is_what_counts():
    """Three namesakes a record, numbered from one to ten million at random; the one numbered first is right."""
    choose = random.Random(0)
    parser, pool = RecordParser(SCHEMA, closed=True), Pool()
    records, labels = [], []
    for _ in range(N_TRAIN + N_TEST):
        numbers = [int(10 ** choose.uniform(0, 7)) for _ in range(MEMBERS)]
        things = [{"id": f"Q{number}", "range": [1, 2]} for number in numbers]
        payloads = {"tokens": ["about", "paris"], "things": things}
        records.append(parser.parse(json.dumps({"payloads": payloads}).encode()))
        labels.append(numbers.index(min(numbers)))

    def gather(rows):
        return pack([records[row] for row in rows], SCHEMA, pool)

    program = compile_program(SCHEMA, Choices({payload.name: PayloadChoices(size=16) for payload in SCHEMA.payloads}))
    index, offsets = np.array(labels, np.int32), np.arange(len(labels) + 1)
    targets = {"Which": Targets(SCHEMA.task("Which"), offsets, index, np.eye(MEMBERS, dtype=np.float32))}
    encoder = Encoder(program)
    batches = training_batches(gather, encoder, targets, np.arange(N_TRAIN), np.full(len(labels), 2), 16)
    settings = TrainingChoices(epochs=12, learning_rate=0.02, dropout=0.1)
    trained = train(program, batches, settings=settings, seed=0)
    test = np.arange(N_TRAIN, N_TRAIN + N_TEST)
    said = forward_of(load_model(program, trained.weights))(encoder.encode(gather(test)))["Which"].argmax(1)
    assert (said == index[test]).mean() > 0.75  # a third by chance; two of one size and first digit stay alike
