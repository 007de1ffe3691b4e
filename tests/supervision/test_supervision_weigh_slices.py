import json
from dataclasses import replace

import numpy as np
import pytest

import overton
from overton.combining import combine_votes
from overton.compile import SupervisionSettings
from overton.data import Splits
from overton.supervision import combine, explain_task, source_report
from overton.supervision.analysis.render import render_sources
from overton.supervision.models.patterns import split_patterns
from overton.supervision.tally import count
from tests.supervision.planted import probabilities, rows_of, simulate, votes_of
from tests.supervision.test_supervision_weigh import with_gold

N = 3000
SLICE = np.arange(N) % 10 == 3
INSIDE = {"slice:a": np.flatnonzero(SLICE)}
DEV = np.arange(N) < 0.3 * N


def misled(type, *, share=0.9):
    """Votes of four sources, the best of which is wrong on most of a slice."""
    votes, truth = simulate(type, (0.95, 0.75, 0.75, 0.7), n_units=N, n_labels=3, coverage=0.9, seed=1)
    random = np.random.default_rng(1)
    rows = rows_of(votes)
    for row, label, inside in zip(rows, truth, SLICE, strict=True):
        if inside and "s0" in row and random.random() < share:
            row["s0"] = np.flatnonzero(~label).tolist() if truth.ndim == 2 else int((label + 1) % 3)
    candidates = None if votes.candidates is None else np.full(N, 3).tolist()
    return with_gold(votes_of(rows, type=type, classes=votes.task.classes, candidates=candidates), truth), truth


def right(votes, truth, targets, units):
    table = probabilities(votes, targets.index, targets.table)[units]
    if truth.ndim == 2:
        return float(((table > 0.5) == truth[units]).mean())
    return float((table.argmax(1) == truth[units]).mean())


@pytest.mark.long
@pytest.mark.parametrize("type", ["multiclass", "bitvector", "select"])
def test_a_source_that_misleads_in_a_slice_counts_less_there(type):
    votes, truth = misled(type)
    plain, apart = combine(votes, dev=DEV), combine(votes, dev=DEV, slices=INSIDE)
    assert [part.name for part in apart.slices] == ["slice:a"]
    assert apart.slices[0].weight[votes.sources.index("s0")] < apart.model.weight[votes.sources.index("s0")] - 0.3
    inside, outside = SLICE & ~DEV, ~SLICE & ~DEV
    assert right(votes, truth, apart.targets, inside) > right(votes, truth, plain.targets, inside) + 0.1
    plain_table = probabilities(votes, plain.targets.index, plain.targets.table)[outside]
    assert np.array_equal(probabilities(votes, apart.targets.index, apart.targets.table)[outside], plain_table)


@pytest.mark.long
@pytest.mark.parametrize("type", ["multiclass", "bitvector", "select"])
def test_a_slice_like_the_rest_is_left_alone(type):
    votes, _ = misled(type, share=0.0)
    plain, apart = combine(votes, dev=DEV), combine(votes, dev=DEV, slices=INSIDE)
    assert apart.slices == ()
    assert np.array_equal(plain.targets.index, apart.targets.index)
    assert np.array_equal(plain.targets.table, apart.targets.table)


def test_weights_of_many_sources_that_fit_nothing_but_noise_make_no_slice():
    votes, truth = simulate("multiclass", (0.6,) * 20, n_units=800, n_labels=3, coverage=0.9, seed=1)
    inside = np.sort(np.random.default_rng(1).choice(500, 130, replace=False))
    assert combine(with_gold(votes, truth), dev=np.arange(800) < 500, slices={"slice:a": inside}).slices == ()


def test_a_slice_with_little_gold_is_left_alone():
    votes, _ = misled("multiclass")
    few = DEV & (~SLICE | (np.arange(N) < 250))
    assert (few & SLICE).sum() < 30
    assert combine(votes, dev=few, slices=INSIDE).slices == ()


def test_a_slice_whose_gold_stands_in_one_part_of_the_known_units_is_left_alone():
    votes, _ = misled("multiclass", share=0.0)
    together = np.arange(32)  # which is one part: no other tells whether it differs from the rest
    assert combine(votes, dev=DEV, slices={"slice:a": together}).slices == ()


