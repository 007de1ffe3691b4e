import time

import numpy as np
import pytest

from overton.codec.grams import Grams
from overton.data import Pool

SETTINGS = {"function": "words.v2", "gram_buckets": 1000, "gram_lengths": (2, 3), "gram_words": 2}
# Pieces of "<red>" and "<car>" by twos and threes, the words, the two together. Models rest on them: they never change.
RED_CAR = [823, 977, 270, 865, 108, 739, 902, 13, 718, 539, 298, 466, 964, 956, 296, 203, 392]


def places(pool, *rows):
    width = max(len(row) for row in rows)
    found = np.full((len(rows), width), -1, np.int32)
    for number, row in enumerate(rows):
        found[number, : len(row)] = [pool[token] for token in row]
    return found


def grams_of(*rows, settings=SETTINGS):
    pool = Pool()
    return Grams(settings).take(places(pool, *rows), pool)


def pieces(row):
    return sorted(row[row > 0].tolist())


def test_buckets_are_the_same_for_ever():
    assert grams_of(["red", "car"])[0].tolist() == RED_CAR


def test_a_text_contains_the_same_alone_as_beside_others_and_whatever_was_seen_before():
    pool, grams = Pool(), Grams(SETTINGS)
    alone = pieces(grams.take(places(pool, ["a", "red", "car"]), pool)[0])
    beside = grams.take(places(pool, ["one", "long", "row", "of", "words"], ["a", "red", "car"], []), pool)
    assert pieces(beside[1]) == alone
    assert pieces(beside[2]) == []


def test_case_and_the_digits_of_a_long_number_do_not_matter():
    assert pieces(grams_of(["Room", "1714"])[0]) == pieces(grams_of(["room", "4223"])[0])


@pytest.mark.parametrize(("function", "differs"), [("words.v1", False), ("words.v2", True)])
def test_a_room_is_told_from_another_but_where_a_model_was_built_before_that(function, differs):
    settings = {**SETTINGS, "function": function}
    assert (
        pieces(grams_of(["room", "3"], settings=settings)[0]) != pieces(grams_of(["room", "4"], settings=settings)[0])
    ) == differs


def test_words_never_seen_share_what_they_are_made_of():
    known, unknown = set(pieces(grams_of(["running"])[0])), set(pieces(grams_of(["runnings"])[0]))
    assert len(known & unknown) >= 10


def test_the_order_of_words_tells():
    one, other = set(pieces(grams_of(["red", "car"])[0])), set(pieces(grams_of(["car", "red"])[0]))
    assert len(one ^ other) == 2


def test_there_are_so_many_buckets_and_0_is_kept_for_padding():
    words = ["".join(chr(97 + (number // 26**place) % 26) for place in range(3)) for number in range(3000)]
    found = grams_of(words)
    assert found.min() == 1
    assert found.max() == SETTINGS["gram_buckets"] - 1
    assert len(np.unique(found)) > 0.99 * (SETTINGS["gram_buckets"] - 1)


def test_no_record_and_no_word_have_one_column_of_padding():
    assert grams_of([]).tolist() == [[0]]
    assert Grams(SETTINGS).take(np.zeros((0, 0), np.int32), Pool()).shape == (0, 1)


def test_odd_strings_have_pieces():
    found = grams_of(["日本語", "🍎", "\u0000x", "", "\ud800"])
    assert found.min() > 0


def test_a_word_of_a_megabyte_costs_no_more_than_a_word():
    start = time.process_time()
    found = grams_of(["x" * 1_000_000])
    assert found.shape[1] < 600
    assert time.process_time() - start < 1
