import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from overton.codec import Chain, decode, flat_of
from overton.codec import chain as chain_module
from overton.codec.bio import find_bio
from overton.schema import Task
from tests.properties import examples

BIO = ("B-city", "B-time", "I-city", "I-time", "O")
PLAIN = ("NOUN", "VERB", "X")


def made_up(seed, lengths, classes):
    random = np.random.default_rng(seed)
    logits = random.normal(size=(len(lengths), 5, len(classes))).astype(np.float32) * 2
    transitions = random.normal(size=(len(classes) + 2, len(classes))).astype(np.float32)
    return logits, transitions


def sequences(logits, transitions, classes):
    """Every allowed sequence with its score."""
    bio = find_bio(classes)
    for path in itertools.product(range(len(classes)), repeat=len(logits)):
        pairs = list(itertools.pairwise(path))
        if bio is None or (bio.first[path[0]] and all(bio.before[pair] for pair in pairs)):
            tokens = sum(float(logits[place, label]) for place, label in enumerate(path))
            ends = float(transitions[-2, path[0]] + transitions[-1, path[-1]])
            yield path, tokens + ends + sum(float(transitions[pair]) for pair in pairs)


@given(st.integers(0, 10_000), st.lists(st.integers(0, 4), min_size=1, max_size=5), st.sampled_from([BIO, PLAIN]))
@examples(15)
def test_labels_are_the_likeliest_sequence_and_probabilities_sum_over_all(seed, lengths, classes):
    logits, transitions = made_up(seed, lengths, classes)
    task = Task("Slot", "tokens", "multiclass", classes)
    chain = Chain.of(transitions, classes)
    predictions = decode(task, logits, np.array(lengths, np.int32), chain=chain)
    for row, length in enumerate(lengths):
        if not length:
            continue
        found = dict(sequences(logits[row, :length], transitions, classes))
        part = slice(*predictions.offsets[row : row + 2])
        label = tuple(predictions.label[part].tolist())
        assert found[label] == pytest.approx(max(found.values()), abs=1e-4)
        total = np.logaddexp.reduce(list(found.values()))
        expected = np.zeros((length, len(classes)))
        for path, score in found.items():
            expected[np.arange(length), path] += np.exp(score - total)
        assert np.abs(predictions.probability[part] - expected).max() < 1e-5


def test_a_chain_of_zeros_is_each_token_by_itself():
    logits, transitions = made_up(0, [5, 3], PLAIN)
    task = Task("POS", "tokens", "multiclass", PLAIN)
    lengths = np.array([5, 3])
    plain = decode(task, logits, lengths)
    chained = decode(task, logits, lengths, chain=Chain.of(0 * transitions, PLAIN))
    assert chained.label.tolist() == plain.label.tolist()
    assert np.abs(chained.probability - plain.probability).max() < 1e-6


def test_many_records_are_decoded_as_each_alone():
    random = np.random.default_rng(1)
    logits = random.normal(size=(300, 5, len(BIO))).astype(np.float32)
    logits[7, 3:] = np.nan  # what stands at padding may be no number
    lengths = random.integers(0, 6, 300)
    lengths[7] = 3
    chain = Chain.of(made_up(2, [1], BIO)[1], BIO)
    task = Task("Slot", "tokens", "multiclass", BIO)
    together = decode(task, logits, lengths, chain=chain)
    alone = [decode(task, logits[row : row + 1], lengths[row : row + 1], chain=chain) for row in range(300)]
    assert together.label.tolist() == [label for one in alone for label in one.label.tolist()]
    assert np.allclose(together.probability, np.concatenate([one.probability for one in alone]), atol=1e-6)


@pytest.mark.parametrize("few", [(1,), (2,), (1, 2), (8,)])
def test_labels_are_the_same_with_and_without_probabilities_sure_or_not(few, monkeypatch):
    monkeypatch.setattr(chain_module, "FEW", few)
    monkeypatch.setattr(chain_module, "SMALL", 0)
    random = np.random.default_rng(3)
    chain = Chain.of(made_up(4, [1], BIO)[1], BIO)
    logits = random.normal(size=(200, 5, len(BIO))).astype(np.float32) * np.linspace(0.1, 8, 200)[:, None, None]
    logits = logits.astype(np.float32)
    lengths = random.integers(1, 6, 200)
    scores = flat_of(logits, lengths)
    searched = chain.search(scores, lengths)
    for probabilities in (False, True):
        assert np.array_equal(chain.decode(scores, lengths, probabilities=probabilities)[0], searched)


def test_very_sure_scores_overflow_nothing():
    logits = np.array([[[500, -500, 0], [-500, 500, 0], [0, 0, 900]]], np.float32)
    chain = Chain.of(np.full((5, 3), -60, np.float32), PLAIN)
    found = decode(Task("POS", "tokens", "multiclass", PLAIN), logits, np.array([3]), chain=chain)
    assert found.label.tolist() == [0, 1, 2]
    assert np.allclose(found.probability, np.eye(3))


