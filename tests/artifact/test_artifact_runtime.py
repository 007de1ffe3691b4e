import dataclasses
import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import msgspec
import numpy as np
import onnxruntime
import pytest
import safetensors.numpy

from overton.artifact import Artifact, Runtime, open_artifact, runtime, signature_of
from overton.base import OvertonError
from overton.codec import Encoder, labels_json
from overton.data import Pool, Record, RecordParser, pack
from tests.tiny_artifact import RECORD, tiny_artifact


@pytest.fixture(scope="module")
def model() -> Runtime:
    return Runtime(tiny_artifact())


def record(**payloads: object) -> Record:
    line = msgspec.json.encode({"payloads": {**RECORD["payloads"], **payloads}})
    return RecordParser(tiny_artifact().schema).parse(line)


def test_a_prediction_is_what_the_bare_session_says(model):
    artifact = tiny_artifact()
    batch = pack([record()], artifact.schema, Pool())
    values = Encoder(artifact.program).encode(batch)
    session = onnxruntime.InferenceSession(artifact.files["model.onnx"])
    feeds = {tensor.name: values[tensor.name] for tensor in session.get_inputs()}
    intent, argument, pos = session.run(["Intent.logits", "IntentArg.logits", "POS.logits"], feeds)
    (labels,) = model.predict([record()])
    assert labels["Intent"] == ("age", "height")[int(intent[0].argmax())]
    assert labels["IntentArg"] == int(argument[0, :2].argmax())
    assert labels["POS"] == [("NOUN", "VERB", "X")[label] for label in pos[0].argmax(1)]


def test_predictions_do_not_depend_on_the_company(model):
    records = [record(), record(tokens=["a"] * n_tokens) if (n_tokens := 12) else record(), record(entities=[])]
    together = model.predict(records, probabilities=True)
    assert together == [model.predict([one], probabilities=True)[0] for one in records]


def test_many_records_are_answered_in_their_order(model):
    """Those of one size go together; a text would be the widest of each, and so all would be of one size."""
    widths = [number * 7 % 15 + 1 for number in range(150)]
    records = [record(tokens=[f"w{n}"] * width, query="", entities=[]) for n, width in enumerate(widths)]
    together = model.predict(records, probabilities=True)
    assert together == [model.predict([one], probabilities=True)[0] for one in records]


def test_long_records_go_through_the_model_a_few_at_a_time(monkeypatch):
    monkeypatch.setattr("overton.data.batch.MOST_PAIRS", 2 * 128**2)  # the text of a query may have 128 tokens
    model, widths = Runtime(tiny_artifact()), []
    run = model._predict
    monkeypatch.setattr(model, "_predict", lambda some, *rest: widths.append(len(some)) or run(some, *rest))
    records = [record(query=f"w{n} " * (100 if n % 2 else 1), tokens=[f"w{n}"], entities=[]) for n in range(10)]
    together = model.predict(records, probabilities=True)
    assert widths == [5, 2, 2, 1]
    assert together == [model.predict([one], probabilities=True)[0] for one in records]


def test_arrays_and_labels_agree(model):
    schema = tiny_artifact().schema
    predictions = model.run(pack([record()], schema, Pool()))
    said = {task.name: labels_json(predictions[task.name], schema.unit(task))[0] for task in schema.tasks}
    assert model.predict([record()]) == [said]


def test_a_bit_holds_from_the_probability_that_the_version_was_given(model):
    artifact, batch = tiny_artifact(), pack([record()], tiny_artifact().schema, Pool())
    probability = model.run(batch)["EntityType"].probability[0]
    thresholds = {"EntityType": probability + np.array([0.001, -0.001], np.float32)}
    signature = signature_of(artifact.program, artifact.files["model.onnx"], thresholds)
    given = type(artifact)({**artifact.files, "signature.json": msgspec.json.encode(signature.to_json())})
    assert Runtime(given).run(batch)["EntityType"].label[0].tolist() == [False, True]


def test_a_record_belongs_to_those_slices_that_are_likelier_than_not():
    records = [record(tokens=["a"] * n_tokens, entities=[]) for n_tokens in (8, 1, 4)]
    found = Runtime(tiny_artifact(slices=True)).slices_of(records)
    assert found == [["slice:long"], ["slice:short"], []]


def test_what_is_not_there_is_not_predicted(model):
    (labels,) = model.predict([record(tokens=None, query=None, entities=None)])
    assert labels == {"EntityType": None, "Intent": None, "IntentArg": None, "POS": None}
    assert model.predict([]) == []


def test_probabilities_sum_to_one(model):
    (labels,) = model.predict([record()], probabilities=True)
    assert sum(labels["Intent"].values()) == pytest.approx(1, abs=0.01)
    assert set(labels["IntentArg"]) <= {"0", "1"}
    assert len(labels["POS"]) == len(labels["EntityType"]) == 5


def test_strings_are_forgotten_before_they_fill_the_memory(model, monkeypatch):
    monkeypatch.setattr(runtime, "POOL_STRINGS", 20)
    expected = model.predict([record()])
    for number in range(30):
        model.predict([record(tokens=[f"word{number}", f"other{number}"], entities=[])])
        assert len(model._pool.texts) < 40
    assert model.predict([record()]) == expected


