"""Faults of a record's labels: of the wrong kind for their task, too many or too few, naming what does not exist."""

from contextlib import suppress
from typing import Any

from overton.base import Problem, count_of, did_you_mean
from overton.data.faults.payloads import UNKNOWN, Sizes
from overton.data.faults.syntax import Faults, Path, TooManyFaults, Wrong, as_json, show
from overton.data.names import MAX_SOURCE_LENGTH, is_source_name
from overton.data.record import SUM_TOLERANCE, member_index
from overton.schema import Schema, Task


def label_faults(tasks: Any, schema: Schema, sizes: Sizes) -> list[Problem]:
    """Every fault of labels that are to be added to a record.

    Args:
        tasks: Labels by task, then by source, as JSON values.
        schema: The schema, its classes told.
        sizes: Items of each payload of the record as given; None where it is null.
    """
    faults = Faults("", 0)
    with suppress(TooManyFaults):
        check_tasks(tasks, schema, sizes, faults)
    return faults.found


def check_tasks(tasks: Any, schema: Schema, sizes: Sizes | None, faults: Faults) -> None:
    """Tell the faults of the labels of a record.

    Args:
        tasks: The value of `tasks`.
        schema: The schema.
        sizes: Items of each payload; None where the record adds to another that is not known yet.
        faults: Where they go.
    """
    if tasks is None or isinstance(tasks, Wrong):
        return
    if not isinstance(tasks, dict):
        faults.add("record.label-type", ("tasks",), f"expected an object of tasks, got {show(tasks)}")
        return
    by_name = {task.name: task for task in schema.tasks}
    for name, by_source in tasks.items():
        at: Path = ("tasks", name)
        if name not in by_name:
            faults.add("record.unknown-task", at, f"there is no task {name!r}", did_you_mean(name, by_name))
        elif isinstance(by_source, dict):
            for source, label in by_source.items():
                if not is_source_name(source):
                    hint = f"A source is a printable text of 1 to {MAX_SOURCE_LENGTH} characters"
                    faults.add("record.bad-source", at, f"{show(source)} cannot name a source", hint)
                _check_list(label, by_name[name], schema, sizes, (*at, source), faults)
        elif by_source is not None and not isinstance(by_source, Wrong):
            hint = (
                f'Name the source of the label: {{"gold": {as_json(by_source)}}}'
                if isinstance(by_source, str | int)
                else ""
            )
            faults.add("record.label-type", at, f"expected an object of sources, got {show(by_source)}", hint)


def _check_list(label: Any, task: Task, schema: Schema, sizes: Sizes | None, at: Path, faults: Faults) -> None:
    if label is None or isinstance(label, Wrong):
        return
    unit = schema.unit(task)
    size = sizes.get(task.payload, UNKNOWN) if sizes is not None else UNKNOWN
    if unit == "record":
        _check_label(label, task, size, at, faults)
        return
    if not isinstance(label, list):
        many = "labels" if size in (None, UNKNOWN) else count_of(size or 0, "label")
        faults.add("record.label-type", at, f"expected a list of {many}, one a {unit}, got {show(label)}")
        return
    _check_length(label, task, unit, size, at, faults)
    for number, element in enumerate(label):
        _check_label(element, task, UNKNOWN, (*at, number), faults)


def _check_length(label: list[Any], task: Task, unit: str, size: int | None, at: Path, faults: Faults) -> None:
    if size == UNKNOWN:
        return
    if size is None:
        faults.add(
            "record.label-length",
            at,
            f"{count_of(len(label), 'label')} for {task.payload!r}, which is null",
            "Write null to abstain",
        )
    elif size != len(label):
        hint = f"A list of labels has one a {unit}; null abstains" if size else "Write null to abstain"
        faults.add("record.label-length", at, f"{count_of(len(label), 'label')} for {count_of(size, unit)}", hint)


def _check_label(label: Any, task: Task, size: int | None, at: Path, faults: Faults) -> None:
    if label is None or isinstance(label, Wrong):
        return
    if isinstance(label, dict):
        _check_soft(label, task, size, at, faults)
    elif task.type == "select":
        if type(label) is not int:
            faults.add(
                "record.label-type", at, f"expected the index of a member, got {show(label)}", "Indexes count from 0"
            )
        else:
            _check_member(label, task, size, at, faults)
    elif task.type == "bitvector":
        if not isinstance(label, list):
            hint = f"Write {as_json([label])}" if isinstance(label, str) else ""
            faults.add("record.label-type", at, f"expected a list of classes, got {show(label)}", hint)
            return
        for number, name in enumerate(label):
            _check_class(name, task, (*at, number), faults)
    else:
        _check_class(label, task, at, faults)


def _check_class(name: Any, task: Task, at: Path, faults: Faults) -> None:
    if isinstance(name, Wrong):
        return
    if not isinstance(name, str):
        kind = f"{task.name} {type(name).__name__}"
        faults.add(
            "record.label-type",
            at,
            f"expected a class, got {show(name)}",
            f"The task {task.name!r} is a {task.type}",
            kind,
        )
    elif not name.strip():
        hint = "Write null to abstain"
        faults.add("record.empty-label", at, f"the label {show(name)} names no class", hint, task.name)
    elif task.classes and name not in task.classes:
        hint = did_you_mean(name, task.classes) or "Correct it, or add it to the 'classes' of the task in schema.json"
        faults.add("record.unknown-label", at, f"unknown label {show(name)}", hint, f"{task.name} {name}")


def _check_member(index: int, task: Task, size: int | None, at: Path, faults: Faults) -> None:
    if index < 0:
        faults.add("record.select-index", at, f"the index {index} is negative", "Indexes count from 0")
    elif size is None:
        faults.add("record.select-index", at, f"the index {index} selects from {task.payload!r}, which is null")
    elif size != UNKNOWN and index >= size:
        hint = "Indexes count from 0" if size else "Write null where there is nothing to select"
        faults.add(
            "record.select-index",
            at,
            f"the index {index} is outside {task.payload!r}, which has {count_of(size, 'member')}",
            hint,
        )


def _check_soft(label: dict[str, Any], task: Task, size: int | None, at: Path, faults: Faults) -> None:
    total: float | None = 0.0
    for name, probability in label.items():
        if task.type == "select":
            if member_index(name) < 0:
                faults.add(
                    "record.select-index", (*at, name), f"expected an index as a key, got {show(name)}", '"0", "1", ...'
                )
            else:
                _check_member(member_index(name), task, size, (*at, name), faults)
        else:
            _check_class(name, task, (*at, name), faults)
        if isinstance(probability, Wrong):  # told already
            total = None
        elif isinstance(probability, bool) or not isinstance(probability, int | float):
            faults.add("record.probability", (*at, name), f"expected a probability, got {show(probability)}")
            total = None
        elif not 0 <= probability <= 1:
            faults.add("record.probability", (*at, name), f"the probability {show(probability)} is outside 0 to 1")
            total = None
        elif total is not None:
            total += probability
    if total is not None and task.type != "bitvector" and abs(total - 1) > SUM_TOLERANCE:
        hint = "A soft label gives the probability of every possible class, and these add up to 1"
        faults.add("record.probability", at, f"the probabilities add up to {total:.4g}", hint)
