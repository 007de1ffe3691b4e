"""A task that the schema declares and nobody has labelled yet: all else is built, and it waits."""

import json
from pathlib import Path

import numpy as np
import pytest

import overton
from overton.application import Application
from overton.cli.main import main
from overton.codec import Predictions
from overton.combining import combine_all, untaught
from overton.compile import SupervisionSettings
from overton.fitting import fit, taught_targets
from overton.pipeline import plan
from overton.schema import parse_schema, render_schema

SCHEMA = {
    "payloads": {"tokens": {"type": "sequence"}, "query": {"type": "singleton", "base": ["tokens"]}},
    "tasks": {
        "Intent": {"payload": "query", "type": "multiclass"},
        "Part": {"payload": "tokens", "type": "multiclass"},
        "Topic": {"payload": "query", "type": "bitvector"},
    },
}
SMALL = {"tokens": {"size": 8, "layers": 1, "encoder": "bag"}, "query": {"size": 8}}


def record(number: int) -> dict:
    label = ("a", "b")[number % 2]
    tags = [("train", "dev", "test")[number % 3]]
    return {
        "id": f"r{number}",
        "payloads": {"tokens": [label, "x"]},
        "tasks": {"Intent": {"rule": label, "gold": label}, "Part": {}, "Topic": {}},
        "tags": tags,
    }


@pytest.fixture
def application(tmp_path: Path) -> Application:
    (tmp_path / "data").mkdir()
    (tmp_path / "schema.json").write_text(json.dumps(SCHEMA))
    tuning = {"payloads": SMALL, "training": {"epochs": 1}, "serving": {"int8": "off"}}
    (tmp_path / "tuning.json").write_text(json.dumps(tuning))
    lines = [json.dumps(record(number)) + "\n" for number in range(30)]
    (tmp_path / "data" / "records.jsonl").write_text("".join(lines))
    return overton.load(tmp_path)


def test_a_task_without_labels_and_classes_is_left_out_of_the_model_and_said_so(application: Application) -> None:
    dataset = application.dataset()
    left_out = "no class in the schema or in a label: the task is left out"
    assert {f"Part: {left_out}", f"Topic: {left_out}"} <= set(dataset.notes)
    assert set(combine_all(dataset)) == {"Intent"}
    assert set(plan(dataset, application.tuning).program.all_outputs) == {"Intent"}


def test_a_task_of_one_class_is_left_out_before_training_and_said_so(application: Application) -> None:
    labels = [{"id": f"r{number}", "tasks": {"Part": {"rule": ["spam", "spam"]}}} for number in range(30)]
    (application.directory / "data" / "z.jsonl").write_text("".join(json.dumps(line) + "\n" for line in labels))
    dataset = application.dataset()
    assert "Part: 'spam' is the only class in its labels: the task is left out" in dataset.notes
    assert set(combine_all(dataset)) == {"Intent"}
    assert set(plan(dataset, application.tuning).program.all_outputs) == {"Intent"}
    assert parse_schema(render_schema(dataset.schema)).learnable() == dataset.schema.learnable()
    assert main(["sources", str(application.directory), "-q"]) == 0


def test_a_task_without_a_label_on_a_training_record_is_told_where_votes_are_combined(application: Application) -> None:
    labels = [{"id": f"r{n}", "tasks": {"Topic": {"rule": ["s"], "gold": ["t"]}}} for n in range(30) if n % 3]
    (application.directory / "data" / "z.jsonl").write_text("".join(json.dumps(line) + "\n" for line in labels))
    dataset, events = application.dataset(), []
    combined = combine_all(dataset, observe=events.append)
    told = {event.message.partition(":")[0]: event.message for event in events}
    assert told["Topic"].endswith("none on a training record")
    assert "training record" not in told["Intent"]
    assert untaught(dataset, combined) == ("Topic: no training record has a label, so that its answers are chance",)


