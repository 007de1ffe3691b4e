"""The experiments on a small application that is really trained."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import overton
import overton.experiments.run as run
from overton.base import OvertonError
from overton.combining import combine_all
from overton.compile import SupervisionSettings
from overton.experiments import render_outcome, run_baseline, run_scaling
from overton.experiments.asked import tasks_of
from overton.experiments.points import Measured


@pytest.fixture
def application(tmp_path, kinds_application):
    """A copy of the application with every kind of task, with its version."""
    return overton.load(shutil.copytree(kinds_application.directory, tmp_path / "app"))


@pytest.fixture
def seen(monkeypatch):
    """The data sets that points were to be measured on, in place of training."""
    parts = []

    def measure(dataset, planned, combined, *, seed, observe):
        parts.append(dataset)
        rows = [row for row in replace_values(seed) if row.task in {task.name for task in dataset.schema.tasks}]
        return dict.fromkeys([task.name for task in dataset.schema.tasks], 1), tuple(rows)

    monkeypatch.setattr(run, "measure", measure)
    return parts


def replace_values(seed):
    from overton.evaluate import Row

    names = ("Record", "RecordBits", "Token", "TokenBits", "Member", "MemberBits", "Pick", "Title")
    return [Row(name, "test", "*", "accuracy", 0.5 + 0.01 * seed, 0.4, 0.6, 10) for name in names]


def files_of(folder: Path):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.slow
def test_all_the_records_give_what_a_build_gives_in_a_process_of_its_own_too(application):
    curves = run_scaling(application, sizes=(1,), seeds=1, on="local:2")
    built = {row.task: row.value for row in application.version().report().main_rows()}
    measured = {row.task: row.value for row in curves.points[0].measured.rows}
    assert measured == {task: pytest.approx(value) for task, value in built.items()}
    assert curves.shown == ("Record", "Token", "Member")


@pytest.mark.long
def test_votes_of_records_that_are_left_out_reach_nobody(application, seen):
    kept = files_of(application.home / "votes")
    run_scaling(application, sizes=(1, 2, 4), seeds=2, on="local:1")
    assert files_of(application.home / "votes") == kept
    whole = application.dataset()
    small, middle, large = (seen[place] for place in (0, 2, 4))
    assert large.digest == whole.digest
    assert set(ids(small, "train")) < set(ids(middle, "train")) < set(ids(large, "train"))
    for part in seen:
        assert ids(part, "dev") == ids(whole, "dev")
        assert ids(part, "test") == ids(whole, "test")
    n_voted = {part.n_records: voted_records(part) for part in (small, large)}
    assert n_voted[small.n_records] < n_voted[large.n_records]
    assert len(combine_all(small)["Record"].targets.index) == small.n_records


def ids(dataset, split):
    return dataset.ids(getattr(dataset.splits, split))


def voted_records(dataset):
    return len(np.unique(dataset.votes("Record").unit))


def test_points_are_shared_by_experiments_and_change_with_what_decides_them(application, seen):
    run_scaling(application, sizes=(1, 4), seeds=1, on="local:1")
    run_scaling(application, sizes=(1, 2, 4), seeds=1, on="local:1")
    assert len(seen) == 3
    object.__setattr__(
        application, "tuning", replace(application.tuning, supervision=SupervisionSettings(use_dev_gold=False))
    )
    run_scaling(application, sizes=(4,), seeds=1, on="local:1")
    assert len(seen) == 4
    with (application.directory / "data" / "more.jsonl").open("w") as file:
        file.write('{"id": "r1", "tasks": {"Record": {"other": "red"}}}\n')
    run_scaling(application, sizes=(4,), seeds=1, on="local:1")
    assert len(seen) == 5


def test_a_former_system_is_compared_on_what_it_says(application):
    outcome = run_baseline(application, source="rule", tasks=["Record"])
    (row,) = outcome.comparisons
    assert row.task == "Record"
    assert (row.n, row.former_errors) == (34, 0)  # rule is right wherever gold is
    assert 0 < row.weak_share == 1.0
    assert outcome.version == application.version().id
    assert not any("other data" in note for note in outcome.notes)
    curated = run_baseline(application, source="rule", tasks=["Record"], curated=["crowd"]).comparisons[0]
    assert curated.weak_share == pytest.approx(0.5)
    again = run_baseline(application, source="rule", curated=["gold", "crowd", "crowd"])
    assert again.curated == ("crowd",)
    assert "are not of gold and crowd; labels" in render_outcome(again)


def test_a_version_of_other_data_is_told(application):
    version = application.version()
    with (application.directory / "data" / "more.jsonl").open("w") as file:
        file.write('{"id": "r1", "tasks": {"Record": {"former": "red"}}}\n')
        file.write('{"id": "r13", "tasks": {"Record": {"former": {"red": 0.5, "other": 0.5}}}}\n')  # says neither
    outcome = run_baseline(application, source="former", version=version)
    assert [(row.n, row.former_errors) for row in outcome.comparisons] == [(1, 1)]
    assert outcome.notes[-1] == f"version {version.id} was built on other data than the application has now"


@pytest.mark.parametrize(
    ("run_it", "code"),
    [
        (lambda app: run_baseline(app, source="crwod"), "experiment.unknown-source"),
        (lambda app: run_baseline(app, source="gold"), "experiment.unknown-source"),
        (lambda app: run_baseline(app, source="crowd", curated=["annotator"]), "experiment.unknown-source"),
        (lambda app: run_baseline(app, source="crowd", tasks=["Token"]), "experiment.no-gold"),
        (lambda app: run_scaling(app, tasks=["Recrod"]), "application.unknown-task"),
        (lambda app: run_scaling(app, sizes=(4, 2)), "experiment.bad-sizes"),
        (lambda app: run_scaling(app, seeds=0), "experiment.bad-seeds"),
        (lambda app: run.run_pretrained(app, embedding="hash"), "experiment.bad-embedding"),
        (lambda app: run.run_pretrained(app, embedding="glove"), "tuning.bad-value"),
        (lambda app: run.run_pretrained(app, embedding="vectors:no.txt"), "pretrained.not-found"),
        (lambda app: run.run_pretrained(app, embedding="vectors:v", payload="toekns"), "experiment.unknown-payload"),
        (lambda app: run.run_pretrained(app, embedding="hf:m", payload="entities"), "tuning.not-applicable"),
    ],
)
def test_faults_are_told_before_anything_is_measured(application, seen, run_it, code):
    with pytest.raises(OvertonError) as raised:
        run_it(application)
    assert [problem.code for problem in raised.value.problems] == [code]
    assert not any(problem.line for problem in raised.value.problems), "an option has no lines"
    assert seen == []
    assert not (application.home / "experiments").exists()


def test_a_task_without_gold_on_test_is_left_out_or_refused_where_it_is_named(application, seen):
    path = application.directory / "data" / "records.jsonl"
    path.write_text(path.read_text().replace(', "gold": "short"', "").replace(', "gold": "long"', ""))
    curves = run_scaling(application, sizes=(1,), seeds=1, on="local:1")
    assert "Title" not in curves.units
    assert curves.notes[-1] == "Title has no gold on test"
    with pytest.raises(OvertonError, match="no test record has gold of Title"):
        run_scaling(application, sizes=(1,), seeds=1, tasks=["Record", "Title"], on="local:1")


def leave_one_class(application):
    """The application where the labels of one of its tasks leave nothing to choose."""
    schema = json.loads((application.directory / "schema.json").read_text())
    schema["tasks"]["Title"].pop("classes")
    (application.directory / "schema.json").write_text(json.dumps(schema))
    path = application.directory / "data" / "records.jsonl"
    path.write_text(path.read_text().replace('"long"', '"short"'))
    return overton.load(application.directory)


def test_a_task_of_one_class_is_left_out_or_refused_where_it_is_named(application, seen):
    changed = leave_one_class(application)
    curves = run_scaling(changed, sizes=(1,), seeds=1, on="local:1")
    assert "Title" not in curves.units
    assert any(note.startswith("Title: 'short' is the only class") for note in curves.notes)
    with pytest.raises(OvertonError, match="nothing is learned of Title") as raised:
        run_scaling(changed, sizes=(1,), seeds=1, tasks=["Record", "Title"], on="local:1")
    assert [problem.code for problem in raised.value.problems] == ["experiment.not-learned"]


def test_a_task_of_which_gold_finds_nothing_is_left_out_or_refused_where_it_is_named(application, seen):
    path = application.directory / "data" / "records.jsonl"
    records = [json.loads(line) for line in path.read_text().splitlines()]
    for record in records:
        for name, found in (("Token", "B-fruit"), ("RecordBits", None)):
            said = record.get("tasks", {}).get(name, {})
            if name == "Token" and said:
                said["rule"] = ["O" if label == "O" else found for label in said["rule"]]
            if "gold" in said:
                said["gold"] = ["O"] * len(said["gold"]) if name == "Token" else []
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    curves = run_scaling(application, sizes=(1,), seeds=1, on="local:1")
    assert set(curves.units) == {"Record", "TokenBits", "Member", "MemberBits", "Pick", "Title"}
    assert [note.split(" has gold on test by which nothing is to be found")[0] for note in curves.notes[-2:]] == [
        "RecordBits",
        "Token",
    ]
    with pytest.raises(OvertonError, match="that is to be found") as raised:
        run_scaling(application, sizes=(1,), seeds=1, tasks=["Record", "Token"], on="local:1")
    assert [problem.code for problem in raised.value.problems] == ["experiment.no-gold"]


def test_a_version_is_compared_on_the_tasks_that_it_answers(application):
    dataset = leave_one_class(application).dataset()
    assert "Title" not in tasks_of(dataset.schema, dataset, ["Title", "Record"], named=False)
    for wanted, named in ((["Title", "Record"], True), (["Title"], False)):
        with pytest.raises(OvertonError, match="nothing is learned of Title"):
            tasks_of(dataset.schema, dataset, wanted, named=named)


def test_a_draw_without_a_label_is_told_before_anything_is_measured(application, seen):
    path = application.directory / "data" / "records.jsonl"
    records = [json.loads(line) for line in path.read_text().splitlines()]
    train = [record for record in records if "train" in record["tags"]]
    for record in train[1:]:
        record.pop("tasks", None)
    train[0]["tasks"] = {"Record": {"gold": "red"}}
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    with pytest.raises(OvertonError, match="seed 0 draws 5 training records for the smallest size, and no label"):
        run_scaling(application, sizes=(1, 32), seeds=2, on="local:1")
    assert seen == []
    assert len(run_scaling(application, sizes=(32,), seeds=1, on="local:1").points) == 1


def test_a_small_draw_may_have_no_word_of_the_pretrained_file(application, seen):
    (application.directory / "v.txt").write_text("日本語 1 2 3\n")  # which one training record alone has
    curves = run.run_pretrained(application, embedding="vectors:v.txt", sizes=(1, 8), seeds=1, on="local:1")
    assert ["日本語" in part.texts("tokens") for part in seen] == [False, False, True, True]
    assert len(curves.points) == 4


def test_measured_points_hold_no_numpy(application, seen):
    curves = run_scaling(application, sizes=(1,), seeds=1, on="local:1")
    assert isinstance(curves.points[0].measured, Measured)
    assert curves.to_json()["rows"]


def test_of_two_models_the_large_one_is_measured_as_a_build_reports_it(application, monkeypatch):
    sizes = []

    def measure(dataset, planned, combined, **said):
        sizes.append(planned.choices.payloads["tokens"].size)
        return dict.fromkeys([task.name for task in dataset.schema.tasks], 1), tuple(replace_values(0))

    monkeypatch.setattr(run, "measure", measure)
    own = {name: {"payloads": {"tokens": {"size": size}}} for name, size in {"large": 24, "small": 8}.items()}
    (application.directory / "tuning.json").write_text(json.dumps({"models": own}))
    curves = run_scaling(overton.load(application.directory), sizes=(1,), seeds=1, on="local:1")
    assert sizes == [24]
    assert curves.facts["choices"]["choices"]["payloads"]["tokens"]["size"] == 24
