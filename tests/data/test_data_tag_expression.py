import numpy as np
import pytest

from overton.base import OvertonError
from overton.data import Tags, check_tags, is_made_of_tags, plain_tag, tag_mask, with_expressions

TAGS = Tags(
    names=("annotated", "lang:en", "one tag", "slice:a", "slice:b.c-d_e"),
    first=np.array([0, 3, 5, 7, 8, 8]),
    tag=np.array([0, 1, 3, 1, 3, 1, 4, 2], np.int32),
)


@pytest.mark.parametrize(
    ("text", "records"),
    [
        ("slice:a", [0, 1]),
        ("one tag", [3]),
        ("slice:a & lang:en & !annotated", [1]),
        ("slice:a|slice:b.c-d_e", [0, 1, 2]),
        ("!lang:en", [3, 4]),
        ("!!lang:en", [0, 1, 2]),
        ("!annotated & lang:en | annotated", [0, 1, 2]),
        ("annotated | lang:en & !slice:a", [0, 2]),
        ("(annotated | lang:en) & !slice:a", [2]),
        ("!(annotated | slice:b.c-d_e)", [1, 3, 4]),
        ('"one tag" | annotated', [0, 3]),
        ("* & !lang:en", [3, 4]),
        ("  ( slice:a )  ", [0, 1]),
    ],
)
def test_an_expression_holds_of_records(text, records):
    assert np.flatnonzero(tag_mask(text, TAGS)).tolist() == records


def test_a_double_quote_of_a_name_is_written_twice():
    tags = Tags(('"', 'slice:5" nails', 'slice:has "pi"'), np.array([0, 1, 3, 3]), np.array([1, 1, 2], np.int32))
    texts = (
        '"slice:5"" nails" & !"slice:has ""pi"""',
        '"slice:has ""pi"""',
        '!"slice:5"" nails"|""""',
        'slice:5" nails',
    )
    held = [[0], [1], [2], [0, 1]]
    assert [np.flatnonzero(tag_mask(text, tags)).tolist() for text in texts] == held
    assert plain_tag('"slice:has ""pi"""', tags) == 'slice:has "pi"'


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "expected a tag, found the end, at the end of ''"),
        ("slice:a &", "expected a tag, found the end, at the end of"),
        ("slice:a & | b", "expected a tag, found '|', at character 11 of"),
        ("slice:a lang:en", "expected & or | before 'lang:en', at character 9 of"),
        ("(slice:a", "the bracket opened at character 1 is not closed, at the end of"),
        ("(slice:a lang:en)", "expected & or | before 'lang:en', at character 10 of"),
        ("slice:a)", "a bracket is closed that was not opened, at character 8 of"),
        ("slice:a !annotated", "expected & or | before '!', at character 9 of"),
        ('slice:a & "lang', "a quote is not closed, at character 11 of"),
        ('slice:a & "lang""', "a quote is not closed, at character 11 of"),
        ('slice:a & ""', "a tag without a name, at character 11 of"),
        ("!" * 60 + "a", "more than 50 brackets or ! within each other, at character 51 of"),
    ],
)
def test_a_fault_names_its_place(text, told):
    with pytest.raises(OvertonError) as fault:
        tag_mask(text, TAGS)
    (problem,) = fault.value.problems
    assert problem.code == "tags.bad-expression"
    assert told in problem.message


def test_unknown_tags_are_told_together_with_near_ones():
    with pytest.raises(OvertonError) as fault:
        tag_mask("slice:a & lang:enn | anotated", TAGS)
    assert [str(problem) for problem in fault.value.problems] == [
        "no record has the tag 'lang:enn', at character 11 of 'slice:a & lang:enn | anotated'. "
        "Did you mean 'lang:en'? [tags.unknown-tag]",
        "no record has the tag 'anotated', at character 22 of 'slice:a & lang:enn | anotated'. "
        "Did you mean 'annotated'? [tags.unknown-tag]",
    ]


def test_expressions_become_tags_and_plain_tags_stay_as_they_are():
    more = with_expressions(TAGS, ["slice:a", "slice:a & !annotated", "no-such-tag", "annotated & slice:b.c-d_e"])
    assert [name for name in more.names if name not in TAGS.names] == ["slice:a & !annotated"]
    assert more.rows("slice:a & !annotated").tolist() == [1]
    assert all(more.rows(name).tolist() == TAGS.rows(name).tolist() for name in TAGS.names)
    assert (np.diff(more.tag[more.first[1] : more.first[2]]) > 0).all()
    assert with_expressions(TAGS, ["lang:en"]) is TAGS


@pytest.mark.parametrize("text", ["(slice:a)", " slice:a ", '"slice:a"'])
def test_one_tag_in_quotes_or_brackets_is_read(text):
    assert is_made_of_tags(text)
    assert with_expressions(TAGS, [text]).rows(text).tolist() == [0, 1]


def test_the_star_is_read_and_gets_no_tag_of_its_own():
    assert is_made_of_tags("*")
    assert with_expressions(TAGS, ["*"]) is TAGS


def test_tags_that_no_record_has_are_refused_together():
    check_tags(TAGS, ["slice:a", "*", "one tag", "(lang:en)"])
    with pytest.raises(OvertonError) as fault:
        check_tags(TAGS, ["slice:aa", "!lang:em", "lang:en &"])
    assert [problem.code for problem in fault.value.problems] == [*["tags.unknown-tag"] * 2, "tags.bad-expression"]
    assert fault.value.problems[0].message == "no record has the tag 'slice:aa'"


def test_a_tag_that_looks_like_an_expression_is_the_tag():
    odd = Tags(("a & b",), np.array([0, 1, 1]), np.array([0], np.int32))
    assert is_made_of_tags("a & b")
    assert with_expressions(odd, ["a & b"]) is odd
    assert tag_mask("a & b", odd).tolist() == [True, False]
