"""A multiclass task that declares its classes has at least two, a bitvector at least one."""

from collections.abc import Iterator

from overton.base import Problem, json_path
from overton.schema.draft import Draft
from overton.schema.types import LEAST_CLASSES


def too_few_classes(draft: Draft) -> Iterator[Problem]:
    """With one class there is nothing to choose; without the key the classes come from the data."""
    for task in draft.tasks.values():
        fewest, classes = LEAST_CLASSES.get(task.get("type"), 0), task.get("classes")
        if classes is not None and len(set(classes)) < fewest:
            yield Problem(
                message=f"a {task.get('type')} task needs at least {fewest} class{'es' if fewest > 1 else ''}, "
                f"got {len(set(classes))}",
                code="schema.too-few-classes",
                path=draft.path,
                line=draft.line("tasks", task.name, "classes"),
                field=json_path(("tasks", task.name, "classes")),
                hint="Leave the key out to take the classes from the data",
            )
