"""A correction as a line of a data file: checked against the schema and the record before it is written."""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from overton.base import OvertonError, Problem, did_you_mean, whole_number
from overton.base.names import NAME_HINT
from overton.data import COMBINED, GOLD, Dataset, is_near_gold, label_faults, reading_order
from overton.review import check_tag
from overton.supervision import find_record

EDITOR = re.compile(r"\w[\w.-]{0,63}")  # of letters of any language: it is the name of a source, and part of no path
MARK = "M"  # of Unicode: vowels and tones that a letter bears, as in Thai and Hindi; no `\w`


@dataclass(frozen=True, slots=True)
class Correction:
    """What an editor says of one record.

    Attributes:
        id: Id of the record.
        task: Name of the task.
        editor: Name of the source.
        label: The label of the record, or all labels of its tokens or members as in a data file.
        units: In place of that the labels of some of them, by place from 0; the editor abstains on the others.
    """

    id: str
    task: str
    editor: str
    label: Any = None
    units: Mapping[str, Any] | None = None


def _is_editor(name: str) -> bool:
    """Whether a text can name an editor: letters with their marks, digits, `.`, `_` and `-`, at most 64.

    Example:
        >>> _is_editor("ann.lee-2"), _is_editor("\u0e2a\u0e38\u0e14\u0e32"), _is_editor("ann lee"), _is_editor("\u0e38")
        (True, True, False, False)
    """
    marked = "".join("_" if unicodedata.category(sign).startswith(MARK) else sign for sign in name[1:])
    return EDITOR.fullmatch(name[:1] + marked) is not None


def correction_line(dataset: Dataset, said: Correction, file: str) -> dict[str, Any]:
    """The line of a correction.

    Args:
        dataset: The records, with all labels that there are.
        said: The correction.
        file: Name of the data file that the line goes to.

    Raises:
        OvertonError: Where the record, the task or a class is unknown, the label does not fit the record, or a file
            that is read later says otherwise in the editor's name, so that the correction would change nothing.
    """
    editor = unicodedata.normalize("NFC", said.editor)
    if not _is_editor(editor):
        raise OvertonError(Problem(f"{editor!r} is not a valid name of an editor", "base.bad-name", hint=NAME_HINT))
    if editor == COMBINED:
        message, hint = f"{COMBINED!r} is the name of what all sources say together", "Label by a name of your own"
        raise OvertonError(Problem(message, "edits.reserved", field="editor", hint=hint))
    if is_near_gold(editor):
        hint = f"Write {GOLD!r} where it is gold, or another name"
        raise OvertonError(Problem(f"the editor {editor!r} would be taken for {GOLD!r}", "edits.near-gold", hint=hint))
    names = [task.name for task in dataset.schema.tasks]
    if said.task not in names:
        hint = did_you_mean(said.task, names)
        raise OvertonError(Problem(f"the schema has no task {said.task!r}", "application.unknown-task", hint=hint))
    row = find_record(dataset, said.id)
    label = said.label if said.units is None else _spread(dataset, said, row)
    tasks = {said.task: {editor: label}}
    items = [payload.name for payload in dataset.schema.payloads if payload.has_items]
    faults = label_faults(tasks, dataset.schema, {name: dataset.given_length(name, row) for name in items})
    if faults:
        raise OvertonError(faults)
    listed = dataset.schema.unit(dataset.schema.task(said.task)) != "record"
    if label is None or (listed and all(one is None for one in label)):
        raise OvertonError(Problem("the correction says nothing", "edits.nothing", hint="Choose a label"))
    own = reading_order(file)
    later = [name for name in dataset.holders(said.task, editor, row) if reading_order(name) > own]
    if later:
        message = f"{later[-1]} holds a label by {editor!r} for {said.id!r} too, and counts, since its name comes later"
        hint = f"Correct it there, label by another name, or name that file so that it is read before {file}"
        raise OvertonError(Problem(message, "edits.overruled", later[-1], hint=hint))
    return {"id": said.id, "tasks": tasks}


def _spread(dataset: Dataset, said: Correction, row: int) -> list[Any]:
    """The labels of all units of a record, of which some are given."""
    task = dataset.schema.task(said.task)
    unit = dataset.schema.unit(task)
    if unit == "record":
        message = f"the task {said.task!r} labels records, and labels of single items were given"
        raise OvertonError(Problem(message, "edits.units", hint="Give one label"))
    n_units = dataset.given_length(task.payload, row) or 0
    label: list[Any] = [None] * n_units
    for place, one in (said.units or {}).items():
        number = whole_number(place)
        if number is None or number >= n_units:
            message = f"there is no {unit} {place}: {said.id!r} has {n_units}, counted from 0"
            raise OvertonError(Problem(message, "edits.units"))
        label[number] = one
    return label


def tag_lines(dataset: Dataset, ids: Sequence[str], tag: str) -> list[dict[str, Any]]:
    """The lines that tag some records; none for those that bear the tag.

    Raises:
        OvertonError: Where the text cannot be a tag, or a record is unknown.
    """
    check_tag(tag)
    wanted = dict.fromkeys(ids)
    bearing = dataset.tags.has(tag)
    rows = dataset.rows_of(wanted)
    for one in wanted:
        if one not in rows:
            find_record(dataset, one)  # raises, and tells what was perhaps meant
    return [{"id": one, "tags": [tag]} for one in wanted if not bearing[rows[one]]]
