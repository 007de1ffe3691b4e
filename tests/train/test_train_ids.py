"""Members that were never seen: what a model knows of them is what their ids are made of."""

import json
import random

import numpy as np
import pytest

from overton.compile import PayloadChoices
from overton.schema import parse_schema
from tests.train.made import said_of_the_rest

SCHEMA = parse_schema(
    json.dumps(
        {
            "payloads": {"tokens": {"type": "sequence"}, "things": {"type": "set", "range": "tokens"}},
            "tasks": {"Which": {"payload": "things", "type": "select"}},
        }
    )
)


@pytest.mark.slow
def test_of_namesakes_never_seen_the_smaller_number_is_chosen_where_that_is_what_counts():
    """Three namesakes a record, numbered from one to ten million at random; the one numbered first is right."""
    choose = random.Random(0)
    payloads, labels = [], []
    for _ in range(500):
        numbers = [int(10 ** choose.uniform(0, 7)) for _ in range(3)]
        things = [{"id": f"Q{number}", "range": [1, 2]} for number in numbers]
        payloads.append({"tokens": ["about", "paris"], "things": things})
        labels.append(numbers.index(min(numbers)))
    index = np.array(labels, np.int32)
    said = said_of_the_rest(SCHEMA, payloads, index, n_train=300, choices=PayloadChoices(size=16), epochs=12)
    assert (said["Which"] == index[300:]).mean() > 0.75  # by chance a third; of one size and first digit all are alike
