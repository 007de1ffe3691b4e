"""What a review reads and writes: the records of a version's application, and files for annotators."""

from collections.abc import Sequence
from pathlib import Path

from overton.artifact import Artifact
from overton.base import Observe, OvertonError, Problem
from overton.base.files import write_atomic
from overton.compile.files import load_tuning
from overton.data import Dataset
from overton.data.files import data_files, load_dataset, write_records
from overton.review.annotate import Candidate, reading, skeleton
from overton.schema import Schema
from overton.schema.files import load_schema


def load_records(artifact: Artifact, home: Path | None, *, observe: Observe) -> tuple[Dataset, bool]:
    """The records of the application that a version lies in, and whether gold on dev weighs its sources.

    They are read by the application's own schema, so that its row store serves, unless payloads or tasks have changed
    since the version was built.

    Args:
        artifact: The version.
        home: The folder of what is derived in the application; None where the version lies in none.
        observe: Told of the progress.

    Raises:
        OvertonError: Where the version lies in no application, or the records have faults.
    """
    directory = home.parent if home else None
    if home is None or directory is None or not (directory / "schema.json").is_file():
        message = "the version lies in no application, so it has no records"
        hint = "Name it as APP@ID, or give records with --data PATH"
        raise OvertonError(Problem(message, "review.no-application", hint=hint))
    schema = load_schema(directory / "schema.json")
    same = _shape(schema) == _shape(artifact.schema)
    chosen = schema if same else artifact.schema
    dataset = load_dataset(chosen, data_files(directory / "data"), home / "rows", observe=observe)
    tuning = directory / "tuning.json"
    return dataset, load_tuning(tuning, schema).use_dev_gold


def write_skeleton(path: Path, task: str, chosen: Sequence[Candidate]) -> Path:
    """Write a data file for annotators to fill in, and beside it what to read; returns the path of the latter."""
    write_records(path, skeleton(task, chosen))
    beside = path.with_name(f"{path.name}.txt")
    write_atomic(beside, reading(task, chosen))
    return beside


def _shape(schema: Schema) -> Schema:
    """A schema without the classes that the data told."""
    return schema.with_classes({task.name: () for task in schema.tasks})