def test_gold_in_training_outside_a_slice_changes_nothing_of_its_weights():
    votes, _ = misled("multiclass")
    dev = DEV & (np.arange(N) // 2 % 2 == 0)
    slices = {"slice:a": np.flatnonzero(SLICE & dev)}
    plain = combine(votes, dev=dev, slices=slices)
    taught = combine(votes, dev=dev, training=DEV & ~dev, slices=slices)
    assert [part.name for part in plain.slices] == ["slice:a"]
    assert taught.slices[0].prior == plain.slices[0].prior
    assert np.array_equal(taught.slices[0].weight, plain.slices[0].weight)


def test_a_record_of_two_slices_is_weighed_as_the_surer_one():
    votes, _ = misled("multiclass")
    half = SLICE & (np.arange(N) % 20 == 3)
    apart = combine(votes, dev=DEV, slices={"slice:b": np.flatnonzero(half), **INSIDE})
    names = [part.name for part in apart.slices]
    assert names[0] == "slice:a"
    voted = np.flatnonzero(half & (apart.patterns.index >= 0))
    assert set(apart.group_of(voted).tolist()) == {1}


@pytest.mark.long
@pytest.mark.parametrize("type", ["multiclass", "bitvector", "select"])
def test_a_target_of_a_slice_is_explained_vote_by_vote(type):
    votes, _ = misled(type)
    apart = combine(votes, dev=DEV, slices=INSIDE)
    for record in np.flatnonzero(SLICE & ~DEV)[:20].tolist():
        told = explain_task(votes, apart, record, members=("0", "1", "2"))
        assert told.weighed_as == "slice:a"
        for unit in told.units:
            assert np.abs(unit.neighbours).max(initial=0.0) < 1e-3
    outside = int(np.flatnonzero(~SLICE)[0])
    assert explain_task(votes, apart, outside, members=("0", "1", "2")).weighed_as == ""


def test_the_page_about_sources_tells_what_counts_otherwise():
    votes, _ = misled("multiclass")
    apart = combine(votes, dev=DEV, slices=INSIDE)
    splits = Splits(np.flatnonzero(~DEV), np.flatnonzero(DEV), np.zeros(0, np.int64))
    report = source_report(votes, apart, splits)
    (row,) = report.weighed
    assert (row.tag, row.n) == ("slice:a", int(np.isin(np.flatnonzero(SLICE), votes.unit).sum()))
    assert next(iter(row.counts)) == "s0"
    here, elsewhere = row.counts["s0"]
    assert f"s0 {here:.2f}, {elsewhere:.2f}" in render_sources(report)
    assert report.to_json()["weighed"][0]["counts"]["s0"]["here"] == round(here, 4)


def application_of(votes, tmp_path):
    """An application of such votes."""
    classes = votes.task.classes
    schema = {
        "payloads": {"text": {"type": "singleton"}},
        "tasks": {"Kind": {"payload": "text", "type": "multiclass", "classes": list(classes)}},
    }
    (tmp_path / "data").mkdir()
    (tmp_path / "schema.json").write_text(json.dumps(schema))
    lines = []
    for number, row in enumerate(rows_of(votes)):
        said = {source: classes[label] for source, label in row.items() if source != "gold" or DEV[number]}
        tags = ["dev" if DEV[number] else "train", "lang:a" if SLICE[number] else "lang:b"]
        tags += ["slice:misled"] if SLICE[number] else []
        record = {"id": f"r{number}", "payloads": {"text": f"words {number}"}, "tasks": {"Kind": said}, "tags": tags}
        lines.append(json.dumps(record) + "\n")
    (tmp_path / "data" / "records.jsonl").write_text("".join(lines))
    return overton.load(tmp_path)


def test_an_application_weighs_votes_by_its_slices_and_no_other_tag(tmp_path):
    votes, truth = misled("multiclass")
    dataset = application_of(votes, tmp_path).dataset()
    combined = combine_votes(dataset, "Kind")
    assert [part.name for part in combined.slices] == ["slice:misled"]
    assert right(votes, truth, combined.targets, SLICE & ~DEV) > 0.65
    assert combine_votes(dataset, "Kind", supervision=SupervisionSettings(use_dev_gold=False)).slices == ()


def test_an_expression_that_is_shown_is_no_slice_however_it_begins(tmp_path):
    application = application_of(misled("multiclass")[0], tmp_path)
    expression = "slice:misled & lang:a"
    plain, shown = application.source_report(tags=()), application.source_report(tags=[expression])
    assert [row.tag for row in plain.weighed] == ["slice:misled"]
    assert any(row.tag == expression for row in shown.rows)
    assert replace(shown, rows=shown.whole()) == plain


def test_units_of_two_groups_are_patterns_apart():
    votes, _ = misled("multiclass")
    patterns = count(votes).patterns
    group = SLICE.astype(np.int64)
    apart = split_patterns(patterns, group)
    assert apart.count.sum() == patterns.count.sum()
    voted = np.flatnonzero(patterns.index >= 0)
    assert (apart.group[apart.index[voted]] == group[voted]).all()
    whole = split_patterns(patterns, np.zeros(N, np.int64))
    assert np.array_equal(whole.index, patterns.index)
    assert np.array_equal(whole.count, patterns.count)


def test_a_model_with_slices_combines_votes_of_which_none_are_told():
    votes, _ = misled("multiclass")
    apart = combine(votes, dev=DEV, slices=INSIDE)
    again, plain = combine(votes, model=apart.model), combine(votes, model=replace(apart.model, slices=()))
    assert np.array_equal(again.targets.to_array(), plain.targets.to_array(), equal_nan=True)
