"""Problems: how they are printed and grouped."""

import pickle

import pytest

from overton.base import OvertonError, Problem, group_problems, render_problems


def test_a_problem_prints_its_place_its_field_its_hint_and_its_code() -> None:
    field, hint = "$.tasks.Intent.crowd", "Did you mean 'Height'?"
    problem = Problem("unknown label 'Heigth'", "record.unknown-class", "a.jsonl", 14, field, hint)
    assert str(problem) == (
        "a.jsonl:14: $.tasks.Intent.crowd: unknown label 'Heigth'. Did you mean 'Height'? [record.unknown-class]"
    )


def test_a_problem_without_a_place_prints_its_message_and_code() -> None:
    assert str(Problem("nothing to do", "x.y")) == "nothing to do [x.y]"


def test_problems_of_one_kind_become_the_first_with_their_number() -> None:
    problems = [Problem(f"bad {line}", "a.b", "f", line, kind="k") for line in (3, 4, 5)]
    other = Problem("worse", "a.c")
    grouped = group_problems([other, *problems])
    assert [str(problem) for problem in grouped] == ["f:3: bad 3 [a.b] (and 2 more of this kind)", "worse [a.c]"]


def test_grouping_twice_keeps_the_number() -> None:
    problems = [Problem("bad", "a.b")] * 5
    assert group_problems(group_problems(problems))[0].count == 5


def test_a_long_list_is_cut_and_says_so() -> None:
    text = render_problems([Problem(f"bad {number}", "a.b") for number in range(25)])
    assert text.splitlines()[-1] == "... and 5 more"
    assert len(text.splitlines()) == 21


def test_an_error_shows_all_its_problems() -> None:
    with pytest.raises(OvertonError, match=r"one \[a.b\]\ntwo \[a.b\]"):
        raise OvertonError([Problem("one", "a.b"), Problem("two", "a.b")])


def test_an_error_of_another_process_is_the_same_error() -> None:
    error = OvertonError([Problem("no such task", "record.unknown-task", "data/a.jsonl", 3), Problem("bad", "x.bad")])
    copied = pickle.loads(pickle.dumps(error))
    assert copied.problems == error.problems
    assert str(copied) == str(error)
