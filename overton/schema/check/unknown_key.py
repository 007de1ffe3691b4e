"""Only known keys stand in a schema, its payloads and its tasks."""

from collections.abc import Iterator, Mapping

from overton.base import Problem, did_you_mean, json_path
from overton.schema.draft import Draft
from overton.schema.keys import EDITOR_KEY, TOP_KEYS


def unknown_key(draft: Draft) -> Iterator[Problem]:
    """A key that means nothing is a slip of the pen, and what was meant by it would be lost."""
    yield from _unknown(draft, (), draft.value, {**TOP_KEYS, EDITOR_KEY: ""}, "a schema")
    for section, keys, name, value in draft.sections():
        yield from _unknown(draft, (section, name), value, keys, f"a {section[:-1]}")


def _unknown(
    draft: Draft, parts: tuple[str, ...], value: object, known: Mapping[str, object], owner: str
) -> Iterator[Problem]:
    for key in value if isinstance(value, dict) else ():
        if key not in known:
            yield Problem(
                message=f"{key!r} is not a key of {owner}",
                code="schema.unknown-key",
                path=draft.path,
                line=draft.line(*parts, key),
                field=json_path((*parts, key)),
                hint=did_you_mean(key, [name for name in known if name != EDITOR_KEY]),
            )
