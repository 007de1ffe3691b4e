"""A version as Python sees it: places given as texts, one tag given as it is, and classes that came after the build."""

import json
import random
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import overton
from overton import Version
from overton.application import Application, find_version
from overton.base import OvertonError
from overton.cli.main import main
from overton.web import report_page
from tests.kinds import make_record
from tests.tiny_artifact import tiny_artifact


@pytest.fixture
def application(kinds_application: Application, tmp_path: Path) -> Application:
    """A copy, to be written to."""
    return overton.load(shutil.copytree(kinds_application.directory, tmp_path / "app"))


@pytest.fixture
def file(application: Application, tmp_path: Path) -> str:
    """Some records of the application, as a file elsewhere."""
    lines = (application.directory / "data" / "records.jsonl").read_text().splitlines()
    path = tmp_path / "others.jsonl"
    path.write_text("\n".join(line for line in lines if '"test"' in line))
    return str(path)


@pytest.mark.long
def test_a_place_may_be_a_text(application: Application, file: str, tmp_path: Path) -> None:
    version = application.version()
    evaluation = version.evaluate(file)
    n = evaluation.report.row("Record", "test", "*", "accuracy").n
    assert n > 20
    assert version.errors("Record", data=file).n_records == n
    assert {page.task for page in version.discover("Record", data=file)} == {"Record"}
    assert version.drift(file).n >= n
    assert version.compare(version, file).records >= n
    assert version.report_directory(file) == version.report_directory(Path(file))
    evaluation.save(str(tmp_path / "report"))
    assert (tmp_path / "report" / "report.json").exists()
    assert application.combine(str(tmp_path / "combined.jsonl")) > 0
    assert application.check(quarantine=str(tmp_path / "bad.jsonl")).problems == ()
    assert version.predict_file(file, str(tmp_path / "said.jsonl")) >= n
    assert version.predict_files(Path(file), tmp_path / "said", on="local:1").counts.records >= n


def test_one_tag_may_be_a_text(application: Application, file: str) -> None:
    version = application.version()
    page = version.errors("Record", tags="slice:big")
    assert page == version.errors("Record", tags=["slice:big"])
    assert 0 < page.n_records < version.errors("Record").n_records
    tag = "slice:big & test"
    assert version.evaluate(file, tags=tag).report.row("Record", "test", tag, "accuracy").n == page.n_records
    assert version.discover("Record", splits="test", tags="slice:big")[0].n == page.n_records
    assert version.compare(version, tags=tag).records


def test_a_version_that_may_leave_out_bad_lines_does_so_wherever_it_reads(application: Application, file: str) -> None:
    n_records = len(Path(file).read_text().splitlines())
    with Path(file).open("a") as text:
        text.write("\n{")
    version = application.version()
    with pytest.raises(OvertonError, match="too-many-bad"):
        version.records(file)
    assert replace(version, max_bad=1).records(file)[0].n_records == n_records


def test_another_version_is_named_by_id_or_alias(application: Application) -> None:
    version = application.version()
    version.promote("live")
    assert version.compare("live").old == version.id
    assert version.compare(version.id[:6]).old == version.id
    with pytest.raises(OvertonError, match=r"store\.unknown-version"):
        version.compare("lve")
    with pytest.raises(OvertonError, match=r"application\.no-store"):
        Version(version.id, version.artifact, version.home).compare("live")