def write_gold_of_part(application: Application) -> None:
    """Gold of `Part` on dev and test, and no label of it anywhere else."""
    lines = [{"id": f"r{n}", "tasks": {"Part": {"gold": ["n", "v"]}}} for n in range(30) if n % 3]
    (application.directory / "data" / "z.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


def test_training_is_watched_on_the_tasks_that_it_teaches(application: Application) -> None:
    write_gold_of_part(application)
    dataset = application.dataset()
    combined, planned = combine_all(dataset), plan(dataset, application.tuning)
    trained = fit(dataset, planned, combined, seed=0)
    assert set(planned.program.outputs) == {"Intent", "Part"}
    assert [set(epoch.scores) for epoch in trained.history] == [{"Intent"}]


def test_a_small_model_is_not_taught_the_chance_of_a_large_one(application: Application) -> None:
    write_gold_of_part(application)
    dataset = application.dataset()
    combined, planned = combine_all(dataset), plan(dataset, application.tuning)
    rows, schema = dataset.splits.train, dataset.schema
    said = {}
    for name in combined:
        n_units = int((dataset.offsets(name)[rows + 1] - dataset.offsets(name)[rows]).sum())
        offsets = np.append(0, np.cumsum(dataset.offsets(name)[rows + 1] - dataset.offsets(name)[rows]))
        said[name] = Predictions(schema.task(name), offsets, np.full((n_units, 2), 0.5, np.float32), np.zeros(n_units))
    taught = taught_targets(combined, said, rows, planned)
    assert taught["Intent"] is not combined["Intent"]
    assert taught["Part"] is combined["Part"]


@pytest.mark.slow
def test_a_search_ranks_trials_by_the_tasks_that_they_learn(application: Application) -> None:
    write_gold_of_part(application)
    tuning = json.loads((application.directory / "tuning.json").read_text())
    tuning["training"]["dropout"] = [0.1, 0.2]
    (application.directory / "tuning.json").write_text(json.dumps(tuning))
    study = overton.load(application.directory).build(trials=2, on="local:1").study()
    assert study is not None
    assert [set(trial.score.scores) for trial in study.trials] == [{"Intent"}, {"Intent"}]


@pytest.mark.slow
def test_a_version_beside_a_task_of_one_class_is_built_and_tells_it(
    application: Application, capsys: pytest.CaptureFixture[str]
) -> None:
    labels = [{"id": f"r{number}", "tasks": {"Part": {"gold": ["spam", "spam"]}}} for number in range(30)]
    (application.directory / "data" / "z.jsonl").write_text("".join(json.dumps(line) + "\n" for line in labels))
    assert main(["build", str(application.directory), "-q", "--json"]) == 0
    notes = json.loads(capsys.readouterr().out)["notes"]
    assert "Part: 'spam' is the only class in its labels: the task is left out" in notes
    assert "Topic: no class in the schema or in a label: the task is left out" in notes
    version = application.version()
    assert set(version.predict([record(0)])[0]) == {"Intent"}
    for words in (["report", "--data", str(application.directory / "data")], ["errors", "--task", "Intent"]):
        assert main([words[0], str(application.directory), *words[1:], "-q"]) == 0


@pytest.mark.long
def test_figures_of_other_records_call_no_task_left_out_that_the_version_answers(
    application: Application, capsys: pytest.CaptureFixture[str]
) -> None:
    application.build(seed=0)
    named = [{**record(n), "id": f"o{n}", "tasks": {"Intent": {"gold": "a"}}, "tags": []} for n in range(2)]
    for lines, note in ((named, None), ([{**line, "tasks": {}} for line in named], "Intent: no record has a label")):
        other = application.directory / "other.jsonl"
        other.write_text("".join(json.dumps(line) + "\n" for line in lines))
        assert main(["report", str(application.directory), "--data", str(other), "-q", "--json"]) == 0
        notes = json.loads(capsys.readouterr().out)["notes"]
        assert [told for told in notes if told.startswith("Intent:")] == ([note] if note else [])
        assert "Topic: no class in the schema or in a label: the task is left out" in notes


def test_a_trusted_source_that_only_abstains_is_told_by_the_build(application: Application) -> None:
    lines = [{"id": "r0", "tasks": {"Intent": {"abst": None}, "Part": {"abst": [None, None]}}}]
    (application.directory / "data" / "z.jsonl").write_text(json.dumps(lines[0]) + "\n")
    told: list[str] = []
    supervision = SupervisionSettings(trusted=("abst", "rule"))
    combine_all(application.dataset(), supervision=supervision, observe=lambda event: told.append(event.message))
    assert "no label of abst, though trusted" in told


def test_of_a_task_that_only_dev_and_test_have_gold_of_the_build_does_not_say_that_nobody_labelled_it(
    application: Application,
) -> None:
    lines = [{"id": f"r{n}", "tasks": {"Part": {"gold": ["n", "v"]}}} for n in range(30) if n % 3]
    (application.directory / "data" / "z.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    told: list[str] = []
    combine_all(application.dataset(), observe=lambda event: told.append(event.message))
    assert "Part: no label to learn from" in told


def test_a_near_miss_of_gold_is_a_remark_beside_figures(application: Application) -> None:
    line = {"id": "r0", "tasks": {"Intent": {"Gold": "a"}}}
    (application.directory / "data" / "z.jsonl").write_text(json.dumps(line) + "\n")
    dataset = application.dataset()
    remarks = dataset.remarks({task.name: dataset.votes(task.name) for task in dataset.schema.tasks})
    assert "the source 'Gold' is one among others: gold is 'gold'" in remarks


def test_a_task_without_a_label_is_told_by_sources(
    application: Application, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["sources", str(application.directory), "--task", "Topic", "-q"]) == 0
    assert capsys.readouterr().out == "Topic: no record has a label\n"


@pytest.mark.slow
def test_the_version_serves_without_the_task(application: Application) -> None:
    told: list[str] = []
    version = application.build(observe=lambda event: told.append(event.message))
    assert set(application.dataset().notes) <= set(told)
    assert set(version.artifact.signature.output_by_task) == {"Intent"}
    assert set(version.predict([record(0)])[0]) == {"Intent"}
    assert main(["report", str(application.directory), "--data", str(application.directory / "data")]) == 0


@pytest.mark.parametrize(("n_dev", "weighed"), [(30, False), (90, True)])
def test_a_build_says_that_votes_are_weighed_where_gold_is_enough(
    application: Application, n_dev: int, weighed: bool
) -> None:
    lines = []
    for number in range(n_dev + 60):
        label = ("a", "b")[number % 2]
        rules = {f"rule {n}": label if number * 7 % (n + 3) else "ab"[label == "a"] for n in range(3)}
        said = {**rules, "gold": label} if number < n_dev else rules
        tags = ["dev" if number < n_dev else "train"]
        lines.append({"id": f"s{number}", "payloads": {"tokens": [label]}, "tasks": {"Intent": said}, "tags": tags})
    (application.directory / "data" / "records.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    told: list[str] = []
    combined = combine_all(application.dataset(), observe=lambda event: told.append(event.message))["Intent"]
    assert combined.n_known == n_dev
    assert (set(combined.model.weight.tolist()) != {1.0}) is weighed
    assert (f"weighed on {n_dev} gold labels" in told[0]) is weighed
