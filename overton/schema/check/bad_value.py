"""The value of every key is of the kind that the key asks for."""

import json
from collections.abc import Iterator

from overton.base import Problem, json_path, writable
from overton.schema.draft import Draft, PathPart
from overton.schema.keys import EXPECTED, TOP_KEYS, Key, accepts

SHOWN = 60


def bad_value(draft: Draft) -> Iterator[Problem]:
    """Objects are objects, lists are lists, names are texts, and lengths are whole numbers from 1."""
    if not isinstance(draft.value, dict):
        yield _problem(draft, (), draft.value, "an object with the keys 'payloads' and 'tasks'")
        return
    for section in TOP_KEYS:
        content = draft.value.get(section)
        if content is not None and not isinstance(content, dict):
            yield _problem(draft, (section,), content, "an object from name to declaration")
    for section, keys, name, value in draft.sections():
        if not isinstance(value, dict):
            yield _problem(draft, (section, name), value, "an object")
            continue
        for key, content in value.items():
            if key in keys:
                yield from _bad(draft, (section, name, key), content, keys[key])


def _bad(draft: Draft, parts: tuple[PathPart, ...], content: object, key: Key) -> Iterator[Problem]:
    if accepts(key.kind, content):
        return
    if key.kind == "texts" and isinstance(content, list):
        for index, item in enumerate(content):
            if not accepts("text", item):
                yield _problem(draft, (*parts, index), item, EXPECTED["text"])
        return
    hint = f"Write [{json.dumps(content)}]" if key.kind == "texts" and isinstance(content, str) else ""
    expected = " or ".join(repr(option) for option in key.options) or EXPECTED[key.kind]
    yield _problem(draft, parts, content, expected, hint)


def _problem(draft: Draft, parts: tuple[PathPart, ...], value: object, expected: str, hint: str = "") -> Problem:
    seen = writable(json.dumps(value, ensure_ascii=False))
    return Problem(
        message=f"expected {expected}, got {seen if len(seen) <= SHOWN else seen[: SHOWN - 3] + '...'}",
        code="schema.bad-value",
        path=draft.path,
        line=draft.line(*parts),
        field=json_path(parts),
        hint=hint,
    )
