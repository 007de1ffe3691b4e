import json

import obstore
import pytest

from overton.cli.main import main

ROW = {"task", "source", "split", "coverage", "overlap", "conflict", "estimated_accuracy", "gold_accuracy", "n"}


@pytest.fixture
def sources(kinds_application, capsys):
    """Runs `overton sources` on the application with every kind of task: status, stdout, stderr."""

    def run(*words):
        status = main(["sources", str(kinds_application.directory), "-q", *words])
        said = capsys.readouterr()
        return status, said.out, said.err

    return run


def test_the_document_holds_rows_classes_slices_and_warnings(sources):
    status, out, _ = sources("--json", "--task", "Token")
    document = json.loads(out)
    assert status == 0
    assert document.keys() == {"rows", "classes", "slices", "warnings", "weighed"}
    assert all(row.keys() >= ROW and row["tag"] == "*" for row in document["rows"])
    assert {row["slice"] for row in document["slices"]} == {"slice:big"}
    assert {row["class"] for row in document["classes"]} == {"O", "fruit"}


def test_sources_are_compared_with_the_version_before(sources):
    rows = json.loads(sources("--json")[1])["rows"]
    changes = {row["estimated_change"] for row in rows if row["source"] == "rule"}
    assert changes == {0.0}


def test_of_the_version_before_the_lineage_alone_is_read(sources, kinds_application, monkeypatch):
    read, get = [], obstore.get
    monkeypatch.setattr(obstore, "get", lambda store, path: read.append(path) or get(store, path))
    lineage = kinds_application.version().artifact.manifest.files["lineage.json"].sha256
    read.clear()
    assert sources("--json")[0] == 0
    assert [path for path in read if path.startswith("blobs/")] == [f"blobs/sha256/{lineage}"]


def test_tags_have_rows_where_they_are_asked_for(sources):
    rows = json.loads(sources("--json", "--tag", "slice:big")[1])["rows"]
    assert {row["tag"] for row in rows} == {"*", "slice:big"}
    assert json.loads(sources("--json", "--tags")[1])["rows"] == rows
    assert "slice:big" in sources("--tag", "slice:big", "--task", "Record")[1]
    status, _, err = sources("--tag", "slice:bgi")
    assert status == 1
    assert "Did you mean 'slice:big'?" in err


def test_a_record_is_explained_vote_by_vote(sources):
    status, out, _ = sources("--record", "r5")
    assert status == 0
    assert out.startswith("record r5\n")
    assert all(f"\n{task}: " in out for task in ("Record", "RecordBits", "Token", "Member", "Title"))
    document = json.loads(sources("--record", "r5", "--task", "Record", "--json")[1])
    (task,) = document["tasks"]
    (unit,) = task["units"]
    for label, score in unit["score"].items():
        parts = unit["prior"][label] + sum(vote["adds"][label] for vote in unit["votes"])
        assert parts == pytest.approx(score)


def test_an_unknown_record_is_refused_with_the_nearest(sources):
    status, _, err = sources("--record", "r55555")
    assert status == 1
    assert "no record has the id 'r55555'. Did you mean 'r" in err
    assert "[sources.unknown-record]" in err


@pytest.mark.long
def test_every_record_can_be_explained(kinds_application):
    ids = kinds_application.dataset().ids(range(kinds_application.dataset().n_records))
    for record_id in [*ids[:3], *ids[-7:]]:
        lineage = kinds_application.explain_record(record_id)
        assert json.dumps(lineage.to_json())
