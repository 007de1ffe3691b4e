"""Names, seeds, suggestions and digests."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overton.base import MOST_SEED, OvertonError, check_name, check_seed, did_you_mean, digest_json, is_name, nearest


@pytest.mark.parametrize("name", ["a", "live", "v1.2-rc_3", "0" * 64])
def test_safe_names_are_accepted(name: str) -> None:
    assert check_name(name, "an alias") == name


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a\\b", "-x", "a b", "é", "a\n", "0" * 65])
def test_names_that_could_leave_a_folder_are_refused(name: str) -> None:
    with pytest.raises(OvertonError, match="is not a valid name of an alias"):
        check_name(name, "an alias")


@given(st.text())
def test_a_name_never_holds_a_separator_of_paths(text: str) -> None:
    assert not (is_name(text) and set(text) & set("/\\\0"))


@pytest.mark.parametrize("seed", [-1, MOST_SEED + 1, 2**64, "1", 1.5])
def test_a_seed_that_numpy_or_torch_would_not_take_is_refused(seed: object) -> None:
    assert check_seed(MOST_SEED) == MOST_SEED
    with pytest.raises(OvertonError, match="expected a seed from 0"):
        check_seed(seed)


def test_a_near_miss_is_suggested_whatever_its_case() -> None:
    assert nearest("TOKENS", ["tokens", "query"]) == ["tokens"]
    assert did_you_mean("Heigth", ["Height", "Age"]) == "Did you mean 'Height'?"


def test_many_far_names_are_not_listed() -> None:
    assert did_you_mean("zzzz", [f"name{number}" for number in range(50)]) == ""


@given(st.dictionaries(st.text(), st.integers() | st.text() | st.none()))
def test_a_digest_does_not_depend_on_the_order_of_keys(value: dict) -> None:
    assert digest_json(value) == digest_json(dict(reversed(value.items())))
    assert digest_json(value) != digest_json({**value, "one more key": 1})
