"""A select task chooses a member of a set."""

from collections.abc import Iterator

from overton.base import Problem, did_you_mean, json_path
from overton.schema.draft import Draft


def select_on_non_set(draft: Draft) -> Iterator[Problem]:
    """Singletons and sequences have no members to choose from."""
    sets = [name for name in draft.payloads if draft.payload_type(name) == "set"]
    for task in draft.tasks.values():
        name = task.get("payload")
        kind = draft.payload_type(name) if name else None
        if task.get("type") == "select" and kind not in (None, "set"):
            yield Problem(
                message=f"task {task.name!r} selects from {name!r}, which is a {kind}, not a set",
                code="schema.select-on-non-set",
                path=draft.path,
                line=draft.line("tasks", task.name, "payload"),
                field=json_path(("tasks", task.name, "payload")),
                hint=did_you_mean(name, sets) or "Declare a payload of type 'set', or use another type of task",
            )
