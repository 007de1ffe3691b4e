"""Types of payloads and tasks are among those that exist."""

from collections.abc import Iterator

from overton.base import Problem, did_you_mean, json_path
from overton.schema.draft import Draft
from overton.schema.keys import accepts


def unknown_type(draft: Draft) -> Iterator[Problem]:
    """Payloads are singletons, sequences or sets; tasks are multiclass, bitvector or select."""
    for section, keys, name, value in draft.sections():
        key = keys["type"]
        given = value.get("type") if isinstance(value, dict) else None
        if isinstance(given, str) and accepts("text", given) and given not in key.options:
            yield Problem(
                message=f"{given!r} is not a type of {section[:-1]}",
                code="schema.unknown-type",
                path=draft.path,
                line=draft.line(section, name, "type"),
                field=json_path((section, name, "type")),
                hint=did_you_mean(given, key.options),
            )
