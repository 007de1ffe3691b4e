"""Tests and measures of drift: known values, how often chance alone is called drift, and what is found."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from overton.data.files import load_dataset
from overton.evaluate import Profile, parse_profile
from overton.evaluate.drift import (
    chi_square_tail,
    confidence_row,
    count_row,
    g_test,
    judged_rows,
    ks_distance,
    ks_test,
    merged,
    share_row,
    words_row,
)
from overton.evaluate.profile import PayloadProfile, TaskProfile, profile_of
from overton.evaluate.sketch import parse_sketch, sketch_of
from overton.schema import parse_schema


@pytest.mark.parametrize(
    ("value", "freedom", "tail"),
    [(10.828, 1, 0.001), (5.991, 2, 0.05), (11.345, 3, 0.01), (67.505, 50, 0.05), (0.0, 3, 1.0), (124.342, 100, 0.05)],
)
def test_the_tail_of_chi_square_is_that_of_the_tables(value: float, freedom: int, tail: float) -> None:
    assert chi_square_tail(value, freedom) == pytest.approx(tail, rel=0.02)


def test_chance_alone_is_seldom_called_a_change() -> None:
    rng = np.random.default_rng(0)
    share = rng.dirichlet(np.ones(12))
    g = [g_test(*(rng.multinomial(400, share) + 0.0 for _ in range(2))) for _ in range(400)]
    ks = [ks_test(ks_distance(rng.normal(size=300), rng.normal(size=200)), 300, 200) for _ in range(400)]
    assert 0.02 < np.mean(np.array(g) < 0.05) < 0.1
    assert 0.015 < np.mean(np.array(ks) < 0.05) < 0.08


def test_chances_are_those_of_the_tables() -> None:
    assert g_test(np.array([10.0, 20]), np.array([20.0, 10])) == pytest.approx(0.0091, rel=0.01)  # G of 6.796
    assert ks_test(0.3, 50, 50) == pytest.approx(0.0171, rel=0.01)  # as Stephens corrects it for few records


def test_of_several_rows_none_that_is_surer_is_believed_less() -> None:
    rows = [replace(share_row("slice", name, (100, 1000), (100, 1000)), p=p) for name, p in (("a", 0.04), ("b", 0.05))]
    assert [row.q for row in judged_rows(rows)] == pytest.approx([0.05, 0.05])


def test_the_chance_of_the_word_that_changed_most_is_that_of_any_of_them() -> None:
    others = {f"word{number}": 300 for number in range(99)}
    alone = words_row("tokens", ({"the": 500}, 1000), ({"the": 430}, 1000))
    among = words_row("tokens", ({"the": 500, **others}, 1000), ({"the": 430, **others}, 1000))
    assert alone.p is not None
    assert among.p == pytest.approx(100 * alone.p)


def test_a_profile_of_few_records_without_splits_is_one_of_all_and_knows_how_many_bring_a_word(tmp_path: Path) -> None:
    texts = ["red car", "red bus", "red bus"]
    schema = parse_schema("""{"payloads": {"words": {"type": "sequence"}}, "tasks": {
        "Kind": {"payload": "words", "type": "multiclass", "classes": ["a", "b"]}}}""")
    lines = [json.dumps({"payloads": {"words": text.split()}}) for text in texts]
    (tmp_path / "records.jsonl").write_text("\n".join(lines))
    dataset = load_dataset(schema, [tmp_path / "records.jsonl"], tmp_path / "rows")
    asked: list[list[int]] = []
    profile = profile_of(dataset, lambda rows: asked.append(rows.tolist()) or {}, lambda batch: np.zeros((0, 0)))
    assert (asked, profile.records) == ([[0, 1, 2]], 3)
    assert profile.payloads["words"].novel == 1  # a word that no other record has


def test_reports_on_unchanged_records_are_mostly_free_of_drift() -> None:
    rng = np.random.default_rng(0)
    called = 0
    for _ in range(60):
        rows = []
        for task in range(8):
            share = rng.dirichlet(np.ones(6))
            before, now = (
                {f"c{k}": float(n) for k, n in enumerate(rng.multinomial(size, share))} for size in (900, 300)
            )
            rows.append(count_row("prediction", f"t{task}", before, now, (900, 300)))
            rows.append(share_row("new words", "p", (rng.binomial(900, 0.3), 900), (rng.binomial(300, 0.3), 300)))
        called += any(row.verdict == "drifted" for row in judged_rows(rows))
    assert called <= 6


def test_a_shift_is_called_drift_and_a_tiny_one_is_not_however_sure() -> None:
    row = judged_rows([count_row("prediction", "T", {"a": 500, "b": 500}, {"a": 80, "b": 20}, (1000, 100))])[0]
    assert row.verdict == "drifted"
    assert row.most["a"] == (0.5, 0.8)
    sure = judged_rows([share_row("slice", "s", (100_000, 1_000_000), (103_000, 1_000_000))])[0]
    assert sure.p is not None
    assert sure.p < 1e-6
    assert sure.verdict == "no change shown"


def test_fewer_new_words_are_no_drift() -> None:
    rows = [share_row("new words", "p", (300, 1000), (now, 300), more=True) for now in (30, 150)]
    assert [row.verdict for row in judged_rows(rows)] == ["no change shown", "drifted"]


def test_few_records_say_nothing() -> None:
    rows = judged_rows(
        [
            share_row("slice", "s", (0, 1000), (20, 20)),
            count_row("length", "p", {"1": 900}, {"9": 20}, (900, 20)),
            confidence_row("T", TaskProfile(900, {}, (0.9,) * 900), TaskProfile(20, {}, (0.1,) * 20)),
            words_row("p", ({"a": 900}, 900), ({}, 20)),
            share_row("slice", "empty", (0, 0), (0, 0)),
        ]
    )
    assert {row.verdict for row in rows} == {"not enough data"}
    assert all(row.q is None for row in rows)


def test_items_of_one_record_count_as_one_record() -> None:
    many = count_row("prediction", "T", {"a": 10_000, "b": 10_000}, {"a": 1100, "b": 900}, (1000, 100))
    assert many.p == pytest.approx(
        count_row("prediction", "T", {"a": 500, "b": 500}, {"a": 55, "b": 45}, (1000, 100)).p
    )


def test_rare_bins_are_taken_together() -> None:
    names, before, now = merged({"a": 90, "b": 5, "c": 5}, {"a": 95, "d": 5}, (100, 100))
    assert names == ["a", "(rest)"]
    assert before.tolist() == pytest.approx([90, 10])
    assert now.tolist() == pytest.approx([95, 5])


def test_a_word_that_comes_up_is_named() -> None:
    before = ({"the": 800, "weather": 20, "rare": 1}, 1000)
    row = judged_rows([words_row("tokens", before, ({"the": 240, "weather": 90}, 300))])[0]
    assert row.verdict == "drifted"
    assert next(iter(row.most)) == "weather"


def test_words_have_drifted_where_one_changed_beyond_chance_by_as_much_as_matters() -> None:
    others = {f"word{number}": 30 for number in range(300)}
    before = ({"the": 1500, "rare": 3, **others}, 3000)

    def drift(the: int, rare: int) -> str:
        now = {"the": the, "rare": rare, **{word: 20 for word in others}}
        return judged_rows([words_row("tokens", before, (now, 2000))])[0].verdict

    assert drift(the=1047, rare=24) == "no change shown"  # the one is chance, the other one record of a hundred
    assert drift(the=1200, rare=2) == drift(the=1000, rare=60) == "drifted"


def test_a_sketch_knows_its_words_and_few_others() -> None:
    words = [f"word{number}" for number in range(3000)]
    sketch = parse_sketch(sketch_of(words).to_json())
    assert sketch.holds(words).all()
    assert sketch.holds(f"other{number}" for number in range(5000)).mean() < 0.03
    assert not sketch_of([]).holds(["x"]).any()


def test_a_profile_is_told_and_read_again() -> None:
    payload = PayloadProfile({"3": 7}, 7, {"a": 5}, sketch_of(["a", "b"]), 2)
    profile = Profile({"tokens": payload}, {"T": TaskProfile(9, {"x": 9.0}, (0.5, 0.75))}, {"slice:s": 3}, 9)
    assert parse_profile(profile.to_json()).to_json() == profile.to_json()


@pytest.mark.parametrize("value", [None, {}, {"format": 2}, {"format": 1, "payloads": {"p": {"seen": "%"}}}])
def test_what_is_no_profile_is_refused(value: object) -> None:
    from overton.base import OvertonError

    with pytest.raises(OvertonError, match="not a profile"):
        parse_profile(value)
