import json
import re

import pytest

from overton.artifact import Runtime, golden_records, replay_golden
from overton.base import OvertonError
from overton.data import RecordParser
from tests.serve.serving import Records
from tests.tiny_artifact import RECORD, tiny_artifact

RUNTIME = Runtime(tiny_artifact())
RUNTIME_PARSER = RecordParser(RUNTIME.schema, closed=True)
PAYLOADS = [RECORD["payloads"], {"tokens": ["a"], "query": "a", "entities": []}, {}]
LINES = golden_records(Records(PAYLOADS), RUNTIME).splitlines()


def test_golden_records_hold_what_the_version_says():
    told = [json.loads(line) for line in LINES]
    assert [record["payloads"] for record in told] == PAYLOADS
    said = RUNTIME.predict([RUNTIME_PARSER.parse(line) for line in LINES])
    for record, labels in zip(told, said, strict=True):
        assert record["tasks"] == {task: {"overton": label} for task, label in labels.items() if label is not None}
    assert told[0]["tasks"]["IntentArg"]["overton"] in (0, 1), "the first member is a label too"


def test_a_version_answers_its_golden_records_as_when_it_was_built():
    assert replay_golden(RUNTIME, LINES) > 10
    assert replay_golden(RUNTIME, [json.dumps({"payloads": PAYLOADS[0]}).encode()]) == 0, "older ones hold no answers"


class Neighbourly:
    """A version whose labels depend on the records of a call, as those of a model in int8 of an older release may."""

    schema, warm_up = RUNTIME.schema, RUNTIME.warm_up

    def predict(self, records):
        return [{**labels, "Intent": ("age", "height")[len(records) % 2]} for labels in RUNTIME.predict(records)]


@pytest.mark.parametrize("n_records", [1, 2, 19, 33])
def test_a_version_whose_labels_depend_on_the_neighbours_in_a_call_answers_as_when_it_was_built(n_records):
    lines = golden_records(Records([RECORD["payloads"]] * n_records), Neighbourly()).splitlines()
    assert replay_golden(Neighbourly(), lines) > n_records


def test_a_version_that_answers_otherwise_is_told_with_an_example():
    with pytest.raises(OvertonError) as caught:
        replay_golden(Runtime(tiny_artifact(3)), LINES)
    (problem,) = caught.value.problems
    assert problem.code == "artifact.golden"
    assert re.search(r"of \d+ golden labels of \w+ are not what the build answered: record ", problem.message)


def test_labels_of_one_task_are_not_made_up_for_by_the_many_of_another():
    long = {**RECORD["payloads"], "tokens": ["how", "old"] * 20, "entities": []}
    lines = [json.loads(line) for line in golden_records(Records([long] * 20), RUNTIME).splitlines()]
    for line in lines[:2]:
        now = line["tasks"]["Intent"]["overton"]
        line["tasks"]["Intent"]["overton"] = "age" if now == "height" else "height"
    n_labels = sum(len(label["overton"]) for line in lines for label in line["tasks"].values() if _is_many(label))
    assert n_labels >= 800
    with pytest.raises(OvertonError, match="2 of 20 golden labels of Intent"):
        replay_golden(RUNTIME, [json.dumps(line).encode() for line in lines])


def _is_many(label):
    return isinstance(label["overton"], list)


def test_one_label_in_a_hundred_may_tip():
    lines = golden_records(Records([RECORD["payloads"]] * 20), RUNTIME).splitlines()
    first = json.loads(lines[0])
    now = first["tasks"]["Intent"]["overton"]
    first["tasks"]["Intent"]["overton"] = "age" if now == "height" else "height"
    assert replay_golden(RUNTIME, [json.dumps(first).encode(), *lines[1:]]) > 100
    with pytest.raises(OvertonError, match=f"Intent is {now!r}"):
        replay_golden(RUNTIME, [json.dumps(first).encode()] * 20)
