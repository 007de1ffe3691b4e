"""float32 or int8: the quicker one, unless dev shows that it answers worse."""

import json
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import onnx
import pytest

from overton.artifact import Runtime, golden_records, replay_golden
from overton.compile import Tuning
from overton.data import RecordParser
from overton.evaluate import Gate, main_scores
from overton.export.files import choose_precision, quantised
from overton.export.golden import Run, load_onnx
from overton.export.speed import milliseconds
from overton.pipeline import predict_rows

CHOSEN = "overton.export.files.precision.milliseconds"


@pytest.fixture(scope="module")
def built(kinds_application):
    version = kinds_application.version()
    return version.artifact, kinds_application.dataset()


@pytest.fixture(scope="module")
def small(built):
    """The version in int8."""
    artifact, dataset = built
    return replace(artifact, files={**artifact.files, "model.onnx": quantised(artifact, dataset)[0]})


def choose(built, asked: str, predict: Callable = predict_rows, gate: Gate | None = None):
    artifact, dataset = built
    sample = artifact.files["golden.jsonl"].splitlines()
    return choose_precision(artifact, dataset, predict, sample, Tuning(serving={"int8": asked}), gate)


def timed(fp32: float, int8: float) -> Callable:
    """Measured times, in place of those of this machine."""
    return lambda runs, calls: {"fp32": fp32, "int8": int8} if len(runs) > 1 else {"fp32": fp32}


def test_a_build_keeps_to_the_tuning_and_says_why(kinds_application) -> None:
    told = kinds_application.version().artifact.json("lineage.json")["precision"]
    assert (told["chosen"], told["why"]) == ("fp32", "switched off by the tuning")


