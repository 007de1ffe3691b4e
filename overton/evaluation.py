"""An evaluation: the report on a version, the examples that it rests on, and the records that it is made of."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from overton.base import Observe, OvertonError, Problem, brief, ignore
from overton.base.files import AnyPath, write_atomic

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas

    from overton.artifact import Artifact
    from overton.data import Dataset, Splits
    from overton.evaluate import Report
    from overton.schema import Schema

Change = Literal["new", "changed", "gone"]  # what became of a data file


@dataclass(frozen=True)
class Evaluation:
    """A report and the examples that it rests on."""

    report: Report
    examples: bytes

    __repr__ = brief

    def save(self, directory: AnyPath) -> None:
        """Write `report.json` and `predictions.parquet`."""
        from overton.evaluate.files import write_report

        directory = Path(directory)
        write_report(directory / "report.json", self.report)
        write_atomic(directory / "predictions.parquet", self.examples)

    def _repr_html_(self) -> str:
        """How a notebook shows it: as the report."""
        return self.report._repr_html_()

    def to_pandas(self) -> pandas.DataFrame:
        """The examples as a pandas frame, one row an example and task."""
        from overton.evaluate.files import parse_examples

        return parse_examples(self.examples)


def load_records(
    home: Path | None, cache: Path, data: AnyPath | None, schema: Schema, *, max_bad: int = 0, observe: Observe = ignore
) -> tuple[Dataset, Splits]:
    """The records that a version is evaluated on, and the splits that they count in.

    Args:
        home: The directory of what is derived of its application; None where it has none.
        cache: Where a row store of them is kept.
        data: A data file, or a folder of them; the records of the application where None.
        schema: How they are read.
        max_bad: Go on without the lines that have faults where there are at most so many.
        observe: Told of the progress.

    Raises:
        OvertonError: Where there are none, no place is named, or more than `max_bad` lines have a fault.
    """
    from overton.data.files import check_file_names, data_files, load_dataset

    if data is None and home is None:
        message = "an artefact outside an application has no records of its own"
        hint = "Name a data file or a folder with --data, or the version as APP@ID"
        raise OvertonError(Problem(message, "application.no-file", hint=hint))
    if data is not None and not isinstance(data, str | os.PathLike):
        message = f"records are read from a data file or a folder, got {type(data).__name__}"
        hint = "Write them to a file, one JSON object a line, and name it"
        raise OvertonError(Problem(message, "application.no-file", hint=hint))
    place = home.parent / "data" if data is None and home else Path(data or "")
    if data is not None and not place.exists():
        raise OvertonError(Problem(message=f"there is no file or folder {data}", code="application.no-file"))
    files = [place] if place.is_file() else data_files(place)
    check_file_names(files)
    dataset = load_dataset(schema, files, cache, max_bad=max_bad, observe=observe)
    return dataset, dataset.splits if data is None else dataset.tagged_splits()


def data_since(home: Path | None, artifact: Artifact) -> dict[str, Change]:
    """Data files of an application that are not those of which a version was built.

    A schema or release that came since changes none of them. What cannot be read is not known to be changed: whoever
    builds is told.

    Args:
        home: The directory of what is derived of the application; None where there is none.
        artifact: The version.

    Returns:
        By name of a file what became of it.
    """
    from overton.data.files import data_files, keys_then
    from overton.reading import open_schema

    lineage = artifact.json("lineage.json")
    built = (lineage.get("data") or {}).get("files") or {}
    if home is None or not built:
        return {}
    # The build read by the schema as it was then, of which a version does not tell whether it named its classes.
    schemas = {lineage["schema"], artifact.schema.without_classes().digest()}
    try:
        schemas.add(open_schema(home, artifact.schema).digest())
        files = data_files(home.parent / "data")
        now = keys_then(files, home / "rows", schemas=sorted(schemas), release=lineage["overton"])
    except (OSError, OvertonError):
        return {}
    return min((_changes(built, keys) for keys in now), key=len)


def _changes(before: Mapping[str, str], now: Mapping[str, str]) -> dict[str, Change]:
    """What became of files, by their keys before and now."""
    found: dict[str, Change] = {name: "gone" for name in before if name not in now}
    for name, key in now.items():
        if before.get(name) != key:
            found[name] = "changed" if name in before else "new"
    return found
