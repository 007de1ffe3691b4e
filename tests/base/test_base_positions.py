import json

from hypothesis import given
from hypothesis import strategies as st

from overton.base import json_path, locate_json


def test_lines_of_keys_and_items_are_found():
    text = '{"a": {"x": 1},\n "b": [\n  [true,\n   null],\n  {"y": "}{,:"}]}'
    assert locate_json(text).lines == {
        "$": 1,
        "$.a": 1,
        "$.a.x": 1,
        "$.b": 2,
        "$.b[0]": 3,
        "$.b[0][0]": 3,
        "$.b[0][1]": 4,
        "$.b[1]": 5,
        "$.b[1].y": 5,
    }


def test_a_key_that_its_object_already_has_is_a_duplicate():
    text = '{"a": {"x": 1},\n "b": {"x": 1},\n "a": {"x": 1,\n  "x": "\\u0041"}}'
    assert locate_json(text).duplicates == (("$.a", 3), ("$.a.x", 4))


def test_keys_that_are_no_plain_words_are_quoted():
    assert json_path(("tasks", "a.b", 0, "it's")) == "$.tasks['a.b'][0][\"it's\"]"


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


def paths(value, parts=()):
    yield json_path(parts)
    for key, inner in value.items() if isinstance(value, dict) else ():
        yield from paths(inner, (*parts, key))
    for index, inner in enumerate(value) if isinstance(value, list) else ():
        yield from paths(inner, (*parts, index))


@given(values, st.sampled_from([None, 1]), st.booleans())
def test_every_value_of_any_json_is_found_once(value, indent, ascii_only):
    positions = locate_json(json.dumps(value, indent=indent, ensure_ascii=ascii_only))
    assert set(positions.lines) == set(paths(value))
    assert positions.duplicates == ()
