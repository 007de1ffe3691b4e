"""What a review reads and writes: the records of a version's application, files for annotators, and tags."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from overton.artifact import Artifact, Runtime
from overton.base import Observe, OvertonError, Problem, digest_bytes
from overton.base.files import atomic_writer, check_place, write_atomic
from overton.codec import Predictions
from overton.compile import SupervisionSettings
from overton.compile.files import load_tuning
from overton.data import GOLD, Dataset
from overton.data.files import (
    STANDARD,
    check_data_name,
    check_output,
    compressed,
    data_files,
    load_dataset,
    read_lines,
    write_records,
)
from overton.pipeline import predict_rows
from overton.reading import reading_schema, telling_of_payloads
from overton.review.annotate import Candidate, heading, reading, skeleton
from overton.review.sql import rows_where
from overton.review.tagging import Tagging, check_tag, nobody_bears, tagging_of
from overton.schema import Schema
from overton.schema.files import load_schema

LONGEST_NAME, KEPT_OF_NAME = 240, 50  # bytes of what a name gives a file, and characters that stay of a longer one


def load_records(
    artifact: Artifact, home: Path | None, *, max_bad: int = 0, observe: Observe
) -> tuple[Dataset, SupervisionSettings]:
    """The records of the application that a version lies in, and what is said of their sources.

    They are read as `reading_schema` tells.

    Args:
        artifact: The version.
        home: The folder of what is derived in the application; None where the version lies in none.
        max_bad: Go on without the lines that have faults where there are at most so many.
        observe: Told of the progress.

    Raises:
        OvertonError: Where the version lies in no application, or the records have faults.
    """
    directory = home.parent if home else None
    if home is None or directory is None or not (directory / "schema.json").is_file():
        message = "the version lies in no application, so it has no records"
        hint = "Name it as APP@ID, or give records with --data PATH"
        raise OvertonError(Problem(message, "review.no-application", hint=hint))
    chosen = reading_schema(home, artifact.schema)
    with telling_of_payloads(artifact, home):
        dataset = load_dataset(chosen, data_files(directory / "data"), home / "rows", max_bad=max_bad, observe=observe)
    return dataset, load_tuning(directory / "tuning.json", load_schema(directory / "schema.json")).supervision


def check_skeleton(path: Path, task: str) -> None:
    """Refuse a place where no file for annotators can be written or added to, before any work is done for it.

    Raises:
        OSError: Where its folder is not there, or it is a folder itself.
        OvertonError: Where it, or the file to read beside it, is there and something else, which would be lost.
    """
    if path == STANDARD:
        message = "two files are written for annotators, so they do not go to stdout"
        raise OvertonError(Problem(message, "data.output-name", hint="Such as to_annotate.jsonl"))
    beside = _beside(path)
    check_place(path)
    check_place(beside)
    if not path.exists():
        check_output(path)
        check_data_name(path)
    _annotated(path, task)
    check_output(beside)
    if beside.exists() and not beside.read_bytes().startswith(heading(task).encode()):
        message = f"expected what there is to read of {path.name}, and it holds something else"
        raise OvertonError(Problem(message, "review.other-file", str(beside), hint="Name another file"))


def add_skeleton(path: Path, task: str, chosen: Sequence[Candidate]) -> tuple[int, int]:
    """Write a data file for annotators to fill in, and beside it what to read; or add to them what they lack.

    Lines that are there stay as they are, filled in or not, so that the same may be asked for again and again.

    Returns:
        How many lines there were, and how many were added.
    """
    there = _annotated(path, task)
    known = {name for name, _ in there}
    new = [one for one in chosen if one.id not in known]
    if new or not path.exists():
        beside = _beside(path)
        before = beside.read_text(encoding="utf-8") if there and beside.exists() else ""
        with atomic_writer(path) as file, compressed(file, path.name) as stream:
            stream.writelines(line + b"\n" for _, line in there)
            stream.writelines(msgspec.json.encode(line) + b"\n" for line in skeleton(task, new))
        write_atomic(beside, reading(task, new, before=before, first=len(there) + 1))
    return len(there), len(new)


def _beside(path: Path) -> Path:
    return path.with_name(f"{path.name}.txt")


def _annotated(path: Path, task: str) -> list[tuple[str, bytes]]:
    """The id and the bytes of each line of a file for annotators; none where it is not there.

    Raises:
        OvertonError: Where it is anything but that, and would be lost.
    """
    lines = []
    has_name = _beside(path).exists()  # that of an annotator may stand in place of gold
    for number, line in read_lines(path) if path.exists() else ():
        try:
            value = msgspec.json.decode(line, type=_Annotation)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            value = None
        if value is None or list(value.tasks) != [task] or not (has_name or GOLD in value.tasks[task]):
            message = f"expected a file of annotations of {task!r}, and this line is something else"
            hint = "Name a file that does not exist, or one that `--annotate` wrote for this task"
            raise OvertonError(Problem(message, "review.other-file", str(path), number, hint=hint))
        lines.append((value.id, line))
    return lines


class _Annotation(msgspec.Struct, forbid_unknown_fields=True):
    """A line of a file for annotators."""

    id: str
    tasks: dict[str, dict[str, Any]]


def tag_records(
    directory: Path,
    schema: Schema,
    name: str,
    where: str,
    *,
    runtime: Runtime | None = None,
    write: bool = True,
    allow_empty: bool = True,
    max_bad: int = 0,
    observe: Observe,
) -> Tagging:
    """Write which records have a tag: those for which an expression holds, in a data file of the tag's own.

    The file is written whole, so that another expression replaces what the one before found, and it is not looked at
    meanwhile, so that an expression never rests on its own tag. It is removed where no record is left.

    Args:
        directory: The application.
        schema: Its schema.
        name: The tag.
        where: The expression.
        runtime: The version whose predictions the expression may name.
        write: Whether to write, or only to tell what would be written.
        allow_empty: Whether the expression may hold of no record.
        max_bad: Go on without the lines that have faults where there are at most so many; their records get no tag.
        observe: Told of the progress.

    Raises:
        OvertonError: Where the tag has a name that it cannot have, the expression has a fault, or a file is in the way;
            where no record is left, unless that is allowed.
    """
    check_tag(name)
    path = _file_of(directory / "data", name)
    before = _tagged(path, name) if path.exists() else []
    files = [file for file in data_files(directory / "data") if file != path]
    dataset = load_dataset(schema, files, directory / ".overton" / "rows", max_bad=max_bad, observe=observe)
    predictions = None
    if runtime:
        # One of other payloads, or of tasks that are others now, reads the records as it was built to.
        own = reading_schema(directory / ".overton", runtime.schema)
        if own == schema:
            predictions = predict_rows(dataset, runtime, np.arange(dataset.n_records), observe=observe)
        else:
            read = load_dataset(own, files, directory / ".overton" / "rows", max_bad=max_bad, observe=observe)
            dataset, predictions = _predictions(dataset, read, runtime, observe=observe)
    rows = rows_where(dataset, where, predictions)
    found = tagging_of(dataset, rows, name=name, where=where, path=str(path), before=before)
    if not found.ids and not allow_empty:
        raise OvertonError(nobody_bears(name))
    if write and found.ids:
        if list(found.ids) != before:
            write_records(path, ({"id": one, "tags": [name]} for one in found.ids))
    elif write:
        path.unlink(missing_ok=True)
    return found


def _predictions(
    dataset: Dataset, read: Dataset, runtime: Runtime, *, observe: Observe
) -> tuple[Dataset, dict[str, Predictions]]:
    """The records of a data set that a version can read, and what it says of these.

    Args:
        dataset: The records.
        read: The same as the version reads them; lines with faults may be left out of either.
        runtime: The version.
        observe: Told of the progress.

    Returns:
        The records, and the predictions of tasks on payloads that these have, by name of task.
    """
    number_of = {name: number for number, name in enumerate(read.ids(np.arange(read.n_records)))}
    found = [number_of.get(name, -1) for name in dataset.ids(np.arange(dataset.n_records))]
    numbers = np.array(found, np.int64)
    types = {payload.name: payload.type for payload in dataset.schema.payloads}
    said = predict_rows(read, runtime, numbers[numbers >= 0], observe=observe)
    own = {payload.name: payload.type for payload in runtime.schema.payloads}
    kept = {name: one for name, one in said.items() if types.get(one.task.payload) == own[one.task.payload]}
    return dataset.subset(np.flatnonzero(numbers >= 0)), kept


def _file_of(folder: Path, name: str) -> Path:
    """The data file of a tag, named after it in whatever script it is written."""
    stem = re.sub(r"[^\w.-]+", "-", name)
    if len(stem.encode()) > LONGEST_NAME:
        return folder / f"tags-{stem[:KEPT_OF_NAME]}-{digest_bytes(name.encode())[:8]}.jsonl"
    path = folder / f"tags-{stem}.jsonl"
    older = folder / f"tags-{re.sub(r'[^A-Za-z0-9._-]+', '-', name)}.jsonl"  # when other scripts left nothing of a name
    if path == older or path.exists() or not older.exists():
        return path
    try:
        _tagged(older, name)
    except OvertonError:
        return path
    return older


def _tagged(path: Path, name: str) -> list[str]:
    """The records that a file of a tag names.

    Raises:
        OvertonError: Where it is anything but that, and would be lost.
    """
    ids = []
    for number, line in read_lines(path):
        try:
            value = msgspec.json.decode(line)
            ids.append(value.pop("id"))
        except (msgspec.DecodeError, AttributeError, KeyError, TypeError):
            value = None
        if value != {"tags": [name]}:
            message = f"the file of the tag {name!r} holds something else, and it would be replaced"
            hint = "Give the tag another name, or move the file"
            raise OvertonError(Problem(message, "tagging.other-file", str(path), number, hint=hint))
    return ids
