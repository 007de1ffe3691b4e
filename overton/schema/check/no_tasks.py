"""A schema has at least one task."""

from collections.abc import Iterator

from overton.base import Problem
from overton.schema.draft import Draft


def no_tasks(draft: Draft) -> Iterator[Problem]:
    """A model without a task has nothing to learn."""
    if isinstance(draft.value, dict) and draft.value.get("tasks") in (None, {}):
        yield Problem(
            message="the schema has no task",
            code="schema.no-tasks",
            path=draft.path,
            line=draft.line("tasks"),
            field="$.tasks",
            hint='Declare what the model predicts, such as "Intent": {"payload": "query", "type": "multiclass"}',
        )
