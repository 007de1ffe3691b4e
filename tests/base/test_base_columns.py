"""Columns of a terminal: what wide characters, marks and hidden ones take, and lines that keep within them."""

import textwrap
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overton.base import aligned, cut, padded, shortened, width_of, wrapped

WORDS = st.text(st.sampled_from("ab- 東京e\u0301🗼"), max_size=60)


@pytest.mark.parametrize(
    ("text", "width"),
    [
        ("Zürich", 6),
        (unicodedata.normalize("NFD", "Zürich"), 6),
        ("東京", 4),
        (unicodedata.normalize("NFD", "한국"), 4),
        ("ｶﾀｶﾅ", 4),
        ("🗼", 2),
        ("क\u094dक", 2),
        ("a\u200db", 2),
        ("\x1b[2J", 9),
    ],
)
def test_a_text_is_as_wide_as_a_terminal_shows_it(text: str, width: int) -> None:
    assert width_of(text) == width
    assert width_of(padded(text, 12)) == width_of(padded(text, 12, right=True)) == 12


@given(WORDS, st.integers(4, 20))
def test_a_line_keeps_within_its_columns_and_loses_nothing(text: str, width: int) -> None:
    lines = wrapped(text, width, indent="> ", indent_rest="  ")
    assert all(width_of(line) <= width for line in lines)
    assert "".join("".join(line[2:] for line in lines).split()) == "".join(text.split())
    assert width_of(cut(text, width)) <= width
    assert width_of(shortened(text, width)) <= width


@given(st.text(st.sampled_from("ab-  é"), max_size=60), st.integers(4, 20))
def test_text_without_wide_characters_is_wrapped_as_ever(text: str, width: int) -> None:
    assert wrapped(text, width, indent="  ") == textwrap.wrap(text, width, initial_indent="  ", subsequent_indent="  ")


def test_a_word_that_may_not_be_broken_stands_whole_and_what_is_aligned_stays_so() -> None:
    assert wrapped("a 東京都港区 b", 6, break_long_words=False) == ["a", "東京都港区", "b"]
    assert wrapped("東京   12", 20) == ["東京   12"]


def test_blanks_before_a_text_stay_whatever_it_is_made_of() -> None:
    for word in ("cat", "猫"):
        lines = wrapped(f"  2. has(tokens, '{word}')", 16, indent_rest="     ")
        assert lines == ["  2. has(tokens,", f"     '{word}')"]
    assert wrapped("   東京", 4) == ["東京"]


def test_a_table_without_rows_has_no_line() -> None:
    assert aligned([]) == []
