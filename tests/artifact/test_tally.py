from dataclasses import replace

import numpy as np
import pytest

from overton.artifact import Runtime, Tally
from overton.data import RecordParser
from tests.tiny_artifact import RECORD, tiny_artifact

RUNTIME = Runtime(tiny_artifact())
PARSER = RecordParser(RUNTIME.schema, closed=True)


def records(*payloads: dict) -> list:
    import msgspec

    return [PARSER.parse(msgspec.json.encode({"payloads": value})) for value in payloads]


@pytest.mark.parametrize("times", [1, 300])
def test_what_is_predicted_is_counted_by_task_and_class(times):
    tally = Tally(RUNTIME.signature)
    asked = records(RECORD["payloads"], {"query": "a", "tokens": ["a"], "entities": []})
    for _ in range(times):
        said = RUNTIME.predict(asked, tally=tally)
    expected: dict[str, dict[str, int]] = {task: dict.fromkeys(names, 0) for task, names in tally.labels().items()}
    for labels in said:
        expected["Intent"][labels["Intent"]] += times
        expected["IntentArg"]["(none)" if labels["IntentArg"] is None else "(a member)"] += times
        for label in labels["POS"]:
            expected["POS"][label] += times
        for names in labels["EntityType"]:
            for name in names or ["(none)"]:
                expected["EntityType"][name] += times
    assert tally.labels() == expected
    assert tally.labels() == expected, "looking changes nothing"
    assert tally.records == 2 * times


def test_a_record_with_nothing_to_predict_on_counts_as_none():
    tally = Tally(RUNTIME.signature)
    RUNTIME.predict(records({}), tally=tally)
    assert tally.labels()["Intent"] == {"(none)": 1, "age": 0, "height": 0}
    assert tally.labels()["POS"] == {"(none)": 0, "NOUN": 0, "VERB": 0, "X": 0}
    assert tally.slices() == {}


def test_slices_are_counted_by_record():
    tally = Tally(replace(RUNTIME.signature, slices=("slice:a", "slice:b")))
    for _ in range(300):
        tally.add(2, {}, np.array([[0.5, -3.0], [2.0, -0.1]], np.float32))
    tally.add(1, {}, np.array([[-0.5, 3.0]], np.float32))
    assert tally.slices() == {"slice:a": 600, "slice:b": 1}
    assert tally.records == 601
