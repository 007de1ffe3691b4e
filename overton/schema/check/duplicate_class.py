"""A task names a class once."""

from collections.abc import Iterator

from overton.base import Problem, json_path
from overton.schema.draft import Draft


def duplicate_class(draft: Draft) -> Iterator[Problem]:
    """Two outputs of one name could not be told apart."""
    for task in draft.tasks.values():
        first: dict[str, int] = {}
        for index, name in enumerate(task.get("classes", ())):
            if first.setdefault(name, index) != index:
                yield Problem(
                    message=f"class {name!r} is already at [{first[name]}]",
                    code="schema.duplicate-class",
                    path=draft.path,
                    line=draft.line("tasks", task.name, "classes", index),
                    field=json_path(("tasks", task.name, "classes", index)),
                    hint="Keep one of the two",
                )
