from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from overton.supervision import RecordLineage, combine, explain_task, render_lineage
from overton.supervision.models.evidence import option_counts, voting_cells
from overton.supervision.models.patterns import keep_rows
from overton.supervision.models.probability import sigmoid, softmax
from tests.supervision.planted import KINDS, simulate, votes_of

GOLDEN = Path(__file__).parents[1] / "cases" / "supervision" / "lineage.txt"


def with_gold(votes, truth):
    """The same votes with gold on every unit."""
    rows = [{} for _ in range(votes.n_units)]
    for cell, (unit, source) in enumerate(zip(votes.unit, votes.source, strict=True)):
        label = votes.label[votes.first[cell] : votes.first[cell + 1]].tolist()
        rows[unit][votes.sources[source]] = label if votes.task.type == "bitvector" else label[0]
    for row, right in zip(rows, truth, strict=True):
        row["gold"] = np.flatnonzero(right).tolist() if truth.ndim == 2 else int(right)
    return votes_of(
        rows,
        type=votes.task.type,
        classes=votes.task.classes,
        per_record=int(votes.offsets[1]),
        candidates=None if votes.candidates is None else votes.candidates.tolist(),
    )


@pytest.mark.long
@pytest.mark.parametrize("weighed", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_prior_and_votes_add_up_to_the_score_and_make_the_target(kind, weighed):
    type, per_record = KINDS[kind]
    votes, truth = simulate(type, (0.9, 0.7, 0.6, 0.8), n_units=600, per_record=per_record, n_labels=3)
    if weighed:
        votes = with_gold(votes, truth)
    combined = combine(votes, dev=np.arange(votes.n_records) % 2 == 0 if weighed else None)
    assert not weighed or combined.n_known
    cells, options = voting_cells(votes), option_counts(votes)
    for record in range(0, votes.n_records, 7):
        explained = explain_task(votes, combined, record)
        for unit in explained.units:
            one = np.zeros(votes.n_units, bool)
            one[votes.offsets[record] + unit.place] = True
            if not unit.votes:
                continue
            score = combined.model.scores(keep_rows(cells, one), options[one])[0]
            np.testing.assert_allclose(unit.score, score, atol=1e-9)
            assert not unit.neighbours.any()
            n_options = options[one][0]
            total = (unit.score + unit.agreed)[:n_options]
            made = sigmoid(total) if type == "bitvector" else softmax(total)
            np.testing.assert_allclose(unit.probability[:n_options], made, atol=1e-6)


def test_copies_share_one_vote_and_are_marked():
    votes, _ = simulate("multiclass", (0.9, 0.8, 0.7, 0.75), n_units=2000, n_labels=3)
    rows = [{} for _ in range(votes.n_units)]
    for cell, (unit, source) in enumerate(zip(votes.unit, votes.source, strict=True)):
        rows[unit][votes.sources[source]] = int(votes.label[cell])
        if source == 2:
            rows[unit]["twin"] = int(votes.label[cell])
    votes = votes_of(rows)
    combined = combine(votes)
    record = next(number for number, row in enumerate(rows) if "twin" in row)
    (unit,) = explain_task(votes, combined, record).units
    by_source = {vote.source: vote for vote in unit.votes}
    assert by_source["twin"].copies == ("s2",)
    np.testing.assert_allclose(by_source["twin"].adds, by_source["s2"].adds)
    text = render_lineage(RecordLineage("r", (), "", (explain_task(votes, combined, record),)))
    assert "twin *" in text
    assert "s2, twin vote as one" in text


def test_what_lies_in_a_target_beyond_its_votes_is_told():
    votes = votes_of([{"s": 0, "t": 1}, {"s": 1}])
    combined = combine(votes)
    table = combined.targets.table.copy()
    row = combined.targets.index[0]
    table[row] = [0.2, 0.3, 0.5]
    moved = replace(combined, targets=replace(combined.targets, table=table))
    task = explain_task(votes, moved, 0)
    (unit,) = task.units
    np.testing.assert_allclose(softmax(unit.score + unit.agreed + unit.neighbours), [0.2, 0.3, 0.5], atol=1e-6)
    assert "neighbours" in render_lineage(RecordLineage("r", (), "", (task,)))


def test_certain_targets_say_gold():
    votes = votes_of([{"s": 0, "gold": 2}, {"s": 0}])
    combined = combine(votes, training=np.array([True, True]))
    task = explain_task(votes, combined, 0)
    (unit,) = task.units
    assert unit.certain
    assert unit.gold == (2,)
    assert unit.probability.tolist() == [0, 0, 1]
    assert task.to_json()["units"][0]["from"] == "gold"
    assert "the target is gold" in render_lineage(RecordLineage("r", (), "", (task,)))


def test_certain_targets_say_whom_they_trust():
    votes = votes_of([{"s": 0, "alice": 2}, {"s": 0}])
    combined = combine(votes, training=np.array([True, True]), trusted=["alice"])
    task = explain_task(votes, combined, 0)
    (unit,) = task.units
    assert (unit.certain, unit.gold, unit.probability.tolist()) == (True, None, [0, 0, 1])
    assert task.to_json()["units"][0]["from"] == "trusted"
    text = render_lineage(RecordLineage("r", (), "", (task,)))
    assert "the target is what a trusted source says" in text
    assert ["trusted", task.labels[2]] in [line.split() for line in text.splitlines()]
    assert "gold" not in text


def test_a_majority_counts_votes():
    votes = votes_of([{"s": 0, "t": 1, "u": 0}])
    (unit,) = explain_task(votes, combine(votes, method="majority"), 0).units
    assert unit.score.tolist() == [2, 1, 0]
    assert unit.probability.tolist() == [1, 0, 0]


def test_units_that_nobody_labelled_are_counted_alone():
    votes = votes_of([{"s": 0}, {}, {}, {}], per_record=2)
    task = explain_task(votes, combine(votes), 0, texts=["one", "two"])
    assert [unit.text for unit in task.units] == ["one"]
    assert "nobody labelled 1 of its 2 units" in render_lineage(RecordLineage("r", (), "", (task,)))
    assert "nobody labelled 2 of its 2" in render_lineage(
        RecordLineage("r", (), "", (explain_task(votes, combine(votes), 1),))
    )


def test_the_lineage_for_the_terminal(update_golden):
    tokens = votes_of([{"s": 0, "t": 0, "u": 1}, {"s": {1: 0.7, 2: 0.3}, "gold": 1}, {}, {"s": 2}], per_record=2)
    bits = votes_of([{"s": [0, 2], "t": [0]}, {"s": []}], type="bitvector")
    members = votes_of([{"s": 1, "t": 0, "u": 1}], type="select", candidates=[2])
    parts = []
    for votes, words, names in ((tokens, ["the", "tower"], ()), (bits, (), ()), (members, (), ["0 Q1", "1 Q2"])):
        parts.append(explain_task(votes, combine(votes), 0, texts=words, members=names))
    record = RecordLineage("q17", ("slice:x", "train"), "the tower", tuple(parts))
    text = "".join(f"# width {width}\n{render_lineage(record, width)}\n" for width in (100, 40))
    if update_golden:
        GOLDEN.write_text(text, encoding="utf-8")
    assert text == GOLDEN.read_text(encoding="utf-8")


@pytest.mark.parametrize("type", ["multiclass", "select"])
def test_a_vote_that_holds_all_labels_for_equally_likely_cannot_tell(type):
    votes = votes_of([{"even": {0: 0.5, 1: 0.5}, "torn": {0: 0.6, 1: 0.4}}], type=type, classes="ab", candidates=[2])
    text = render_lineage(RecordLineage("r", (), "", (explain_task(votes, combine(votes), 0, members="ab"),)))
    said = {line.split()[0]: line for line in text.splitlines() if line.split()}
    assert "cannot tell" in said["even"]
    assert "a 0.60, b 0.40" in said["torn"]


def test_silent_rules_are_told_and_make_up_the_target_too():
    random = np.random.default_rng(3)
    truth = random.integers(0, 3, 3000)
    fires = random.random((3000, 9)) < np.where(np.arange(9) // 3 == truth[:, None], 0.4, 0.05)
    votes = votes_of([{f"r{rule}": int(rule // 3) for rule in np.flatnonzero(row)} for row in fires])
    combined = combine(votes)
    assert combined.model.silence is not None
    alone = int(np.flatnonzero(fires.sum(1) == 1)[0])
    task = explain_task(votes, combined, alone)
    (unit,) = task.units
    assert unit.silence.any()
    assert unit.silence[votes.label[votes.unit == alone]] == 0
    np.testing.assert_allclose(softmax(unit.score + unit.agreed), unit.probability, atol=1e-6)
    assert "silence" in render_lineage(RecordLineage("r", (), "", (task,)))
