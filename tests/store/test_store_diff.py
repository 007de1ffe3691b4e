import json
from typing import Any

from overton.artifact import Artifact
from overton.store import Store, VersionDiff, diff_versions
from overton.store.render import render_bytes, render_diff, render_history, render_swept
from tests.stores import NOON, promote, put
from tests.tiny_artifact import tiny_artifact

LINEAGE = {
    "data": {"files": {"a.jsonl": "1" * 64, "b.jsonl": "2" * 64}, "records": 100},
    "splits": {"train": 80, "test": 20},
    "tags": {"train": {"slice:rare": 7}},
    "sources": {"Intent": {"crowd": 0.8012, "rule": 0.6}},
    "seed": 0,
    "label_models": {"Intent": "dawid_skene"},
}
ROW = {"task": "Intent", "split": "test", "metric": "accuracy", "low": 0.5, "high": 0.9, "n": 20}
REPORT = {
    "main_metric": {"Intent": "accuracy"},
    "rows": [
        ROW | {"tag": "*", "value": 0.75},
        ROW | {"tag": "slice:rare", "value": 0.5},
        ROW | {"tag": "*", "value": 0.1, "split": "dev"},
        ROW | {"tag": "*", "value": 0.2, "metric": "macro_f1"},
    ],
}


def artifact(lineage: dict[str, Any] = {}, report: dict[str, Any] | None = None, **files: Any) -> Artifact:  # noqa: B006
    told = {"lineage.json": LINEAGE | lineage, "report.json": report or REPORT}
    told |= {f"{name}.json": value for name, value in files.items()}
    return Artifact({**tiny_artifact().files, **{name: json.dumps(value).encode() for name, value in told.items()}})


def differences(old: Artifact, new: Artifact, part: str) -> dict[str, tuple[Any, Any, str]]:
    return {found.field: (found.old, found.new, found.note) for found in diff_versions(old, new).part(part)}


def test_versions_of_the_same_inputs_differ_in_nothing():
    assert diff_versions(artifact(), artifact({"timings": {"train": 3.0}})).differences == ()
    assert "nothing but their timings" in render_diff(diff_versions(artifact(), artifact()))


def test_files_that_came_went_and_were_edited_are_named_with_the_counts():
    data = {"files": {"a.jsonl": "3" * 64, "c.jsonl": "2" * 64}, "records": 120}
    new = artifact({"data": data, "splits": {"train": 100, "test": 20}, "tags": {"train": {"slice:rare": 9}}})
    found = differences(artifact(), new, "data")
    assert {name: note for name, (_, _, note) in found.items() if note} == {
        "a.jsonl": "was edited",
        "b.jsonl": "is gone",
        "c.jsonl": "is new",
    }
    assert (found["records"][:2], found["splits.train"][:2]) == ((100, 120), (80, 100))
    assert found["train slice:rare"][:2] == (7, 9)


def test_sources_are_told_by_what_was_learned_of_them():
    new = artifact({"sources": {"Intent": {"crowd": 0.8013, "model": 0.9}}})
    assert differences(artifact(), new, "sources") == {
        "Intent model": (None, 0.9, "is new"),
        "Intent rule": (0.6, None, "is gone"),
    }


def test_choices_are_told_leaf_by_leaf():
    old, new = ({"training": {"epochs": epochs, "dropout": 0.3}, "slices": "off"} for epochs in (10, 20))
    assert differences(artifact(choices=old), artifact(choices=new), "choices") == {"training.epochs": (10, 20, "")}


def test_quality_is_the_main_metric_on_test_largest_change_first():
    rows = [ROW | {"tag": "*", "value": 0.8}, ROW | {"tag": "slice:rare", "value": 0.9, "n": 30}]
    found = diff_versions(artifact(), artifact(report=REPORT | {"rows": rows})).part("quality")
    assert [(row.field, row.old, row.new, row.note) for row in found] == [
        ("Intent accuracy slice:rare", 0.5, 0.9, "n 20 -> 30"),
        ("Intent accuracy *", 0.75, 0.8, "n 20"),
    ]


def test_a_schema_is_told_by_its_changes_and_whom_they_break():
    signature = json.loads(tiny_artifact().files["signature.json"])
    signature["payloads"]["tokens"]["max_length"] = 99
    (found,) = diff_versions(artifact(), artifact(signature=signature)).part("schema")
    assert found.note.endswith("(compatible)")


def test_what_others_have_written_moves_no_cursor():
    store_text = render_diff(
        VersionDiff("a", "b", diff_versions(artifact(), artifact({"seed": "\x1b[2J"})).differences)
    )
    assert "\x1b" not in store_text
    assert "lineage" not in store_text
    assert "build" in store_text


def test_a_history_is_a_table_newest_first(tmp_path):
    store = Store(str(tmp_path))
    first, second = put(store, 0), put(store, 1)
    promote(store, "live", first, None, "first")
    store.promote("live", second, who="bob", when=NOON, why="ticket 7", expected=first, forced=True)
    lines = render_history(store.history("live")).splitlines()
    assert [line.split()[1] for line in lines[1:]] == [second, first]
    assert "forced" in lines[1]
    assert "2 versions" not in render_swept(store.gc(keep=0, who="ann", when=NOON))


def test_sizes_are_told_as_people_read_them():
    sizes = (0, 999, 1000, 33_846_831, 5 * 10**12)
    assert [render_bytes(size) for size in sizes] == ["0 bytes", "999 bytes", "1.0 kB", "33.8 MB", "5000.0 GB"]
