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


def test_slices_are_counted_by_record(kinds_application):
    runtime = kinds_application.version().runtime
    assert runtime.signature.slices == ("slice:big",)
    parser = RecordParser(runtime.schema, closed=True)
    lines = [
        b'{"payloads": {"tokens": ["big", "red", "car"], "title": "big red car", "entities": []}}',
        b'{"payloads": {"tokens": ["pear"], "title": "pear", "entities": []}}',
    ]
    asked = [parser.parse(line) for line in lines]
    tally = Tally(runtime.signature)
    for _ in range(3):
        runtime.predict(asked, tally=tally)
    members = [bool(slices) for slices in runtime.slices_of(asked)]
    assert tally.slices() == {"slice:big": 3 * sum(members)}
    assert members == [True, False]