def test_long_strings_count_by_their_length(model, monkeypatch):
    monkeypatch.setattr(runtime, "POOL_CHARACTERS", 1000)
    for number in range(5):
        model.predict([record(tokens=[f"{number}" * 2000], entities=[])])
        assert sum(map(len, model._pool.texts)) < 5000


def test_threads_get_the_answers_of_their_own_records(model):
    records = [record(tokens=[f"w{number}", "x"], entities=[]) for number in range(40)]
    expected = [model.predict([one], probabilities=True) for one in records]
    fresh = Runtime(tiny_artifact())
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda one: fresh.predict([one], probabilities=True), records * 5)) == expected * 5


def test_warming_up_takes_the_golden_records_or_one_made_for_it(model):
    model.warm_up()
    model.warm_up([msgspec.json.encode(RECORD)])


def test_a_model_of_other_classes_than_its_signature_is_refused():
    artifact = tiny_artifact()
    value = artifact.json("signature.json")
    value["tasks"]["POS"]["classes"] = ["NOUN", "VERB"]
    files = {**artifact.files, "signature.json": msgspec.json.encode(value)}
    with pytest.raises(OvertonError, match=r"output POS\.logits is of 3 labels, POS has 2"):
        Runtime(dataclasses.replace(artifact, files=files))


def test_a_model_that_is_not_that_of_the_signature_is_refused():
    artifact = tiny_artifact()
    signature = {**artifact.json("signature.json"), "inputs": []}
    other = {**artifact.files, "signature.json": msgspec.json.encode(signature)}
    with pytest.raises(OvertonError, match="not those of its signature"):
        Runtime(dataclasses.replace(artifact, files=other))


def test_a_model_that_onnxruntime_cannot_load_is_told():
    broken = {**tiny_artifact().files, "model.onnx": b"junk"}
    with pytest.raises(OvertonError, match="onnxruntime cannot load it"):
        Runtime(dataclasses.replace(tiny_artifact(), files=broken))


def test_the_runtime_needs_neither_torch_nor_onnx():
    forbidden = ("torch", "onnx", "onnxscript", "pandas", "pyarrow", "scipy", "rich")
    code = f"import sys, overton.artifact, onnxruntime; print([name for name in {forbidden} if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_probabilities_are_float32(model):
    predictions = model.run(pack([record()], tiny_artifact().schema, Pool()))
    assert {said.probability.dtype for said in predictions.values()} == {np.dtype(np.float32)}


def test_a_chain_travels_with_the_version_and_decides_with_the_model():
    artifact = open_artifact(tiny_artifact(chain=True).complete())
    chained = Runtime(artifact)
    for number in range(5):
        label = chained.predict([record(tokens=[f"w{number}", "x", "y", "z"], entities=[])])[0]["POS"]
        assert label in (["NOUN", "VERB"] * 2, ["VERB", "NOUN"] * 2)
        (said,) = chained.predict([record(tokens=[f"w{number}", "x", "y", "z"], entities=[])], probabilities=True)
        assert [max(token, key=token.get) for token in said["POS"]] == label
        assert [sum(token.values()) for token in said["POS"]] == pytest.approx([1] * 4, abs=1e-3)


def test_a_version_without_chains_is_run_without_reading_its_weights():
    files = {**tiny_artifact().files, "weights.safetensors": b"never read"}
    assert Runtime(dataclasses.replace(tiny_artifact(), files=files)).predict([record()])[0]["POS"]


@pytest.mark.parametrize("damage", ["missing", "another shape"])
def test_a_chain_that_its_weights_lack_is_told(damage):
    artifact = tiny_artifact(chain=True)
    weights = {name: value for name, value in artifact.weights().items() if not name.endswith("transitions")}
    if damage == "another shape":
        weights["blocks.POS/head.transitions"] = np.zeros((3, 3), np.float32)
    files = {**artifact.files, "weights.safetensors": safetensors.numpy.save(weights)}
    with pytest.raises(OvertonError, match="lack a chain"):
        Runtime(dataclasses.replace(artifact, files=files))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda program: program["features"]["tokens"]["columns"].pop(), "cannot be followed"),
        (lambda program: program["features"]["entities"]["buckets"].__setitem__(0, 10**30), "cannot be followed"),
        (lambda program: program["features"]["tokens"].update(gram_lengths=[3, 2**31]), "pieces of 3 to 2147483648"),
        (lambda program: program["features"]["tokens"].update(gram_words=2**31), "2147483648 words are looked at"),
        (lambda program: program["features"]["tokens"].update(window_words=2**31), "2147483648 tokens are looked at"),
        (lambda program: program["outputs"].update(IntentArg=["a"]), "cannot be run"),
    ],
    ids=["columns", "buckets", "grams", "words", "windows", "outputs"],
)
def test_a_program_that_cannot_be_followed_is_told_when_it_is_loaded(change, reason):
    """Whoever can write to a store may make one under a manifest that fits."""
    artifact = tiny_artifact(chain=True)
    program = artifact.json("program.json")
    change(program)
    other = Artifact({**artifact.files, "program.json": json.dumps(program).encode()})
    with pytest.raises(OvertonError, match=reason) as caught:
        Runtime(open_artifact(other.complete(created="2026-01-01T00:00:00+00:00")))
    assert caught.value.problems[0].code == "artifact.model"
