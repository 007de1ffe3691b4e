"""A data set without some of its records is what it would be had they never been written."""

import json

import numpy as np
import pytest

from overton.combining import combine_votes
from overton.data.files import load_dataset
from overton.supervision.tally import count
from tests.data_schema import SCHEMA

SPLIT = ("train", "train", "train", "train", "dev", "test")


def base(number):
    tasks = {
        "Intent": {"a": "age", "b": "height" if number % 3 else "age"},
        "POS": {"a": ["N", "V"], "c": ["X", None]},
    }
    if SPLIT[number % 6] != "train":
        tasks["Intent"]["gold"] = "age"
    tags = [SPLIT[number % 6], f"batch:{number % 2}"]
    return {
        "id": f"r{number}",
        "payloads": {"tokens": ["how", f"t{number}"], "title": "x"},
        "tasks": tasks,
        "tags": tags,
    }


def late(number):
    return {"id": f"r{number}", "tasks": {"Intent": {"late": "height", "a": "height"}}, "tags": ["slice:late"]}


def write(folder, numbers):
    """Two files of records and one that adds to them, those of some numbers alone."""
    folder.mkdir()
    files = {
        "a.jsonl": [base(number) for number in numbers if number < 30],
        "b.jsonl": [base(number) for number in numbers if number >= 30],
        "c.jsonl": [late(number) for number in numbers if number % 4 == 0],
    }
    for name, lines in files.items():
        (folder / name).write_text("".join(json.dumps(line) + "\n" for line in lines))
    return [folder / name for name in files]


@pytest.fixture
def loaded(tmp_path):
    def load(name, numbers):
        files = write(tmp_path / name, numbers)
        return load_dataset(SCHEMA, files, tmp_path / name / "rows")

    return load


@pytest.fixture
def pair(loaded):
    """A subset of a whole, and the same records alone in files."""
    numbers = list(range(60))
    keep = [number for number in numbers if number % 6 > 3 or number % 5 == 1]
    whole = loaded("whole", numbers)
    return whole, whole.subset(np.array(keep)), loaded("part", keep)


def test_votes_tags_and_splits_are_those_of_the_records_alone(pair):
    whole, subset, alone = pair
    assert subset.n_records == alone.n_records < whole.n_records
    assert subset.ids(np.arange(subset.n_records)) == alone.ids(np.arange(alone.n_records))
    for task in ("Intent", "POS"):
        for field in ("offsets", "unit", "source", "first", "label", "probability"):
            ours, theirs = getattr(subset.votes(task), field), getattr(alone.votes(task), field)
            assert ours.tolist() == theirs.tolist(), (task, field)
        assert count(subset.votes(task)).patterns.count.tolist() == count(alone.votes(task)).patterns.count.tolist()
    for tag in ("batch:1", "slice:late", "train"):
        assert subset.tags.rows(tag).tolist() == alone.tags.rows(tag).tolist()
    for split in ("train", "dev", "test"):
        assert getattr(subset.splits, split).tolist() == getattr(alone.splits, split).tolist()


def test_the_label_model_learns_what_it_would_of_the_records_alone(pair):
    _, subset, alone = pair
    for task in ("Intent", "POS"):
        ours, theirs = combine_votes(subset, task), combine_votes(alone, task)
        assert ours.accuracy == theirs.accuracy
        assert ours.targets.to_array().tobytes() == theirs.targets.to_array().tobytes()


def test_payloads_are_those_of_the_records_alone(pair):
    _, subset, alone = pair
    rows = np.arange(alone.n_records)
    assert subset.payloads(rows) == alone.payloads(rows)
    assert subset.texts("tokens") == sorted(alone.texts("tokens"), key=subset.texts("tokens").index)
    assert subset.record_lengths().tolist() == alone.record_lengths().tolist()
    for name, column in subset.gather(rows[::-1]).columns.items():
        assert column.length.tolist() == alone.gather(rows[::-1]).columns[name].length.tolist()


def test_a_subset_has_a_digest_of_its_own_and_all_records_are_the_whole(pair):
    whole, subset, _ = pair
    assert subset.digest != whole.digest
    same = np.array([int(name[1:]) for name in subset.ids(np.arange(subset.n_records))])
    assert subset.digest == whole.subset(same).digest
    assert whole.subset(np.arange(60)) is whole
    assert whole.stamps("Intent").records != subset.stamps("Intent").records


def test_a_subset_of_a_subset_is_one_of_the_whole(pair):
    whole, subset, _ = pair
    inner = subset.subset(np.array([0, 3, 5]))
    names = subset.ids(np.array([0, 3, 5]))
    assert inner.ids(np.arange(3)) == names
    direct = whole.subset(np.array([int(name[1:]) for name in names]))
    assert inner.votes("Intent").label.tolist() == direct.votes("Intent").label.tolist()


def test_records_that_were_held_out_stay_held_out(loaded, tmp_path):
    folder = tmp_path / "plain"
    folder.mkdir()
    lines = [{**base(number), "tags": []} for number in range(200)]
    (folder / "a.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    whole = load_dataset(SCHEMA, [folder / "a.jsonl"], folder / "rows")
    kept = np.sort(np.concatenate([whole.splits.train[:5], whole.splits.dev, whole.splits.test]))
    part = whole.subset(kept)
    assert kept[part.splits.test].tolist() == whole.splits.test.tolist()
    assert kept[part.splits.dev].tolist() == whole.splits.dev.tolist()
    assert kept[part.splits.train].tolist() == whole.splits.train[:5].tolist()


def test_records_are_found_by_their_ids_in_whichever_file_they_stand(loaded, monkeypatch):
    monkeypatch.setattr("overton.data.dataset.CHUNK", 7)
    dataset = loaded("found", range(60))
    found = dataset.rows_of({"r2", "r58", "nobody"})
    assert dataset.ids(np.array([found["r2"], found["r58"]])) == ["r2", "r58"]
    assert set(found) == {"r2", "r58"}
