"""The page of errors: which they are, in which order, what it says of sources, and what there is to annotate."""

import gzip
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

import overton
from overton.application import Application
from overton.base import OvertonError, width_of
from overton.cli.main import main
from overton.codec import Predictions
from overton.combining import combine_votes
from overton.compile import SupervisionSettings
from overton.data import GOLD, gold_of
from overton.pipeline import predict_rows
from overton.review.annotate import Candidate, candidates, reading, uncertain_rows
from overton.review.errors import ErrorPage, RecordError, UnitError, find_errors
from overton.review.labels import agrees
from overton.review.render import render_errors
from overton.schema import Task
from overton.supervision import PairOfSources
from overton.version import Version

TASKS = ("Record", "RecordBits", "Token", "TokenBits", "Member", "MemberBits", "Pick", "Title")


@pytest.fixture(scope="module")
def spoilt(kinds_application: Application, tmp_path_factory: pytest.TempPathFactory) -> Application:
    """The application with its version, and gold on dev and test that the version cannot have learned."""
    directory = tmp_path_factory.mktemp("spoilt") / "app"
    shutil.copytree(kinds_application.directory, directory)
    lines = (directory / "data" / "records.jsonl").read_text().splitlines()
    changed = {"red": "other", "other": "red", "short": "long", "long": "short", "fruit": "O", "O": "fruit"}
    records = [json.loads(line) for line in lines]
    for number, record in enumerate(records):
        said = record.get("tasks", {})
        if number % 3 == 1 and "gold" in said.get("Record", {}):
            said["Record"]["gold"] = changed[said["Record"]["gold"]]
            said["Title"]["gold"] = changed[said["Title"]["gold"]]
            said["Token"]["gold"] = [changed[said["Token"]["gold"][0]], *said["Token"]["gold"][1:]]
            said["TokenBits"]["gold"] = [["colour"] if not bits else [] for bits in said["TokenBits"]["gold"]]
    (directory / "data" / "records.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    return overton.load(directory)


@pytest.fixture(scope="module")
def version(spoilt: Application) -> Version:
    """The version, whose model is loaded once."""
    return spoilt.version()


@pytest.mark.parametrize("task", TASKS)
def test_the_errors_are_the_units_that_are_not_as_gold_says(task: str, spoilt: Application, version: Version) -> None:
    dataset = spoilt.dataset()
    page = version.errors(task, limit=10_000, annotate=0)
    pointed_to = "tokens" if task in ("Member", "MemberBits", "Pick") else ""
    assert {record.range for record in page.records} <= {pointed_to}
    rows = dataset.splits.test
    said, gold = predict_rows(dataset, version.runtime, rows)[task], gold_of(dataset.votes(task, [GOLD]))
    expected = {}
    for place, (row, name) in enumerate(zip(rows.tolist(), dataset.ids(rows), strict=True)):
        own, true = (slice(*part.offsets[[at, at + 1]].tolist()) for part, at in ((said, place), (gold, row)))
        wrong = gold.known[true] & (said.label[own] != gold.label[true]).reshape(own.stop - own.start, -1).any(axis=1)
        if wrong.any():
            expected[name] = np.flatnonzero(wrong).tolist()
    assert {record.id: [unit.unit for unit in record.units] for record in page.records} == expected
    assert (page.n_wrong_records, page.n_wrong_units) == (len(expected), sum(map(len, expected.values())))
    assert [record.probability for record in page.records] == sorted(
        (record.probability for record in page.records), reverse=True
    )


def test_an_error_tells_what_every_source_says_of_it(version: Version) -> None:
    record = version.errors("Record", split="all", annotate=0).records[0]
    unit = record.units[0]
    assert unit.votes["rule"] in ("red", "other")
    assert unit.votes["crowd"] == {"other": 0.5, "red": 0.5}
    assert unit.prediction != unit.gold
    assert unit.probability == record.probability
    assert sum(unit.combined.values()) == pytest.approx(1, abs=0.02)


def test_a_source_that_errs_with_the_version_is_told_first(version: Version) -> None:
    page = version.errors("Title", annotate=0)
    assert page.n_wrong_units
    assert [row.source for row in page.sources] == ["rule"]
    assert page.sources[0].right + page.sources[0].same == pytest.approx(1)


def test_a_source_that_cannot_tell_says_neither_what_gold_says_nor_what_the_version_says(version: Version) -> None:
    page = version.errors("Record", annotate=0)
    assert all(unit.votes["crowd"] == {"other": 0.5, "red": 0.5} for record in page.records for unit in record.units)
    assert [row.source for row in page.sources] == ["rule"]


def test_tags_and_splits_choose_the_records(version: Version) -> None:
    whole, dev = version.errors("Token", annotate=0), version.errors("Token", split="dev", annotate=0)
    big = version.errors("Token", tags=["slice:big"], limit=10_000, annotate=0)
    assert big.n_records < whole.n_records
    assert all("slice:big" in record.tags for record in big.records)
    assert {record.id for record in dev.records}.isdisjoint(record.id for record in whole.records)
    for tags, split, code in ((["slice:bgi"], "test", "review.unknown-tag"), (["dev"], "test", "review.no-records")):
        with pytest.raises(OvertonError) as caught:
            version.errors("Token", tags=tags, split=split)
        assert caught.value.problems[0].code == code
    with pytest.raises(OvertonError, match="Did you mean 'Token'"):
        version.errors("Tokens")


@pytest.mark.parametrize(("labelled", "told"), [(True, "none of its classes"), (False, "nobody labels it")])
def test_no_class_that_is_likely_is_not_the_same_as_no_label(labelled: bool, told: str) -> None:
    one = Candidate("r", "a text", 0, "a", {}, {"title": 0.5}, 0.5, 2, listed=True, labelled=labelled)
    assert f"combined: {told}\n" in reading("Bits", [one])


def test_what_to_annotate_is_training_data_without_gold_that_is_uncertain(
    spoilt: Application, version: Version
) -> None:
    page = version.errors("Record", annotate=20)
    dataset = spoilt.dataset()
    train = set(dataset.ids(dataset.splits.train))
    assert page.annotate
    assert all(one.id in train for one in page.annotate)
    promises = [one.promise for one in page.annotate]
    assert promises == sorted(promises, reverse=True)
    assert len({one.text for one in page.annotate if one.text}) == len([one for one in page.annotate if one.text])


@pytest.mark.long
@pytest.mark.parametrize("task", ["RecordBits", "Token", "Pick"])
def test_a_skeleton_is_a_data_file_without_faults(task: str, spoilt: Application, tmp_path: Path) -> None:
    directory = tmp_path / "app"
    shutil.copytree(spoilt.directory, directory)
    skeleton = directory / "data" / "zz_gold.jsonl"
    assert main(["errors", str(directory), "--task", task, "--annotate", str(skeleton), "-q", "--limit", "2"]) == 0
    assert skeleton.stat().st_size
    assert skeleton.with_name("zz_gold.jsonl.txt").read_text().startswith(f"{task}: ")
    outcome = overton.load(directory).check()
    assert outcome.problems == ()


def test_a_skeleton_asked_for_again_keeps_what_is_filled_in_and_adds_what_it_lacks(
    spoilt: Application, tmp_path: Path
) -> None:
    skeleton, beside = tmp_path / "gold.jsonl.gz", tmp_path / "gold.jsonl.gz.txt"

    def annotate(most: int) -> list[dict]:
        words = ["errors", str(spoilt.directory), "--task", "Pick", "--annotate", str(skeleton), "-q"]
        assert main([*words, "--annotations", str(most)]) == 0
        return [json.loads(line) for line in gzip.decompress(skeleton.read_bytes()).splitlines()]

    first, *others = annotate(3)
    assert len(others) == 2
    filled = {"id": first["id"], "tasks": {"Pick": {"ann": 1}}}
    skeleton.write_bytes(gzip.compress(b"\n".join(json.dumps(line).encode() for line in (filled, *others))))
    again = annotate(5)
    assert again[:3] == [filled, *others]
    assert len({line["id"] for line in again}) == len(again) == 5
    numbered = [line for line in beside.read_text().splitlines() if re.match(r"\d+\. ", line)]
    assert numbered == [f"{number}. {line['id']}" for number, line in enumerate(again, 1)]
    before = skeleton.read_bytes()
    assert annotate(5) == again
    assert skeleton.read_bytes() == before


@pytest.mark.parametrize(
    ("place", "code"),
    [
        ("data/records.jsonl", "review.other-file"),
        ("data/votes.jsonl", "review.other-file"),
        ("schema.json", "review.other-file"),
        ("tuning.json", "review.other-file"),
        ("gate.json", "application.output-is-input"),
        ("data/other.jsonl", "review.other-file"),
        ("notes", "review.other-file"),
        ("gold.txt", "data.output-name"),
    ],
)
def test_a_skeleton_replaces_nothing(
    place: str, code: str, spoilt: Application, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    app = Path(shutil.copytree(spoilt.directory, tmp_path / "app"))
    (app / "data" / "votes.jsonl").write_text('{"id": "r1", "tasks": {"Pick": {"crowd": 0}}}\n')
    (app / "data" / "other.jsonl").write_text('{"id": "r1", "tasks": {"Record": {"gold": null}}}\n')
    (app / "notes.txt").write_text("mine")
    before = {path: path.read_bytes() for path in app.rglob("*") if path.is_file() and ".overton" not in path.parts}
    assert main(["errors", str(app), "--task", "Pick", "--annotate", str(app / place), "-q"]) == 1
    assert f"[{code}]" in capsys.readouterr().err
    after = {path: path.read_bytes() for path in app.rglob("*") if path.is_file() and ".overton" not in path.parts}
    assert after == before


def test_a_skeleton_is_two_files_and_not_stdout(
    spoilt: Application, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["errors", str(spoilt.directory), "--task", "Pick", "--annotate", "-", "-q"]) == 1
    assert "[data.output-name]" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.long
def test_the_page_fits_a_terminal_and_is_told_as_json(
    spoilt: Application, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    for task in ("TokenBits", "Title"):
        assert main(["errors", str(spoilt.directory), "--task", task, "-q"]) == 0
        printed = capsys.readouterr().out
        assert max(map(len, printed.splitlines())) <= 80
        assert printed.startswith(f"{task} on test: ")
    assert main(["errors", str(spoilt.directory), "--task", "Pick", "--split", "all", "--json", "-q"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["task"] == "Pick"
    assert {"n_wrong_units", "records", "sources", "pairs", "annotate"} <= set(told)


def test_the_errors_are_a_frame_in_one_call(version: Version) -> None:
    page = version.errors("Token", annotate=0)
    frame = page.to_pandas()
    assert len(frame) == sum(len(record.units) for record in page.records)
    assert list(frame.columns[:4]) == ["id", "unit", "text", "prediction"]


def test_a_version_outside_an_application_needs_records(version: Version, tmp_path: Path) -> None:
    from overton.artifact.files import save_artifact

    save_artifact(version.artifact, tmp_path / "alone")
    alone = overton.application.find_version(str(tmp_path / "alone"))
    with pytest.raises(OvertonError, match="lies in no application"):
        alone.errors("Record")


def test_what_a_trusted_source_labelled_is_not_asked_for_again(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    schema = {
        "payloads": {"tokens": {"type": "sequence"}},
        "tasks": {"Kind": {"payload": "tokens", "type": "multiclass", "classes": ["a", "b"]}},
    }
    (tmp_path / "schema.json").write_text(json.dumps(schema))
    said = {"alice": ["a", None], "rule 1": ["b", "a"], "rule 2": ["b", "b"]}
    lines = [
        {"id": f"r{number}", "payloads": {"tokens": ["x", f"y{number}"]}, "tasks": {"Kind": said}}
        for number in range(5)
    ]
    (tmp_path / "data" / "records.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    dataset = overton.load(tmp_path).dataset()
    combined = combine_votes(dataset, "Kind", supervision=SupervisionSettings(trusted=("alice",)))
    rows, task = np.arange(5), dataset.schema.task("Kind")
    label = np.array([1, 0] * 5, np.int32)  # the version says what the rules do, and surely
    probability = np.array([[0.01, 0.99], [0.6, 0.4]] * 5, np.float32)
    found = candidates(dataset, combined, rows, Predictions(task, np.arange(6) * 2, probability, label), 9)
    assert len(found) == 5
    assert {one.unit for one in found} == {1}


def test_nobody_is_asked_for_a_record_that_has_gold_in_whatever_split_it_stands(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    task = {"payload": "text", "type": "multiclass", "classes": ["a", "b"]}
    schema = {"payloads": {"text": {"type": "singleton"}}, "tasks": {"Kind": task}}
    (tmp_path / "schema.json").write_text(json.dumps(schema))
    said = {"rule 1": "a", "rule 2": "b"}
    lines = [
        {"id": f"r{number}", "payloads": {"text": "t"}, "tags": ["test"], "tasks": {"Kind": {**said, **gold}}}
        for number, gold in enumerate(({"gold": "a"}, {}))
    ]
    (tmp_path / "data" / "records.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    dataset = overton.load(tmp_path).dataset()
    assert uncertain_rows(dataset, combine_votes(dataset, "Kind"), np.arange(2)).tolist() == [1]


def test_nobody_is_asked_for_a_record_on_which_there_was_nothing_to_predict(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    for type_ in ("multiclass", "bitvector"):
        task = {"payload": "text", "type": type_, "classes": ["a", "b"]}
        schema = {"payloads": {"text": {"type": "singleton"}}, "tasks": {"Kind": task}}
        (tmp_path / "schema.json").write_text(json.dumps(schema))
        said = {"rule": "a" if type_ == "multiclass" else ["a"]}
        lines = [
            {"id": f"r{number}", "payloads": {"text": text}, "tasks": {"Kind": said} if text else {}}
            for number, text in enumerate(["one", None, "two"])
        ]
        (tmp_path / "data" / "records.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
        dataset = overton.load(tmp_path).dataset()
        probability, unknown = np.full((3, 2), 0.4, np.float32), np.array([False, True, False])
        label = probability > 1 if type_ == "bitvector" else np.where(unknown, -1, 1).astype(np.int32)
        predictions = Predictions(
            dataset.schema.task("Kind"),
            np.arange(4),
            probability,
            label,
            unknown if type_ == "bitvector" else None,
        )
        found = candidates(dataset, combine_votes(dataset, "Kind"), np.arange(3), predictions, 9)
        assert [one.id for one in found] == ["r0", "r2"]


@pytest.mark.parametrize(("type_", "label", "promise"), [
    ("bitvector", [True, False], 0.6), ("bitvector", [False, False], 0.4),
    ("multiclass", 0, 0.6), ("multiclass", 1, 0.9),
])  # fmt: skip
def test_where_nobody_votes_an_annotation_promises_that_the_version_is_wrong_in_what_it_says(
    type_: str, label: list[bool] | int, promise: float, tmp_path: Path
) -> None:
    """Bits hold from a probability that dev tells, and a class is that of a whole row: not always the likeliest."""
    (tmp_path / "data").mkdir()
    schema = {
        "payloads": {"text": {"type": "singleton"}},
        "tasks": {
            "Kind": {"payload": "text", "type": type_, "classes": ["a", "b", "c"][: 2 + (type_ == "multiclass")]}
        },
    }
    (tmp_path / "schema.json").write_text(json.dumps(schema))
    line = {"id": "r", "payloads": {"text": "t"}}
    (tmp_path / "data" / "records.jsonl").write_text(json.dumps(line) + "\n")
    dataset = overton.load(tmp_path).dataset()
    probability = np.array([[0.4, 0.1, 0.5][: len(dataset.schema.task("Kind").classes)]], np.float32)
    said = Predictions(dataset.schema.task("Kind"), np.arange(2), probability, np.array([label]))
    (one,) = candidates(dataset, combine_votes(dataset, "Kind"), np.arange(1), said, 9)
    assert one.promise == pytest.approx(promise)
    assert not one.labelled


def test_of_bits_the_one_that_promises_most_is_told() -> None:
    combined, prediction = {"a": 0.75, "b": 0.32}, {"b": 1.0, "a": 0.7}
    one = Candidate("r", "a text", 0, "", combined, prediction, 0.66, 1, listed=False, doubted="b")
    told = render_errors(ErrorPage("v", "Kind", "dev", (), 9, 9, 1, 1, (), (), (), None, None, (one,)))
    assert "    b: combined 0.32, predicted 1.00; promises 0.66" in told
    assert "   most in doubt: b: combined 0.32, predicted 1.00\n" in reading("Kind", [one])


def test_of_bits_the_one_that_promises_most_is_found(spoilt: Application, version: Version) -> None:
    found = version.errors("RecordBits", annotate=20).annotate
    assert found
    for one in found:
        combined, predicted = one.combined.get(one.doubted, 0.0), one.prediction.get(one.doubted, 0.0)
        truth = (combined + predicted) / 2 if one.labelled else predicted
        assert one.promise == pytest.approx(truth, abs=0.01) or one.promise == pytest.approx(1 - truth, abs=0.01)
    assert not any(one.doubted for one in version.errors("Record", annotate=20).annotate)


def test_of_bits_of_a_record_without_text_nothing_was_predicted_and_nobody_was_sure(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    task = {"payload": "text", "type": "bitvector", "classes": ["a", "b"]}
    schema = {"payloads": {"text": {"type": "singleton"}}, "tasks": {"Kind": task}}
    (tmp_path / "schema.json").write_text(json.dumps(schema))
    gold = [["a"], ["a"], []]
    lines = [
        {
            "id": f"r{number}",
            "payloads": {"text": text},
            "tags": ["test"],
            "tasks": {"Kind": {"gold": bits, "rule": []}},
        }
        for number, (text, bits) in enumerate(zip(["one", None, None], gold, strict=True))
    ]
    (tmp_path / "data" / "records.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    dataset = overton.load(tmp_path).dataset()
    unknown = np.array([False, True, True])
    probability = np.where(unknown[:, None], 0, np.full((3, 2), 0.2)).astype(np.float32)  # as `decode` gives it
    said = Predictions(dataset.schema.task("Kind"), np.arange(4), probability, probability > 0.5, unknown)
    page = find_errors(dataset, np.arange(3), said, combine_votes(dataset, "Kind"), version="v", split="test")
    told = {one.id: (one.units[0].prediction, round(one.probability, 2)) for one in page.records}
    assert list(told) == ["r0", "r1", "r2"]  # the surest first
    assert told == {"r0": ([], 0.8), "r1": (None, 0.0), "r2": (None, 0.0)}
    (rule,) = page.sources
    assert (rule.n, rule.right, rule.same) == (3, pytest.approx(1 / 3), pytest.approx(1 / 3))


def test_a_token_of_which_gold_says_nothing_is_no_error_whatever_span_is_predicted(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    task = {"payload": "words", "type": "multiclass", "classes": ["B-x", "I-x", "O"]}
    schema = {"payloads": {"words": {"type": "sequence"}}, "tasks": {"Span": task}}
    (tmp_path / "schema.json").write_text(json.dumps(schema))
    said = {"gold": ["O", None, "O"], "rule": ["O", "O", "O"]}
    line = {"id": "r0", "payloads": {"words": ["a", "b", "c"]}, "tags": ["test"], "tasks": {"Span": said}}
    (tmp_path / "data" / "records.jsonl").write_text(json.dumps(line) + "\n")
    dataset = overton.load(tmp_path).dataset()
    label, offsets = np.array([2, 0, 0], np.int32), np.array([0, 3])
    predicted = Predictions(dataset.schema.task("Span"), offsets, np.eye(3, dtype=np.float32)[label], label)
    combined = combine_votes(dataset, "Span")
    page = find_errors(dataset, np.arange(1), predicted, combined, version="v", split="test")
    assert [[unit.unit for unit in record.units] for record in page.records] == [[2]]
    assert (page.n_units, page.n_wrong_units, [source.n for source in page.sources]) == (2, 1, [1])


def test_sources_are_judged_by_the_names_of_classes_where_one_came_after_the_build(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    task = {"payload": "text", "type": "multiclass"}
    schema = {"payloads": {"text": {"type": "singleton"}}, "tasks": {"Kind": task}}
    (tmp_path / "schema.json").write_text(json.dumps(schema))
    said = [{"gold": "c", "rule": "b"}, {"gold": "a"}]
    lines = [
        {"id": f"r{number}", "payloads": {"text": "t"}, "tags": ["test"], "tasks": {"Kind": one}}
        for number, one in enumerate(said)
    ]
    (tmp_path / "data" / "records.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    dataset = overton.load(tmp_path).dataset()
    known, label = Task("Kind", "text", "multiclass", ("b", "c")), np.zeros(2, np.int32)
    predicted = Predictions(known, np.arange(3), np.eye(2, dtype=np.float32)[label], label)
    page = find_errors(dataset, np.arange(2), predicted, combine_votes(dataset, "Kind"), version="v", split="test")
    assert [(one.source, one.n, one.right, one.same) for one in page.sources] == [("rule", 1, 0.0, 1.0)]


def test_a_share_that_is_nearly_nothing_or_all_is_not_told_as_that() -> None:
    pair = PairOfSources(("a", "b"), 0.997, 300)
    told = render_errors(ErrorPage("v", "Intent", "dev", (), 9, 9, 1, 1, (), (), (pair,), 0.004, 0.0))
    assert "Sources disagree on 1% of the labels of these records, and on 0% of all\n  a and b: 99% of 300" in told


def test_combined_labels_that_tie_are_all_told() -> None:
    unit = UnitError(0, "", "b", 0.9, "a", {"rule": "a"}, {"a": 0.5, "b": 0.5})
    record = RecordError("r1", (), "a text", {}, (unit,), 0.9)
    told = render_errors(ErrorPage("v", "Intent", "dev", (), 9, 9, 1, 1, (record,), (), (), None, None))
    assert "= a               rule\n" in told
    assert "a 0.50, b 0.50  combined" in told


def test_a_source_that_knows_its_doubt_says_what_gold_says_where_its_likeliest_label_does() -> None:
    unit = UnitError(0, "", "b", 0.9, "a", {"crowd": {"a": 0.7, "b": 0.3}, "torn": {"a": 0.5, "b": 0.5}}, {})
    bits = UnitError(1, "", [], 0.9, ["x"], {"crowd": {"x": 0.5, "y": 0.4}}, {"x": 0.5})
    record = RecordError("r1", (), "a text", {}, (unit, bits), 0.9)
    told = render_errors(ErrorPage("v", "Intent", "dev", (), 9, 9, 1, 1, (record,), (), (), None, None))
    assert "= a 0.70, b 0.30  crowd\n" in told
    assert "  a 0.50, b 0.50  torn\n" in told
    assert "= x 0.50, y 0.40  crowd\n" in told
    assert '= ["x"]           combined\n' in told


@pytest.mark.parametrize("label", [["b", "a"], {"b": 0.6, "a": 0.5, "c": 0.4}])
def test_what_is_marked_as_gold_is_what_is_counted_as_gold(label: object, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    task = {"payload": "text", "type": "bitvector", "classes": ["a", "b", "c"]}
    schema = {"payloads": {"text": {"type": "singleton"}}, "tasks": {"Kind": task}}
    (tmp_path / "schema.json").write_text(json.dumps(schema))
    record = {"payloads": {"text": "t"}, "tags": ["test"], "tasks": {"Kind": {"rule": label, "gold": ["a", "b"]}}}
    (tmp_path / "data" / "records.jsonl").write_text(json.dumps(record) + "\n")
    dataset = overton.load(tmp_path).dataset()
    none = np.zeros((1, 3), np.float32)
    said = Predictions(dataset.schema.task("Kind"), np.arange(2), none, none > 0)
    page = find_errors(dataset, np.arange(1), said, combine_votes(dataset, "Kind"), version="v", split="test")
    assert [row.right for row in page.sources] == [1.0]
    unit = page.records[0].units[0]
    assert agrees(unit.votes["rule"], unit.gold)
    assert isinstance(label, dict) or unit.votes["rule"] == unit.gold == ["a", "b"]


def long_page(payloads: dict[str, object], payload: str, text: str, unit: UnitError) -> ErrorPage:
    """A page with one record that says very much."""
    record = RecordError("r1", (), text, payloads, (unit,), 0.9, payload)
    return ErrorPage("v", "Kind", "dev", (), 9, 9, 1, 1, (record,), (), (), None, None)


def test_of_a_long_record_the_terminal_shows_the_words_around_its_first_error_and_json_all() -> None:
    words = [f"w{number}" for number in range(10_000)]
    unit = UnitError(7000, "w7000", "b", 0.9, "a", {}, {})
    page = long_page({"title": "a title", "body": words}, "body", f"a title | {' '.join(words)}", unit)
    told = " ".join(render_errors(page).split())
    assert "r1 a title | … w6970 w6971" in told
    assert "w7029 … (9,940 of 10,000 words left out; --json has the record whole) 7000 w7000: predicted b" in told
    assert page.to_json()["records"][0]["payloads"]["body"] == words
    alike = long_page({"text": " ".join(words), "body": words}, "body", " ".join(words), unit)
    assert "r1 … w6970 w6971" in " ".join(render_errors(alike).split())


@pytest.mark.parametrize(("text", "told"), [
    (" ".join(f"w{number}" for number in range(300)), "  r1  … w193 w194 w195 w196 w197 w198 w199 w200 w201 w202 w203"),
    ("a title | " + " ".join(f"w{number}" for number in range(300)), "  r1  … w193 w194 w195 w196 w197 w198 w199 w200"),
    ("w200 is w200", "  r1  w200 is w200\n"),
    (" ".join(f"東{number}" for number in range(300)), "  r1  東0 東1 東2"),
])  # fmt: skip
def test_of_a_long_record_to_annotate_the_terminal_shows_the_words_around_the_token_to_look_at(
    text: str, told: str
) -> None:
    one = Candidate("r1", text, 200, "w200", {"a": 0.6}, {"b": 0.9}, 0.5, 300, listed=True)
    page = ErrorPage("v", "Kind", "dev", (), 9, 9, 0, 0, (), (), (), None, None, (one,))
    shown = render_errors(page, width=80)
    assert told in shown
    assert all(width_of(line) <= 80 for line in shown.splitlines())


def test_a_long_text_beside_few_tokens_hides_no_token_that_is_wrong() -> None:
    text, words = " ".join(f"t{number}" for number in range(500)), [f"w{number}" for number in range(20)]
    unit = UnitError(7, "w7", "b", 0.9, "a", {}, {})
    told = render_errors(long_page({"note": text, "body": words}, "body", f"{text} | {' '.join(words)}", unit))
    assert "t59 … (440 of 500 words left out; --json has the record whole) | w0 w1" in " ".join(told.split())
    assert "w18 w19 7 w7: predicted b" in " ".join(told.split())


@pytest.mark.parametrize(("text", "told"), [
    (" ".join(f"w{number}" for number in range(500)), "w59 … (440 of 500 words left out; --json has the record whole)"),
    ("字" * 5000, "字… (the end of 5,000 characters left out; --json has the record whole)"),
])  # fmt: skip
def test_of_a_long_text_the_terminal_shows_the_start(text: str, told: str) -> None:
    page = long_page({"text": text}, "text", text, UnitError(0, "", "b", 0.9, "a", {}, {}))
    shown = render_errors(page)
    assert told.replace(" ", "") in "".join(shown.split())
    assert len(shown) < 2500


def test_a_token_of_any_length_takes_no_more_than_a_line_beside_what_is_said_of_it() -> None:
    unit = UnitError(0, "x" * 10_000, "b", 0.9, "a", {}, {})
    page = long_page({"body": ["x" * 10_000]}, "body", "x" * 10_000, unit)
    assert len(render_errors(page)) < 2500
