"""By which schema records are read for a version: that of its application, or its own where the two grew apart."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from overton.artifact import Artifact
from overton.base import OvertonError, Problem, json_path
from overton.schema import Payload, Schema, Task
from overton.schema.files import load_schema


def reading_schema(home: Path | None, own: Schema) -> Schema:
    """By which schema records are read for a version.

    By that of its application, so that its row store serves and new payloads, and labels of new tasks and classes, are
    no fault; by its own where it lies in none, or where payloads, or tasks that it knows, have changed since it was
    built. What is new is no fault then either.
    """
    schema = open_schema(home, own)
    own = replace(own, payloads=(*own.payloads, *_new_payloads(schema, own)))
    payloads, tasks = _shape(schema)
    needed, known = _shape(own)
    if payloads == needed and known.items() <= tasks.items():
        return schema
    same = {name for name, task in tasks.items() if known.get(name) == task}
    added = (task for task in schema.tasks if task.name not in known and _is_kept(task, payloads, needed))
    kept = (replace(task, classes=schema.task(task.name).classes) if task.name in same else task for task in own.tasks)
    return replace(own, tasks=(*kept, *added))


def _new_payloads(schema: Schema, own: Schema) -> list[Payload]:
    """The payloads that a version does not know and that can be read beside its own, each after those it is made of.

    None where one of its own is there no more: what is new may be that by another name, which it would miss in silence.
    """
    types = {payload.name: payload.type for payload in own.payloads}
    fields = {payload.field for payload in own.payloads}
    if fields - {payload.field for payload in schema.payloads}:
        return []
    new: list[Payload] = []
    for payload in schema.by_dependency():
        is_new = payload.name not in types and payload.field not in fields
        points = payload.range is None or types.get(payload.range) == "sequence"
        if is_new and points and types.keys() >= {*payload.base}:
            types[payload.name] = payload.type
            new.append(payload)
    return new


def _is_kept(task: Task, payloads: Mapping[str, Payload], needed: Mapping[str, Payload]) -> bool:
    """Whether the payload of a task that a version does not know is read as it is now, so that its labels can be."""
    now, own = payloads[task.payload], needed.get(task.payload)
    return own is not None and (own.type, own.field) == (now.type, now.field)


def _shape(schema: Schema) -> tuple[dict[str, Payload], dict[str, Task]]:
    """A schema without the classes that the data told, and without any order: a version keeps all by name."""
    payloads = {payload.name: replace(payload, base=tuple(sorted(payload.base))) for payload in schema.payloads}
    return payloads, {task.name: task for task in schema.without_classes().tasks}


def open_schema(home: Path | None, own: Schema) -> Schema:
    """The schema of a version's application, in which classes may be new; its own where it lies in none."""
    path = home.parent / "schema.json" if home else None
    return load_schema(path) if path and path.is_file() else own


@contextmanager
def telling_of_payloads(artifact: Artifact, home: Path | None) -> Iterator[None]:
    """Where records of an application are read for a version, tell of one that is older than their payloads or tasks.

    Args:
        artifact: The version.
        home: The folder of what is derived in the application; None where the records are of none.

    Raises:
        OvertonError: Where they cannot be read and the version has payloads that the application has no more, or the
            labels at fault are of tasks that are of another type now.
    """
    try:
        yield
    except OvertonError as error:
        now = open_schema(home, artifact.schema)
        fields, own = ({payload.field for payload in one.payloads} for one in (artifact.schema, now))
        if not fields <= own:
            raise OvertonError(_other_payloads(artifact.id, fields - own, own - fields)) from None
        changed = [task for task in _changed_tasks(artifact.schema, now) if _is_at_fault(task[0], error)]
        if not changed:
            raise
        raise OvertonError(_other_task(artifact.id, *task) for task in changed) from None


def _changed_tasks(then: Schema, now: Schema) -> Iterator[tuple[Task, Task]]:
    """The tasks of a version whose labels are of another kind now: as it knows them, and as they are."""
    by_name = {task.name: task for task in now.tasks}
    for task in then.tasks:
        other = by_name.get(task.name, task)
        if (task.type, then.unit(task)) != (other.type, now.unit(other)):
            yield task, other


def _is_at_fault(task: Task, error: OvertonError) -> bool:
    """Whether labels of a task are among what could not be read."""
    place = json_path(["tasks", task.name])
    return any(f"{problem.field}.".startswith((f"{place}.", f"{place}[")) for problem in error.problems)


def _other_task(version: str, then: Task, now: Task) -> Problem:
    """That a version is older than a task of the data: no fault of these."""
    kinds = [f"{task.type} on {task.payload!r}" for task in (then, now)]
    return Problem(
        message=f"version {version} was built when the task {then.name!r} was {kinds[0]}, and it is {kinds[1]} now",
        code="review.other-tasks",
        hint="Build again and look at the new version, or give the new task a name of its own",
    )


def _other_payloads(version: str, gone: set[str], new: set[str]) -> Problem:
    """That a version is older than the payloads of the data: no fault of these."""
    read, there = (", ".join(map(repr, sorted(fields))) for fields in (gone, new))
    instead = f", where the data have {there}" if new else ", which the data have no more"
    return Problem(
        message=f"version {version} was built before the schema changed: it reads {read}{instead}",
        code="review.other-payloads",
        hint="Build again and look at the new version, or give records of its payloads with --data",
    )
