"""A select task has no classes."""

from collections.abc import Iterator

from overton.base import Problem, json_path
from overton.schema.draft import Draft


def classes_on_select(draft: Draft) -> Iterator[Problem]:
    """It chooses among the members of a set, which differ from record to record."""
    for section, _, name, value in draft.sections():
        if section == "tasks" and isinstance(value, dict) and value.get("type") == "select" and "classes" in value:
            yield Problem(
                message=f"task {name!r} selects a member of a set, it has no classes",
                code="schema.classes-on-select",
                path=draft.path,
                line=draft.line("tasks", name, "classes"),
                field=json_path(("tasks", name, "classes")),
                hint="Leave the key out",
            )