def test_without_probabilities_there_is_no_column():
    logits, transitions = made_up(0, [5, 0], PLAIN)
    task = Task("POS", "tokens", "multiclass", PLAIN)
    found = decode(task, logits, np.array([5, 0]), chain=Chain.of(transitions, PLAIN), probabilities=False)
    assert found.probability.shape == (5, 0)
    assert len(found.label) == 5


def test_a_temperature_divides_the_chain_as_well():
    logits, transitions = made_up(6, [5, 2], BIO)
    task = Task("Slot", "tokens", "multiclass", BIO)
    halved = decode(task, logits / 2, np.array([5, 2]), chain=Chain.of(transitions / 2, BIO))
    warm = decode(task, logits, np.array([5, 2]), chain=Chain.of(transitions, BIO), temperature=2.0)
    assert np.allclose(warm.probability, halved.probability, atol=1e-6)
    assert warm.label.tolist() == halved.label.tolist()


def test_transitions_of_another_number_of_classes_are_refused():
    with pytest.raises(ValueError, match="for 3 classes"):
        Chain.of(np.zeros((6, 4), np.float32), PLAIN)


@pytest.mark.parametrize("classes", [BIO, PLAIN])
@pytest.mark.parametrize("spread", [20, 60, 200, 1000])
def test_scores_that_lie_far_apart_are_decoded_as_the_sum_over_all_sequences(spread, classes):
    random = np.random.default_rng(spread)
    lengths = np.array([4, 4, 3, 2, 1, 4, 4, 4])
    logits = (random.normal(size=(8, 4, len(classes))) * spread).astype(np.float32)
    transitions = (random.normal(size=(len(classes) + 2, len(classes))) * spread).astype(np.float32)
    task, chain = Task("Slot", "tokens", "multiclass", classes), Chain.of(transitions, classes)
    for temperature in (0.5, 1.0, 3.0):
        found = decode(task, logits, lengths, chain=chain, temperature=temperature)
        assert np.isfinite(found.probability).all()
        quick = decode(task, logits, lengths, chain=chain, temperature=temperature, probabilities=False)
        assert quick.label.tolist() == found.label.tolist()
        for row, length in enumerate(lengths.tolist()):
            every = dict(sequences(logits[row, :length], transitions, classes))
            part = slice(*found.offsets[row : row + 2])
            best = every[tuple(found.label[part].tolist())]
            assert best == pytest.approx(max(every.values()), abs=1e-4 * spread)
            total = np.logaddexp.reduce([score / temperature for score in every.values()])
            expected = np.zeros((length, len(classes)))
            for path, score in every.items():
                expected[np.arange(length), path] += np.exp(score / temperature - total)
            assert np.abs(found.probability[part] - expected).max() < 1e-3


@pytest.mark.parametrize("spread", [10, 25, 50, 200])
def test_many_records_of_far_scores_have_the_labels_of_the_search(spread, monkeypatch):
    monkeypatch.setattr(chain_module, "SMALL", 0)
    random = np.random.default_rng(spread)
    classes = (*BIO, *(f"{kind}-x{number}" for number in range(12) for kind in "BI"))
    logits = (random.normal(size=(200, 6, len(classes))) * spread).astype(np.float32)
    transitions = (random.normal(size=(len(classes) + 2, len(classes))) * spread).astype(np.float32)
    chain, lengths = Chain.of(transitions, classes), random.integers(1, 7, 200)
    scores = flat_of(logits, lengths)
    searched = chain.search(scores, lengths)
    for probabilities in (False, True):
        assert np.array_equal(chain.decode(scores, lengths, probabilities=probabilities)[0], searched)


@given(
    st.integers(0, 10_000),
    st.sampled_from([0.1, 0.5, 1.5, 4.0, 12.0]),
    st.sampled_from([0.1, 1.0, 3.0]),
    st.sampled_from(["bio", "plain"]),
)
@examples(30)
def test_what_is_not_searched_could_not_be_better(seed, spread, pairs, kind):
    random = np.random.default_rng(seed)
    numbers = range(17)
    classes = (
        tuple(f"X{n}" for n in numbers) if kind == "plain" else ("O", *(f"{k}-x{n}" for n in numbers for k in "BI"))
    )
    logits = (random.normal(size=(40, 6, len(classes))) * spread).astype(np.float32)
    logits[:, :, 0] += random.choice([0, 3 * spread], (40, 6)).astype(np.float32)
    transitions = (random.normal(size=(len(classes) + 2, len(classes))) * pairs).astype(np.float32)
    chain, lengths = Chain.of(transitions, classes), random.integers(0, 7, 40)
    scores = flat_of(logits, lengths)
    before = scores.copy()
    searched = chain.search(scores, lengths)
    assert np.array_equal(chain.label(scores, lengths), searched)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(chain_module, "SMALL", 0)
        assert np.array_equal(chain.label(scores, lengths), searched)
    assert np.array_equal(scores, before)
