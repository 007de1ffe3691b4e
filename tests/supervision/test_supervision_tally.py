from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from overton.supervision import combine
from overton.supervision.models.patterns import Cells
from overton.supervision.tally import Tally, count, join, merge, renumber, replace_votes, without
from tests.supervision.planted import votes_of

TYPES = ("multiclass", "bitvector", "select")
SOURCES = "gstuv"
CLASSES = "wxyz"
SIZE = 3


def labels(type):
    """Labels of one unit by name of class, or by number of member, hard and soft; null abstains."""
    names = range(SIZE) if type == "select" else list(CLASSES)
    one = st.sampled_from(names)
    soft = st.dictionaries(one, st.sampled_from([0.0, 0.1, 0.25, 0.7, 1.0]), max_size=3)
    hard = st.lists(one, max_size=2, unique=True) if type == "bitvector" else one
    return st.none() | hard | hard | soft


def units(type, max_size=10):
    return st.lists(st.dictionaries(st.sampled_from(SOURCES), labels(type), max_size=4), max_size=max_size)


@st.composite
def typed_rows(draw):
    type = draw(st.sampled_from(TYPES))
    return type, draw(units(type))


def said(label):
    return list(label) if isinstance(label, dict | list) else [label]


def votes_by_name(rows, type, *, first=0, classes=None):
    """Votes whose sources and classes are those seen in the rows, as a shard knows no others."""
    if type != "select":
        seen = {name for row in rows for label in row.values() if label is not None for name in said(label)}
        classes = sorted(seen) if classes is None else classes
        number = {name: place for place, name in enumerate(classes)}
        rows = [{source: _numbered(label, number) for source, label in row.items()} for row in rows]
    candidates = [SIZE + (first + unit) % 2 for unit in range(len(rows))]
    return votes_of(rows, type=type, classes=classes or (), candidates=candidates)


def _numbered(label, number):
    if isinstance(label, dict):
        return {number[name]: share for name, share in label.items()}
    if isinstance(label, list):
        return [number[name] for name in label]
    return None if label is None else number[label]


def only(votes, sources):
    """The votes of some sources, numbered as among all."""
    keep = np.isin(votes.source, [votes.sources.index(name) for name in sources if name in votes.sources])
    size = np.diff(votes.first)
    entries = np.repeat(keep, size)
    return replace(
        votes,
        unit=votes.unit[keep],
        source=votes.source[keep],
        first=np.concatenate([[0], np.cumsum(size[keep])]),
        label=votes.label[entries],
        probability=votes.probability[entries],
    )


def arrays(tally):
    patterns, cells = tally.patterns, tally.patterns.cells
    return [
        patterns.index,
        patterns.count,
        patterns.n_options,
        *(getattr(cells, name) for name in Cells.__dataclass_fields__),
    ]


def assert_same(one: Tally, other: Tally):
    assert (one.sources, one.classes) == (other.sources, other.classes)
    for ours, theirs in zip(arrays(one), arrays(other), strict=True):
        assert ours.dtype == theirs.dtype
        assert ours.tolist() == theirs.tolist()


@given(typed_rows(), st.lists(st.integers(0, 10), max_size=3))
def test_tallies_of_any_parts_of_the_records_make_that_of_the_whole(drawn, cuts):
    type, rows = drawn
    bounds = [0, *sorted(min(cut, len(rows)) for cut in cuts), len(rows)]
    parts = [count(votes_by_name(rows[low:high], type, first=low)) for low, high in pairwise(bounds)]
    votes = votes_by_name(rows, type)
    merged = merge(parts)
    assert_same(merged, count(votes))
    found, expected = combine(votes, merged).targets, combine(votes).targets
    assert found.index.tolist() == expected.index.tolist()
    assert found.table.tobytes() == expected.table.tobytes()


@given(typed_rows(), st.sets(st.sampled_from(SOURCES)))
def test_tallies_of_two_parts_of_the_sources_make_that_of_all(drawn, some):
    type, rows = drawn
    votes = votes_by_name(rows, type)
    others = set(votes.sources) - some
    assert_same(join(count(only(votes, others)), count(only(votes, some))), count(votes))
    assert_same(without(count(votes), some), count(only(votes, others)))


@given(st.data(), st.sampled_from(TYPES), st.sets(st.sampled_from(SOURCES)))
def test_votes_of_sources_that_changed_are_replaced_as_if_all_were_counted_again(data, type, changed):
    before = data.draw(units(type))
    new = data.draw(st.lists(st.fixed_dictionaries({}, optional={name: labels(type) for name in sorted(changed)}),
                             min_size=len(before), max_size=len(before)))  # fmt: skip
    after = [
        {name: label for name, label in row.items() if name not in changed} | added
        for row, added in zip(before, new, strict=True)
    ]
    votes = votes_by_name(after, type)
    found = replace_votes(count(votes_by_name(before, type)), changed, only(votes, changed))
    assert_same(found, count(votes))


def test_the_order_in_which_a_vote_names_its_labels_is_not_kept():
    rows = [{"s": {2: 0.5, 0: 0.25, 1: 0.25}}, {"s": {0: 0.25, 1: 0.25, 2: 0.5}}, {"s": {1: 0.25, 2: 0.5, 0: 0.25}}]
    tallies = [count(votes_of(some)) for some in (rows, rows[::-1], rows[1:] + rows[:1])]
    for tally in [*tallies, merge([count(votes_of([row])) for row in rows])]:
        assert tally.patterns.count.tolist() == [3]
        assert tally.patterns.cells.label.tolist() == [0, 1, 2]
        assert tally.patterns.cells.weight.tolist() == [0.25, 0.25, 0.5]


@pytest.mark.parametrize("type", TYPES)
def test_many_patterns_are_paired_without_a_table_of_all_pairs(type):
    random = np.random.default_rng(0)
    soft = [
        {f"s{source}": {0: share, 1: 1 - share} for source, share in enumerate(random.random(4))} for _ in range(400)
    ]
    votes = votes_of(soft, type=type, candidates=[3] * 400)
    assert_same(join(count(only(votes, ["s0", "s2"])), count(only(votes, ["s1", "s3"]))), count(votes))


def test_gold_is_never_counted():
    votes = votes_of([{"s": 1, "gold": 2}, {"gold": 1}])
    tally = count(votes)
    assert tally.patterns.index.tolist() == [0, -1]
    assert tally.patterns.cells.source.tolist() == [1]


def test_sources_keep_their_meaning_where_they_are_numbered_anew():
    votes = votes_of([{"s": 1, "t": 2}, {"t": 0}])
    moved = renumber(count(votes), ("r", "s", "t"), ("b", "c", "a"))
    names = {
        (moved.sources[source], moved.classes[label])
        for source, label in zip(moved.patterns.cells.source, moved.patterns.cells.label, strict=True)
    }
    assert names == {("s", "b"), ("t", "c"), ("t", "a")}
    assert_same(renumber(moved, votes.sources, votes.task.classes), count(votes))


def test_gold_alone_is_enough_beside_a_tally():
    rows = [{"s": n % 3, "t": n % 2, "u": 1, "gold": n % 3} for n in range(300)]
    votes = votes_of(rows)
    training = np.arange(300) < 100
    one = combine(votes, training=training, dev=~training)
    other = combine(only(votes, ["gold"]), count(only(votes, "stu")), training=training, dev=~training)
    assert one.targets.table.tobytes() == other.targets.table.tobytes()
    assert one.accuracy == other.accuracy
    assert one.n_known == other.n_known == 200
