"""Pages of versions in a store, as `overton report --html` and `overton compare --html` write them."""

import json
import random
import shlex
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

import overton
from overton.application import Application
from overton.artifact import Artifact, Runtime, golden_records
from overton.artifact.files import save_artifact
from overton.cli.main import main
from overton.codec import Predictions
from overton.comparing import latency_of
from overton.data import Batch
from overton.store import Store
from overton.web import compare_page, report_page
from tests.tiny_artifact import SCHEMA, tiny_artifact
from tests.web.live_application import live_application

SOURCES = {"Intent": {"rules": 0.6}}
WORDS = ("how", "tall", "is", "old", "the", "president", "mayor")


def write_records(path: Path) -> None:
    """Records of the tiny schema, half of them test, with gold and two sources."""
    choose = random.Random(0)
    lines = []
    for number in range(80):
        tokens = choose.choices(WORDS, k=5)
        classes = [choose.choice(["NOUN", "VERB", "X"]) for _ in tokens]
        tasks = {
            "POS": {"gold": classes, "lexicon": [choose.choice(["NOUN", "VERB", None]) for _ in tokens]},
            "EntityType": {"gold": [choose.choice([[], ["title"]]) for _ in tokens], "gazetteer": [[]] * 5},
            "Intent": {"gold": choose.choice(["age", "height"]), "rules": choose.choice(["age", "height"])},
            "IntentArg": {"gold": choose.choice([0, 1]), "first": 0},
        }
        entities = [{"id": "President_(title)", "range": [4, 5]}, {"id": "United_States", "range": [2, 4]}]
        payloads = {"tokens": tokens, "query": " ".join(tokens), "entities": entities}
        tags = ["test" if number % 2 else "train", "slice:odd" if number % 4 == 1 else "slice:even"]
        lines.append(json.dumps({"id": f"r{number}", "payloads": payloads, "tasks": tasks, "tags": tags}) + "\n")
    path.write_text("".join(lines))


def bare_application(directory: Path) -> Application:
    """An application of a few records in a new directory, without a version."""
    (directory / "data").mkdir(parents=True)
    (directory / "schema.json").write_text(SCHEMA)
    write_records(directory / "data" / "a.jsonl")
    return overton.load(directory)


@pytest.fixture(scope="module")
def application(tmp_path_factory: pytest.TempPathFactory) -> Application:
    """An application with two versions that were drawn instead of trained and then evaluated; the first is live."""
    application = bare_application(tmp_path_factory.mktemp("web") / "app")
    store = Store(str(application.directory / "store"))
    for seed in range(2):
        bare = store.put(tiny_artifact(seed), when=f"2026-01-0{seed + 1}T00:00:00+00:00")
        found = application.version(bare).evaluate()
        whole = tiny_artifact(seed).with_files(
            report=found.report.to_json(),
            lineage={
                "seed": seed,
                "data": {"records": 80},
                "seconds": {"train": 1.5},
                "sources": {"Intent": {"rules": 0.6}},
            },
            examples=found.examples,
            golden=golden_records(application.dataset(), application.version(bare).runtime),
        )
        store.put(whole, when=f"2026-01-1{seed}T00:00:00+00:00")
        if not seed:
            application.version(whole.id).promote("live", why="the first")
    return application


@pytest.fixture(scope="module")
def newest(application: Application):
    return report_page(application.version(), made="2026-02-01T00:00:00+00:00")


def test_a_version_is_compared_with_the_live_one(application: Application, newest) -> None:
    live = application.version("live").id
    assert newest.comparison.old == live
    assert f"live ({live})" in newest.verdict.sentence
    assert newest.verdict == newest.comparison.verdict


def test_the_live_version_says_that_it_is(application: Application) -> None:
    page = report_page(application.version("live"))
    assert page.comparison is None
    assert page.verdict.sentence.startswith("This is the version that is live since 20")
    assert page.aliases == ("live",)


def test_figures_are_those_of_the_report(application: Application, newest) -> None:
    report = application.version().report()
    for place, column in enumerate(newest.matrix.columns):
        row = report.row(column.task, "test", "slice:odd", column.metric)
        shown = next(row for row in newest.matrix.rows if row.tag == "slice:odd").figures[place]
        assert (shown.value, shown.low, shown.high, shown.n) == (row.value, row.low, row.high, row.n)