def test_off_leaves_the_model_as_it_is_and_measures_nothing(built, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(CHOSEN, None)
    artifact, told = choose(built, "off")
    assert artifact.files["model.onnx"] == built[0].files["model.onnx"]
    assert (told["chosen"], told["fp32_ms"], told["gate"]) == ("fp32", None, None)


@pytest.mark.long
@pytest.mark.parametrize(("fp32", "int8", "why"), [(0.05, 0.01, "nothing to gain"), (1.0, 0.9, "1.25 times as quick")])
def test_int8_has_to_bring_something(
    fp32: float, int8: float, why: str, built, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(CHOSEN, timed(fp32, int8))
    artifact, told = choose(built, "auto")
    assert told["chosen"] == "fp32"
    assert why in told["why"]
    assert artifact.files["model.onnx"] == built[0].files["model.onnx"]


@pytest.mark.parametrize(
    ("speedup", "before", "chosen"),
    [
        (1.2, "", "fp32"),
        pytest.param(1.3, "", "int8", marks=pytest.mark.slow),
        (1.2, "int8", "int8"),
        (1.3, "fp32", "fp32"),
        pytest.param(1.1, "int8", "fp32", marks=pytest.mark.slow),
        pytest.param(1.4, "fp32", "int8", marks=pytest.mark.slow),
    ],
)
def test_near_the_border_a_rebuild_keeps_to_what_the_version_before_serves_in(
    built, monkeypatch: pytest.MonkeyPatch, speedup: float, before: str, chosen: str
) -> None:
    monkeypatch.setattr(CHOSEN, timed(speedup, 1.0))
    monkeypatch.setattr("overton.export.files.precision.MOST_LOSS", 0.2)
    artifact, dataset = built
    sample = artifact.files["golden.jsonl"].splitlines()
    told = choose_precision(artifact, dataset, predict_rows, sample, Tuning(), before=before)[1]
    assert told["chosen"] == chosen


@pytest.mark.long
def test_where_float32_is_beyond_a_bound_int8_need_not_be_quicker(built, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(CHOSEN, timed(1.0, 0.9))
    monkeypatch.setattr("overton.export.files.precision.MOST_LOSS", 0.2)  # as above: what int8 loses is not meant here
    artifact, dataset = built
    sample = artifact.files["golden.jsonl"].splitlines()
    for fits, chosen in ((False, "int8"), (True, "fp32")):
        told = choose_precision(artifact, dataset, predict_rows, sample, Tuning(), fits=lambda _, fits=fits: fits)[1]
        assert told["chosen"] == chosen
    off = Tuning(serving={"int8": "off"})
    assert choose_precision(artifact, dataset, predict_rows, sample, off, fits=lambda _: False)[1]["chosen"] == "fp32"


@pytest.mark.long
def test_int8_is_smaller_and_answers_alike(built, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(CHOSEN, timed(1.0, 0.5))
    monkeypatch.setattr("overton.export.files.precision.MOST_LOSS", 0.2)  # 20 records on dev: a label is a lot
    artifact, told = choose(built, "auto")
    assert told["chosen"] == "int8", told
    assert told["int8_mb"] < 0.6 * told["fp32_mb"]
    assert len(artifact.files["model.onnx"]) == pytest.approx(told["int8_mb"] * 1e6, abs=100)
    dataset = built[1]
    rows = np.arange(dataset.n_records)
    before, after = (predict_rows(dataset, Runtime(each), rows) for each in (built[0], artifact))
    for task, said in before.items():
        assert np.mean(said.label == after[task].label) > 0.9, task
    assert replace(artifact, files=built[0].files).signature == artifact.signature


def numbers(answer) -> list[float]:
    """All probabilities of an answer."""
    if isinstance(answer, dict | list):
        return [
            number for each in (answer.values() if isinstance(answer, dict) else answer) for number in numbers(each)
        ]
    return [] if answer is None else [float(answer)]


@pytest.mark.long
def test_int8_answers_a_record_alone_as_beside_ninety_nine_others(small) -> None:
    runtime, parser = Runtime(small), RecordParser(small.schema, closed=True)
    records = [parser.parse(line) for line in small.files["golden.jsonl"].splitlines()]
    assert len(records) == 100
    beside = runtime.predict(records, probabilities=True)
    alone = [runtime.predict([record], probabilities=True)[0] for record in records]
    assert len(numbers(beside)) > 1000
    np.testing.assert_allclose(numbers(alone), numbers(beside), atol=2e-6)  # of numbers with six places
    assert [runtime.predict([record])[0] for record in records] == runtime.predict(records)


def test_int8_has_standard_operators_and_no_range_of_a_call(small) -> None:
    model = onnx.load_from_string(small.files["model.onnx"])
    operators = {(node.domain, node.op_type) for node in model.graph.node}
    assert {domain for domain, _ in operators} <= {"", "ai.onnx"}
    assert ("", "DynamicQuantizeLinear") not in operators
    constants = {value.name for value in model.graph.initializer}
    rounding = [node for node in model.graph.node if node.op_type == "QuantizeLinear"]
    assert rounding
    assert all(constants.issuperset(node.input[1:]) for node in rounding)


def test_the_same_records_give_the_same_model_in_int8(built, small) -> None:
    assert quantised(*built)[0] == small.files["model.onnx"]


def test_int8_answers_its_golden_records_again(built, small) -> None:
    lines = golden_records(built[1], Runtime(small)).splitlines()
    assert replay_golden(Runtime(small), lines) > 100


def test_what_lies_beyond_every_range_that_was_seen_is_answered_in_int8(built, small) -> None:
    tokens = [f"{letter * 40}" for letter in "qxzjkvw"] * 30
    record = RecordParser(small.schema, closed=True).parse(
        json.dumps({"payloads": {"tokens": tokens, "title": "zq" * 200}}).encode()
    )
    said, plain = (Runtime(each).predict([record], probabilities=True)[0] for each in (small, built[0]))
    found, wanted = np.array(numbers(said)), np.array(numbers(plain))
    assert np.isfinite(found).all()
    assert found.shape == wanted.shape
    assert np.abs(found - wanted).mean() < 0.05


@pytest.mark.long
def test_int8_that_answers_worse_on_dev_is_not_taken(built, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(CHOSEN, timed(1.0, 0.1))
    asked = []

    def predict(dataset, runtime, rows):
        """The second model that is asked says the class beside the right one of every token."""
        said = dict(predict_rows(dataset, runtime, rows))
        if asked:
            wrong = replace(said["Token"], label=(said["Token"].label + 1) % len(said["Token"].task.classes))
            said["Token"] = wrong
        asked.append(runtime)
        return said

    artifact, told = choose(built, "on", predict)
    assert told["chosen"] == "fp32"
    assert "Token goes from" in told["why"]
    assert artifact.files["model.onnx"] == built[0].files["model.onnx"]


@pytest.mark.long
def test_a_tag_of_the_gate_that_no_record_has_is_no_reason_to_lose_a_training(
    built, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(CHOSEN, timed(1.0, 0.1))
    gate = Gate(critical=("gone & slice:big", "gone"), margins={"!slice:big": 0.1, "gone | slice:big": 0.2})
    _, told = choose(built, "on", gate=gate)
    assert told["chosen"] == choose(built, "on")[1]["chosen"]


@pytest.mark.long
def test_a_slice_that_falls_beyond_the_gate_keeps_float32(built, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(CHOSEN, timed(1.0, 0.1))
    monkeypatch.setattr("overton.export.files.precision.MOST_LOSS", 1.0)
    asked = []

    def predict(dataset, runtime, rows):
        """The second model that is asked says another class of every text."""
        said = dict(predict_rows(dataset, runtime, rows))
        if asked:
            n_classes = len(said["Record"].task.classes)
            said["Record"] = replace(said["Record"], label=(said["Record"].label + 1) % n_classes)
        asked.append(runtime)
        return said

    _, told = choose(built, "on", predict)
    assert told["chosen"] == "fp32"
    assert "the gate refuses Record accuracy of" in told["why"]
    assert told["gate"] == Gate().digest


@pytest.mark.long
def test_without_gold_on_dev_nothing_tells_what_int8_loses(built, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(CHOSEN, timed(1.0, 0.1))
    monkeypatch.setattr("overton.export.files.precision.main_scores", lambda said, gold, rows: {})
    assert "no gold on dev" in choose(built, "on")[1]["why"]
    assert main_scores({}, {}, np.arange(0)) == {}


def test_the_quickest_time_of_each_call_counts() -> None:
    calls = [{"x": np.zeros(1)}, {"x": np.ones(1)}]
    seen: list[tuple[str, float]] = []
    runs = {name: lambda inputs, name=name: seen.append((name, float(inputs["x"][0]))) or {} for name in ("a", "b")}
    found = milliseconds(runs, calls)
    assert set(found) == {"a", "b"}
    assert seen[:4] == [("a", 0.0), ("b", 0.0), ("a", 1.0), ("b", 1.0)]


def test_a_quantised_model_is_loaded_once_to_prove_that_it_loads_and_to_be_timed(
    built, small, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded: list[bytes] = []

    def counted(model: bytes) -> Run:
        loaded.append(model)
        return load_onnx(model)

    for place in ("precision", "quantise"):
        monkeypatch.setattr(f"overton.export.files.{place}.load_onnx", counted)
    timed_runs: list[list[str]] = []
    monkeypatch.setattr(CHOSEN, lambda runs, calls: timed_runs.append(list(runs)) or dict.fromkeys(runs, 1.0))
    choose(built, "auto")
    assert timed_runs == [["fp32"], ["fp32", "int8"]]
    assert [loaded.count(model) for model in (built[0].files["model.onnx"], small.files["model.onnx"])] == [1, 1]


def test_a_model_that_cannot_be_quantised_serves_in_float32_and_says_why(
    built, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(model: onnx.ModelProto, ranges: object) -> None:
        model.graph.node[0].op_type = "Unheard"

    monkeypatch.setattr("overton.export.files.quantise._round_dense", fail)
    artifact, told = choose(built, "on")
    assert artifact.files["model.onnx"] == built[0].files["model.onnx"]
    assert told["chosen"] == "fp32"
    assert "cannot be quantised" in told["why"]
    assert "Unheard" in told["why"]
