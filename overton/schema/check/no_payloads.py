"""A schema has at least one payload."""

from collections.abc import Iterator

from overton.base import Problem
from overton.schema.draft import Draft


def no_payloads(draft: Draft) -> Iterator[Problem]:
    """A model that reads nothing predicts nothing."""
    if isinstance(draft.value, dict) and draft.value.get("payloads") in (None, {}):
        yield Problem(
            message="the schema has no payload",
            code="schema.no-payloads",
            path=draft.path,
            line=draft.line("payloads"),
            field="$.payloads",
            hint='Declare what the model reads, such as "tokens": {"type": "sequence"}',
        )