def test_examples_are_the_surest_errors_with_their_words(application: Application, newest) -> None:
    for task in newest.tasks:
        errors = application.version().errors(task.task, annotate=0, limit=3)
        assert [one.id for one in task.examples[:3]] == [record.id for record in errors.records]
        assert task.n_wrong == errors.n_wrong_records
        assert task.examples[0].tokens
        assert any(unit.voices for one in task.examples for unit in one.units)
        assert f"--task {task.task}" in task.command
    picked = next(task for task in newest.tasks if task.task == "IntentArg").examples[0]
    assert sorted((one.chosen, one.true) for one in picked.candidates) == [(False, True), (True, False)]


def test_sources_checks_history_and_lineage_are_told(application: Application, newest) -> None:
    rules = next(line for line in newest.sources if line.source == "rules")
    assert (rules.n, rules.gold_split, rules.n_gold) == (37, "test", 40)
    assert newest.checks.records == 80
    assert [moment.version for moment in newest.history.moments][-1] == newest.version
    line = newest.history.tasks[0].line("slice:odd")
    assert len([value for value in line.values if value is not None]) == 2
    assert newest.lineage.latency["p50_ms"] > 0
    assert newest.lineage.sizes["model.onnx"] > 0


def test_one_tag_is_told_alone(application: Application) -> None:
    page = report_page(application.version(), tag="slice:odd")
    assert [row.tag for row in page.matrix.rows] == ["slice:odd"]
    assert {"slice:odd" in one.tags for task in page.tasks for one in task.examples} == {True}
    assert page.tag == "slice:odd"


@pytest.mark.long
def test_the_command_that_shows_more_errors_is_one_of_a_shell_and_of_the_same_records(
    application: Application, tmp_path: Path
) -> None:
    lines = (application.directory / "data" / "a.jsonl").read_text().splitlines()[:20]
    data = tmp_path / "it's new.jsonl"
    data.write_text("\n".join(lines) + "\n")
    page = report_page(application.version(), data=data)
    words = shlex.split(page.tasks[0].command)
    assert words[2:] == [f"{application.directory}@{page.version}", "--task", page.tasks[0].task, "--data", str(data)]


@pytest.mark.long
def test_the_command_names_a_store_that_is_not_the_own_one_of_the_application(
    application: Application, tmp_path: Path
) -> None:
    store = tmp_path / "a store"
    shutil.copytree(application.directory / "store", store)
    page = report_page(overton.load(application.directory, store=str(store)).version())
    words = shlex.split(page.tasks[0].command)
    assert words[2:] == [
        *(f"{application.directory}@{page.version}", "--task", page.tasks[0].task),
        *("--store", str(store)),
    ]
    assert "--store" not in report_page(application.version()).tasks[0].command


def test_other_data_is_evaluated_and_named(application: Application, tmp_path: Path) -> None:
    lines = (application.directory / "data" / "a.jsonl").read_text().splitlines()[:20]
    (tmp_path / "new.jsonl").write_text("\n".join(lines) + "\n")
    page = report_page(application.version(), data=tmp_path / "new.jsonl")
    assert page.data.endswith("new.jsonl")
    assert page.comparison.comparison.records == 10
    assert not page.checks.stale


