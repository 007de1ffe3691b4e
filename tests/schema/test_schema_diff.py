import pytest

from overton.schema import diff_schemas, parse_schema

OLD = """{"payloads": {"tokens": {"type": "sequence"}, "query": {"type": "singleton", "base": ["tokens"]},
  "page": {"type": "singleton"}, "entities": {"type": "set", "range": "tokens"}},
 "tasks": {"Intent": {"payload": "query", "type": "multiclass", "classes": ["a", "b"]},
  "Arg": {"payload": "entities", "type": "select"}}}"""


def changes(*replaced: tuple[str, str]) -> list[tuple[str, str, str]]:
    text = OLD
    for old, new in replaced:
        assert old in text
        text = text.replace(old, new)
    return [
        (change.kind, change.field, change.message) for change in diff_schemas(parse_schema(OLD), parse_schema(text))
    ]


def test_a_schema_does_not_differ_from_itself():
    assert changes() == []


@pytest.mark.parametrize(
    ("old", "new", "field", "message"),
    [
        ('"page": {"type": "singleton"}, ', "", "$.payloads.page", "payload 'page' is gone"),
        (
            '"page": {"type": "singleton"}',
            '"page": {"type": "set"}',
            "$.payloads.page.type",
            "was 'singleton', is 'set'",
        ),
        ('"range": "tokens"', '"field": "tokenz"', "$.payloads.entities.field", "was 'entities', is 'tokenz'"),
        (', "range": "tokens"', "", "$.payloads.entities.range", "was 'tokens', is none"),
        ('"base": ["tokens"]', '"base": []', "$.payloads.query.base", "was 'tokens', is none"),
        (',\n  "Arg": {"payload": "entities", "type": "select"}', "", "$.tasks.Arg", "task 'Arg' is gone"),
        ('"type": "multiclass"', '"type": "bitvector"', "$.tasks.Intent.type", "was 'multiclass', is 'bitvector'"),
        ('"payload": "query"', '"payload": "page"', "$.tasks.Intent.payload", "was 'query', is 'page'"),
        ('["a", "b"]', '["a", "c"]', "$.tasks.Intent.classes", "class 'b' of task 'Intent' is gone"),
    ],
)
def test_what_a_client_of_the_old_schema_relies_on_is_breaking(old, new, field, message):
    kind, changed, said = changes((old, new))[0]
    assert (kind, changed) == ("breaking", field)
    assert said.endswith(message)


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        (
            '"page": {"type": "singleton"}',
            '"page": {"type": "singleton"}, "title": {"type": "singleton"}',
            "$.payloads.title",
        ),
        ('"type": "sequence"', '"type": "sequence", "max_length": 5', "$.payloads.tokens.max_length"),
        ('"base": ["tokens"]', '"base": ["tokens", "page"]', "$.payloads.query.base"),
        ('"tasks": {', '"tasks": {"POS": {"payload": "tokens", "type": "multiclass"}, ', "$.tasks.POS"),
        ('["a", "b"]', '["b", "a", "c"]', "$.tasks.Intent.classes"),
        ("multiclass", "multiclass", ""),
    ],
)
def test_what_only_adds_is_compatible(old, new, field):
    found = changes((old, new))
    assert [(kind, changed) for kind, changed, _ in found] == ([("compatible", field)] if field else [])


def test_breaking_changes_come_first():
    found = changes(('"page": {"type": "singleton"}, ', '"title": {"type": "singleton"}, '))
    assert [kind for kind, _, _ in found] == ["breaking", "compatible"]
