"""Sources that count as gold in training, however many vote against them."""

import json
from pathlib import Path

import numpy as np
import pytest

import overton
from overton.base import Event, OvertonError
from overton.combining import combine_all, combine_votes
from overton.compile import SupervisionSettings
from overton.data import Splits, Tags, gold_of
from overton.schema import TaskType
from overton.supervision import combine, source_report
from tests.supervision.planted import KINDS, rows_of, simulate, votes_of

N = 60
TRAIN = np.arange(N) < 40


def write(folder: Path, tuning: dict | None = None) -> overton.Application:
    """Two rules that share an error on every fifth record, and two people who looked at every tenth."""
    (folder / "data").mkdir(parents=True)
    schema = {
        "payloads": {"text": {"type": "singleton"}},
        "tasks": {"Kind": {"payload": "text", "type": "multiclass", "classes": ["a", "b", "c"]}},
    }
    (folder / "schema.json").write_text(json.dumps(schema))
    (folder / "tuning.json").write_text(json.dumps(tuning or {}))
    lines = []
    for number in range(N):
        rule = "b" if number % 5 == 0 else "a"
        said = {"rule 1": rule, "rule 2": rule, "rule 3": rule}
        said |= {"alice": "a", "bob": "c"} if number % 10 == 0 else {}
        said |= {"gold": "b"} if number == 10 else {}
        tags = ["train" if TRAIN[number] else "test"]
        lines.append({"id": f"r{number}", "payloads": {"text": f"t{number}"}, "tasks": {"Kind": said}, "tags": tags})
    (folder / "data" / "records.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return overton.load(folder)


def said_of(combined, row: int) -> list[float]:
    """The target of a record."""
    return combined.targets.table[combined.targets.index[row]].round(3).tolist()


def test_a_trusted_source_is_certain_in_training_where_gold_is_not(tmp_path: Path) -> None:
    dataset = write(tmp_path).dataset()
    plain = combine_votes(dataset, "Kind")
    assert np.argmax(said_of(plain, 20)) == 1  # outvoted
    first, second = (
        combine_votes(dataset, "Kind", supervision=SupervisionSettings(trusted=order))
        for order in (("alice", "bob"), ("bob", "alice"))
    )
    assert [said_of(first, row) for row in (0, 10, 20)] == [[1, 0, 0], [0, 1, 0], [1, 0, 0]]
    assert [said_of(second, row) for row in (0, 10, 20)] == [[0, 0, 1], [0, 1, 0], [0, 0, 1]]
    assert (first.n_certain, plain.n_certain) == (4, 1)
    assert max(said_of(first, 50)) < 1  # on test it is one vote
    assert said_of(first, 5)[0] < 0.5  # of which nobody but rules says anything


def test_outside_of_training_a_trusted_source_is_no_truth_to_weigh_others_by() -> None:
    votes, _ = simulate("multiclass", (0.9, 0.6, 0.7, 0.8), n_labels=3, n_units=600)
    training = np.arange(600) < 300
    rows = [{k: label for k, label in row.items() if k != "s0" or n >= 300} for n, row in enumerate(rows_of(votes))]
    votes = votes_of(rows, classes=votes.task.classes)
    plain, trusted = (combine(votes, training=training, dev=~training, trusted=names) for names in ([], ["s0"]))
    assert plain.n_known == trusted.n_known == 0
    assert trusted.targets.table.tolist() == plain.targets.table.tolist()


@pytest.mark.parametrize("kind", KINDS)
def test_labels_of_every_kind_are_trusted(kind: str) -> None:
    type, per_record = KINDS[kind]
    votes, _ = simulate(type, (0.4, 0.9, 0.9, 0.9), per_record=per_record, n_labels=3, n_units=300)
    source = "s0"
    training = np.arange(votes.n_records) % 2 == 0
    combined = combine(votes, training=training, trusted=[source])
    told = gold_of(votes, source)
    certain = np.repeat(training, np.diff(votes.offsets)) & told.known
    assert combined.n_certain == certain.sum() > 0
    most = combined.targets.most_likely()
    assert (most.label[certain] == told.label[certain]).all()


def test_a_build_trusts_whom_the_tuning_names_and_tells_of_a_name_that_labels_nothing(tmp_path: Path) -> None:
    application = write(tmp_path, {"supervision": {"trusted": ["alice", "alcie"]}})
    told: list[str] = []

    def observe(event: Event) -> None:
        told.append(event.message)

    (warning,) = [one for one in application.check().warnings if one.code == "data.silent-source"]
    assert warning.message == "the trusted source 'alcie' labels nothing"
    assert "alice" in warning.hint
    found = combine_all(application.dataset(), supervision=application.tuning.supervision, observe=observe)
    assert said_of(found["Kind"], 20) == [1, 0, 0]
    assert told[0] == "no label of alcie, though trusted"
    assert "4 gold targets, those of trusted sources among them" in told[1]


@pytest.mark.parametrize("value", ["alice", ["alice", "alice"], [1], [""], {"alice": 1}])
def test_what_is_no_list_of_sources_is_refused(tmp_path: Path, value: object) -> None:
    with pytest.raises(OvertonError, match="expected a list of names of sources, each once"):
        _ = write(tmp_path, {"supervision": {"trusted": value}}).tuning


def test_gold_is_no_source_to_be_trusted(tmp_path: Path) -> None:
    told = r"tuning.json:1: \$.supervision.trusted\[1\]: 'gold' is the truth, named or not.*\[tuning.bad-value\]"
    with pytest.raises(OvertonError, match=told):
        _ = write(tmp_path, {"supervision": {"trusted": ["alice", "gold"]}}).tuning


@pytest.mark.parametrize("type", ["bitvector", "multiclass", "select"])
def test_others_are_weighed_as_if_the_trusted_labels_were_gold(type: TaskType) -> None:
    votes, _ = simulate(type, (0.9, 0.6, 0.7, 0.8), n_labels=3, n_units=600)
    training, asked = np.arange(600) < 500, np.arange(600) % 3 == 0
    rows = [
        {name: label for name, label in row.items() if name != "s0" or (training[number] and asked[number])}
        for number, row in enumerate(rows_of(votes))
    ]
    as_gold = [{"gold" if name == "s0" else name: label for name, label in row.items()} for row in rows]
    sizes = None if votes.candidates is None else votes.candidates.tolist()
    trusted, gold = (
        combine(votes_of(some, type=type, candidates=sizes), training=training, trusted=["s0"])
        for some in (rows, as_gold)
    )
    assert trusted.n_certain == gold.n_certain > 100
    assert [trusted.accuracy[name] for name in ("s1", "s2", "s3")] == pytest.approx(
        [gold.accuracy[name] for name in ("s1", "s2", "s3")]
    )
    for one, other in zip(*(found.targets.index for found in (trusted, gold)), strict=True):
        assert (one >= 0) == (other >= 0)
        assert one < 0 or trusted.targets.table[one] == pytest.approx(gold.targets.table[other], abs=1e-6)


def test_a_slice_that_a_trusted_source_labelled_is_no_slice_in_which_the_others_err() -> None:
    votes, truth = simulate("multiclass", (0.9, 0.75, 0.75, 0.7), n_labels=3, n_units=600, seed=1)
    inside, everywhere = np.arange(600) < 100, np.ones(600, bool)
    rows = rows_of(votes)
    for row, label in zip(rows[:100], truth, strict=False):
        row["alice"] = int(label)
    votes = votes_of(rows, classes=votes.task.classes)
    tags = Tags(("slice:a",), np.minimum(np.arange(601), 100), np.zeros(100, np.int32))
    splits = Splits(np.arange(600), np.zeros(0, np.int64), np.zeros(0, np.int64))
    combined = combine(votes, training=everywhere, trusted=["alice"])
    rows_told = source_report(votes, combined, splits, tags=tags, shown=["slice:a"]).rows
    told = {row.source: row.estimated_accuracy for row in rows_told if row.tag == "slice:a"}
    for source in ("s0", "s1", "s2", "s3"):
        own = (votes.source == votes.sources.index(source)) & inside[votes.unit]
        right = float((votes.label[own] == truth[votes.unit[own]]).mean())
        assert told[source] == pytest.approx(right, abs=0.1)


def test_a_trusted_source_that_cannot_tell_leaves_the_truth_to_the_next() -> None:
    tie = {0: 0.5, 1: 0.5}
    votes = votes_of([{"alice": tie, "bob": 0, "rule": 0}, {"alice": tie, "rule": 0}, {"alice": 1, "bob": 0}])
    combined = combine(votes, training=np.ones(3, bool), trusted=("alice", "bob"))
    assert combined.certain().tolist() == [True, False, True]
    assert said_of(combined, 0) == [1, 0, 0]
    assert said_of(combined, 2) == [0, 1, 0]