@pytest.fixture
def predicted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many records models are run on, call by call."""
    calls: list[int] = []
    run = Runtime.run

    def counted(runtime: Runtime, batch: Batch, **named: bool) -> dict[str, Predictions]:
        calls.append(batch.n_records)
        return run(runtime, batch, **named)

    monkeypatch.setattr(Runtime, "run", counted)
    return calls


def test_each_version_predicts_the_test_records_once_for_a_page(application: Application, predicted: list[int]) -> None:
    version = application.version()
    page = report_page(version)
    assert page.comparison
    assert any(task.examples for task in page.tasks)
    assert predicted == [40, 40]  # the live one and this


@pytest.mark.long
@pytest.mark.parametrize("tag", ["", "slice:odd & !slice:even"])
def test_what_a_report_has_predicted_is_not_predicted_again_for_its_page(
    tag: str, application: Application, tmp_path: Path, predicted: list[int]
) -> None:
    lines = (application.directory / "data" / "a.jsonl").read_text().splitlines()[:20]
    (tmp_path / "new.jsonl").write_text("\n".join(lines) + "\n")
    words = [
        "report",
        str(application.directory),
        "--data",
        str(tmp_path / "new.jsonl"),
        "--out",
        str(tmp_path / "out"),
    ]
    assert main([*words, "-q", "--html", str(tmp_path / "page.html"), *(["--tag", tag] if tag else [])]) == 0
    assert predicted == [20, 10]  # this one all that have gold, the live one the test records


@pytest.mark.long
def test_how_long_answers_take_is_measured_once_where_the_gate_asks_for_it(
    application: Application, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(application.directory, tmp_path / "app")
    (tmp_path / "app" / "gate.json").write_text('{"p99_ms": 1000}')
    measured: list[str] = []

    def counted(artifact: Artifact) -> dict[str, float]:
        measured.append(artifact.id)
        return latency_of(artifact)

    for place in ("overton.comparing", "overton.web.gather"):
        monkeypatch.setattr(f"{place}.latency_of", counted)
    version = overton.load(tmp_path / "app").version()
    page = report_page(version)
    assert measured == [version.id]
    assert page.lineage.latency == page.comparison.comparison.latency


def test_changed_data_is_told_and_a_changed_schema_is_none(tmp_path: Path) -> None:
    application = live_application(tmp_path / "app")
    schema, data = tmp_path / "app" / "schema.json", tmp_path / "app" / "data"
    page = report_page(application.version())
    assert not page.checks.stale
    changed = json.loads(schema.read_text())
    changed["tasks"]["Tone"] = {"payload": "query", "type": "multiclass", "classes": ["kind", "rude"]}
    schema.write_text(json.dumps(changed))
    page = report_page(overton.load(tmp_path / "app").version())
    assert not page.checks.stale
    assert not any("have changed" in note for note in page.notes)
    (data / "later.jsonl").write_text(json.dumps({"id": "r0", "tags": ["new"]}) + "\n")
    page = report_page(overton.load(tmp_path / "app").version())
    assert page.checks.stale
    assert "have changed since the build" in page.notes[-1]


def test_a_page_that_goes_on_without_bad_lines_has_all_that_rests_on_the_others(tmp_path: Path) -> None:
    application = live_application(tmp_path / "app")
    whole = report_page(application.version())
    (tmp_path / "app" / "data" / "bad.jsonl").write_text('{"id": "bad", "payloads": {"tokens": 7}}\n')
    page = report_page(replace(overton.load(tmp_path / "app").version(), max_bad=1))
    assert page.comparison is not None
    assert whole.comparison is not None
    assert page.checks.records == whole.checks.records
    assert page.comparison.worse == whole.comparison.worse
    assert [task.examples for task in page.tasks] == [task.examples for task in whole.tasks]
    assert page.sources == whole.sources


def test_an_artefact_by_itself_has_a_page(application: Application, tmp_path: Path) -> None:
    save_artifact(application.version().artifact, tmp_path / "artefact")
    from overton.application import find_version

    page = report_page(find_version(str(tmp_path / "artefact")))
    assert page.verdict.sentence.startswith("This version is in no store")
    assert (page.checks, page.history, page.application) == (None, None, "")
    assert [line.learned for line in page.sources] == [0.6]
    assert page.tasks[0].examples == ()


def test_records_that_got_worse_are_told_with_both_labels(application: Application) -> None:
    page = compare_page(application.version("live"), application.version())
    told = [example for worse in page.worse for example in worse.examples]
    assert told
    assert page.old_name == "live"
    for example in told:
        assert all(unit.before != unit.prediction and unit.prediction != unit.gold for unit in example.units)
        assert example.units


def test_the_commands_write_one_file_and_say_how_large_it_is(
    application: Application, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    app, report, compared = str(application.directory), tmp_path / "report.html", tmp_path / "compare.html"
    assert main(["report", app, "--html", str(report), "-q"]) == 0
    told = capsys.readouterr()
    assert f"{report}: {report.stat().st_size / 1000:,.0f} kB" in told.err
    assert "Intent" in told.out
    status = main(["compare", f"{app}@live", app, "--html", str(compared), "--json", "-q"])
    assert json.loads(capsys.readouterr().out)["refused"] == [] if status == 0 else status == 1
    assert compared.read_text().startswith("<!doctype html>")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["compare.html", "report.html"]


@pytest.mark.parametrize("command", ["report", "compare"])
def test_a_page_takes_the_place_of_no_other_file(
    command: str, application: Application, capsys: pytest.CaptureFixture[str]
) -> None:
    schema = application.directory / "schema.json"
    versions = [str(application.directory)] * (1 if command == "report" else 2)
    assert main([command, *versions, "--html", str(schema)]) == 1
    assert "[web.not-html]" in capsys.readouterr().err
    assert schema.read_text() == SCHEMA