@pytest.mark.long
def test_a_class_labelled_after_the_build_is_no_fault(
    application: Application,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The version never says it, so it is wrong there, and goes on to be judged, watched and served."""
    version = application.version()
    before = version.evaluate().report.row("Record", "test", "*", "accuracy")
    new = make_record(1, random.Random(3))
    new |= {"id": "new", "tags": ["test", "slice:big", "lang:en"], "tasks": {"Record": {"gold": "turquoise"}}}
    path = application.directory / "data" / "new.jsonl"
    path.write_text(json.dumps(new) + "\n")
    now = version.evaluate().report.row("Record", "test", "*", "accuracy")
    assert (now.n, round(now.value * now.n)) == (before.n + 1, round(before.value * before.n))
    alone = version.evaluate(path).report.row("Record", "test", "*", "accuracy")
    assert (alone.n, alone.value) == (1, 0.0)
    tag = "slice:big & lang:en"
    assert version.evaluate(tags=[tag]).report.row("Record", "test", tag, "accuracy").n == 1
    assert version.errors("Record", data=path).records[0].units[0].gold == "turquoise"
    assert version.drift(path).n == 1
    monkeypatch.chdir(tmp_path)
    assert Version(version.id, version.artifact).drift(str(path)).n == 1, "outside of an application too"
    assert set(version.predict([new])[0]) == set(version.predict([{"payloads": new["payloads"]}])[0])
    name = f"{application.directory}@{version.id}"
    for words in (["predict", name, str(path), str(tmp_path / "said.jsonl")], ["report", name, "--data", str(path)]):
        assert main([*words, "-q"]) == 0, capsys.readouterr().err
    assert main(["report", name, "--tag", tag, "-q"]) == 0


def change_schema(application: Application) -> None:
    """Another length of a payload, a task more and one less; records have labels of a new class and of that task."""
    schema = json.loads((application.directory / "schema.json").read_text())
    schema["payloads"]["tokens"]["max_length"] = 5
    schema["tasks"]["New"] = {"payload": "query", "type": "multiclass"}
    del schema["tasks"]["Title"]
    (application.directory / "schema.json").write_text(json.dumps(schema))
    path = application.directory / "data" / "records.jsonl"
    records = [json.loads(line) for line in path.read_text().splitlines()]
    for record in records:
        record.setdefault("tasks", {}).pop("Title", None)
        record["tasks"]["New"] = {"rule": "a"}
    records[2]["tasks"] |= {"Record": {"rule": "turquoise"}}
    path.write_text("".join(json.dumps(record) + "\n" for record in records))


@pytest.mark.long
def test_a_version_whose_payloads_have_changed_reads_labels_of_classes_and_tasks_that_came_since(
    application: Application,
) -> None:
    version = application.version()
    n_records = version.errors("Record").n_records
    change_schema(application)
    assert version.errors("Record").n_records == n_records
    assert version.errors("Title").n_records == 0
    assert version.discover("Record")[0].n > 0
    n_records = overton.load(application.directory).dataset().n_records
    assert version.drift(application.directory / "data" / "records.jsonl").n == n_records


@pytest.mark.long
@pytest.mark.parametrize("is_linked", [False, True])
def test_a_version_reads_records_with_payloads_that_came_since(application: Application, is_linked: bool) -> None:
    version = overton.load(application.directory).version()
    before = [one.id for one in version.errors("Record").records]
    schema = json.loads((application.directory / "schema.json").read_text())
    schema["payloads"] |= {"words": {"type": "sequence"}, "spans": {"type": "set", "range": "words"}}
    schema["payloads"]["both"] = {"type": "singleton", "base": ["words", "query"]}
    if is_linked:
        schema["payloads"]["query"]["base"].append("words")
    schema["tasks"]["Word"] = {"payload": "words", "type": "multiclass"}
    schema["tasks"]["Both"] = {"payload": "both", "type": "multiclass"}
    (application.directory / "schema.json").write_text(json.dumps(schema))
    path = application.directory / "data" / "records.jsonl"
    records = [json.loads(line) for line in path.read_text().splitlines()]
    for record in records:
        record["payloads"] |= {"words": ["a", "b"] * 50, "spans": [{"id": "u", "range": [0, 1]}]}
        record.setdefault("tasks", {}).update({"Word": {"rule": ["x", "y"] * 50}, "Both": {"rule": "z"}})
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    assert [one.id for one in version.errors("Record").records] == before
    assert version.discover("Record")[0].n > 0
    assert version.drift(path).n == len(records)
    checks = report_page(version).checks
    assert checks is not None
    assert checks.records == len(records)
    assert "schema.unread-payload" not in {finding.code for finding in checks.findings}  # it lacks those that are new
    where = "predicted.Record IS NOT NULL AND n_words = 100"
    pytest.importorskip("duckdb")
    assert overton.load(application.directory).tag("slice:a", where, version=version).ids


@pytest.mark.long
def test_tags_are_written_by_predictions_of_a_version_of_another_schema(application: Application) -> None:
    pytest.importorskip("duckdb")
    version = overton.load(application.directory).version()
    change_schema(application)
    application = overton.load(application.directory)
    found = application.tag("slice:a", "predicted.Record = 'red' AND predicted.Title = 'long'", version=version)
    assert 0 < len(found.ids) < application.dataset().n_records
    schema = json.loads((application.directory / "schema.json").read_text())
    schema["tasks"] = {name: task for name, task in schema["tasks"].items() if task["payload"] != "title"}
    del schema["payloads"]["title"]
    for payload in schema["payloads"].values():
        payload["base"] = [name for name in payload.get("base", ()) if name != "title"]
    (application.directory / "schema.json").write_text(json.dumps(schema))
    path = application.directory / "data" / "records.jsonl"
    records = [json.loads(line) for line in path.read_text().splitlines()]
    for record in records:
        record.get("payloads", {}).pop("title", None)
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    application = overton.load(application.directory)
    assert application.tag("slice:a", "predicted.Record = 'red'", version=version).ids
    with pytest.raises(OvertonError, match="Title"):  # nothing is known of its payload
        application.tag("slice:a", "predicted.Title = 'long'", version=version)


@pytest.mark.long
def test_lines_with_faults_are_left_out_of_a_tag_by_predictions_of_a_version_of_another_schema(
    application: Application,
) -> None:
    pytest.importorskip("duckdb")
    version = overton.load(application.directory).version()
    change_schema(application)
    application = overton.load(application.directory)
    where = "predicted.Record = 'red'"
    found = application.tag("slice:a", where, version=version).ids
    path = application.directory / "data" / "records.jsonl"
    records = [json.loads(line) for line in path.read_text().splitlines()]
    tagged = next(record for record in records if record["id"] == found[0])
    tagged["tasks"]["Token"] = {"rule": ["none", "of", "the", "tokens", "that", "there", "are"] * 9}  # a fault
    path.write_text("".join(json.dumps(record) + "\n" for record in records) + "{bad\n")
    assert application.tag("slice:a", where, version=version, max_bad=2).ids == found[1:]
    with pytest.raises(OvertonError, match="2 bad lines, where at most 1"):
        application.tag("slice:a", where, version=version, max_bad=1)


def test_a_record_that_a_version_of_another_schema_cannot_read_gets_no_tag(application: Application) -> None:
    pytest.importorskip("duckdb")
    version = overton.load(application.directory).version()
    schema = json.loads((application.directory / "schema.json").read_text())
    schema["tasks"]["Title"] = {"payload": "title", "type": "bitvector"}
    (application.directory / "schema.json").write_text(json.dumps(schema))
    path = application.directory / "data" / "records.jsonl"
    records = [json.loads(line) for line in path.read_text().splitlines()]
    for record in records:
        record.setdefault("tasks", {}).pop("Title", None)
    records[0]["tasks"]["Title"] = {"rule": ["long", "red"]}  # one class alone when the version was built
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    application = overton.load(application.directory)
    found = application.tag("slice:a", "predicted.Record IS NOT NULL", version=version, max_bad=1).ids
    assert found
    assert records[0]["id"] not in found


def test_what_is_no_list_of_records_is_told(application: Application) -> None:
    version = application.version()
    record = {"payloads": make_record(1, random.Random(3))["payloads"]}
    for given in (record, "text", None, pd.DataFrame([record])):
        with pytest.raises(OvertonError, match=r"expected a list of records, got .*\[record\.not-a-list\]"):
            version.predict(given)
    with pytest.raises(OvertonError) as raised:
        version.predict([record, {"payload": {}}, record, {"payloads": {"nothing": 1}}])
    assert {problem.path for problem in raised.value.problems} == {"records[1]", "records[3]"}
    assert len(version.predict(one for one in [record, record])) == 2


def test_records_in_place_of_a_file_of_them_are_told(application: Application) -> None:
    version = application.version()
    records = [{"payloads": make_record(1, random.Random(3))["payloads"]}]
    for ask in (version.drift, version.evaluate, lambda data: version.errors("Record", data=data)):
        with pytest.raises(OvertonError, match=r"from a data file or a folder, got list.*\[application.no-file\]"):
            ask(records)


def test_arrays_are_lists_and_what_json_lacks_is_told(application: Application) -> None:
    version = application.version()
    payloads = make_record(1, random.Random(3))["payloads"]
    name = next(name for name, value in payloads.items() if isinstance(value, list) and isinstance(value[0], str))
    arrays = {**payloads, name: np.array(payloads[name])}
    assert version.predict([{"payloads": arrays}]) == version.predict([{"payloads": payloads}])
    with pytest.raises(OvertonError, match=r"records\[1\]: not a JSON value: .*'?complex"):
        version.predict([{"payloads": payloads}, {"payloads": {**payloads, name: [1j]}}])


def test_names_of_splits_tags_and_outputs_are_checked(application: Application, tmp_path: Path) -> None:
    version = application.version()
    with pytest.raises(OvertonError, match=r"no split 'tset'. Did you mean 'test'\?"):
        version.errors("Record", split="tset")
    with pytest.raises(OvertonError, match="no split 'tset'"):
        version.discover(splits="tset")
    for most in ({"limit": -1}, {"annotate": -1}, {"limit": "2"}):
        with pytest.raises(OvertonError, match=r"expected a whole number, 0 or more.*\[review.bad-limit\]"):
            version.errors("Record", **most)
    with pytest.raises(OvertonError, match=r"`limit` is -1, .*\[review.bad-limit\]"):
        version.discover(limit=-1)
    assert version.errors("Record", limit=0, annotate=0).records == ()
    assert "slice:big" in {row.tag for row in application.source_report("Record", tags="slice:big").rows}
    with pytest.raises(OvertonError, match=r"predict_file.*Name a folder.*\[batch.output-not-folder\]"):
        version.predict_files(application.directory / "data" / "records.jsonl", tmp_path / "out.jsonl")


def test_a_parent_may_be_named(application: Application, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[str] = []

    def build_version(*_, parent, **__):
        given.append(parent.id)
        raise KeyboardInterrupt

    monkeypatch.setattr("overton.building.build_version", build_version)
    with pytest.raises(KeyboardInterrupt):
        application.build(parent="latest")
    assert given == [application.version().id]
    with pytest.raises(OvertonError, match=r"store\.unknown-version"):
        application.build(parent="lve")


def test_a_store_shows_where_it_is(application: Application) -> None:
    assert repr(application.store) == f"Store({application.store_url!r})"


def test_the_hint_of_a_folder_that_is_no_application_leads_somewhere(tmp_path: Path) -> None:
    with pytest.raises(OvertonError, match=r"`overton init .*new` writes one to start from"):
        overton.load(tmp_path / "new")
    (tmp_path / "notes.txt").write_text("")
    for taken in (tmp_path, tmp_path / "notes.txt"):  # `init` would refuse
        with pytest.raises(OvertonError, match=r"`overton init DIR` writes one into a new folder"):
            overton.load(taken)


def test_the_hint_of_a_folder_that_is_no_application_names_one_that_is_near(
    application: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = application.directory
    with pytest.raises(OvertonError, match=f"Did you mean '{place}', the application that it lies in"):
        overton.load(place / "data")
    monkeypatch.chdir(place)
    for opened in (overton.load, find_version):
        with pytest.raises(OvertonError, match=r"The folder that you are in is an application: it is called `\.`"):
            opened(place.name)


def test_a_report_on_data_of_the_longest_name_that_there_is_has_a_place(tmp_path: Path) -> None:
    artifact = tiny_artifact()
    Version(artifact.id, artifact, tmp_path).report_directory(f"{'n' * 249}.jsonl").mkdir(parents=True)
