"""A version: one trained, immutable artefact, what it can tell of itself and what it predicts."""

from __future__ import annotations

import getpass
import itertools
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from overton.base import Event, Observe, OvertonError, Problem, digest_bytes, ignore
from overton.base.files import write_atomic

if TYPE_CHECKING:
    import pandas

    from overton.artifact import Artifact, Runtime
    from overton.data import Dataset, Splits
    from overton.evaluate import DriftReport, Report
    from overton.review import ErrorPage, SlicePage
    from overton.schema import Schema
    from overton.store import Store

PREDICT_RECORDS = 256


@dataclass(frozen=True)
class Evaluation:
    """A report and the examples that it rests on."""

    report: Report
    examples: bytes

    def save(self, directory: Path) -> None:
        """Write `report.json` and `predictions.parquet`."""
        from overton.evaluate.files import write_report

        write_report(directory / "report.json", self.report)
        write_atomic(directory / "predictions.parquet", self.examples)

    def to_pandas(self) -> pandas.DataFrame:
        """The examples as a pandas frame, one row an example and task."""
        from overton.evaluate.files import parse_examples

        return parse_examples(self.examples)


@dataclass(frozen=True)
class Version:
    """One trained, immutable version: what `build` makes and `serve` runs.

    Attributes:
        id: Digest of its content.
        artifact: Its files.
        home: Where its reports and row stores are derived; the current directory where it has no application.
        store: The store that it lies in; None for an artefact in a directory of its own.
    """

    id: str
    artifact: Artifact
    home: Path | None = None
    store: Store | None = None

    @cached_property
    def runtime(self) -> Runtime:
        """The model, ready to predict; numpy and onnxruntime only."""
        from overton.artifact import Runtime

        return Runtime(self.artifact)

    @property
    def report_directory(self) -> Path:
        """Where `overton report` writes its files unless told otherwise."""
        return self.home / "reports" / self.id if self.home else Path(f"report-{self.id}")

    def report_directory_on(self, data: Path) -> Path:
        """The same for a report on other data, within, so that the version's own report stays what it is."""
        return self.report_directory / f"on-{digest_bytes(str(data.resolve()).encode())[:8]}-{data.stem}"

    def report(self) -> Report:
        """Quality at the time of the build."""
        from overton.evaluate import parse_report

        return parse_report(self.artifact.json("report.json"))

    def evaluation(self) -> Evaluation:
        """The report of the build and its examples."""
        return Evaluation(self.report(), self.artifact.files["predictions.parquet"])

    def evaluate(self, data: Path, *, observe: Observe = ignore) -> Evaluation:
        """Evaluate on other records: a data file, or a folder of them.

        Records without a split tag count as test.
        """
        from overton.pipeline import evaluate_version

        dataset = self._read(data, observe=observe)
        return Evaluation(*evaluate_version(dataset, self.runtime, splits=tagged_splits(dataset), observe=observe))

    def errors(
        self,
        task: str,
        *,
        tags: Sequence[str] = (),
        split: str = "test",
        limit: int = 20,
        annotate: int = 5,
        data: Path | None = None,
        observe: Observe = ignore,
    ) -> ErrorPage:
        """The errors on one task, the surest first, with what every source says, and where annotations would help.

        Args:
            task: Name of the task.
            tags: Only records that bear all of these.
            split: `train`, `dev`, `test` or `all`.
            limit: Most records that are told.
            annotate: Most records to annotate that are told.
            data: A data file or folder, in place of the records of the application.
            observe: Told of the progress.

        Raises:
            OvertonError: Where there is no such task or tag, or there are no records.
        """
        from overton.review import review_errors

        dataset, splits, use_dev_gold = self._records(data, observe=observe)
        return review_errors(
            dataset,
            self.runtime,
            task,
            version=self.id,
            splits=splits,
            split=split,
            tags=tags,
            limit=limit,
            annotate=annotate,
            use_dev_gold=use_dev_gold,
            observe=observe,
        )

    def predict(self, records: Sequence[Mapping[str, Any]], *, probabilities: bool = False) -> list[dict[str, Any]]:
        """Predict records given as JSON values: a label for each task, by name."""
        import msgspec

        from overton.data import RecordParser

        parser = RecordParser(self.artifact.schema, closed=True)
        parsed = [parser.parse(msgspec.json.encode(record)) for record in records]
        return self.runtime.predict(parsed, probabilities=probabilities)

    def predict_file(
        self, source: Path, output: Path, *, probabilities: bool = False, observe: Observe = ignore
    ) -> int:
        """Predict a data file into a data file, streaming: each record with one more source, `overton@<version>`.

        Raises:
            OvertonError: Where a record has a fault, or the output is the input.
        """
        from overton.data.files import write_records

        if output.exists() and source.exists() and output.samefile(source):
            raise OvertonError(
                Problem(
                    message="the output is the input, and would replace it",
                    code="application.output-is-input",
                    path=str(output),
                    hint="Name another file",
                )
            )

        def records() -> Iterator[dict[str, Any]]:
            done = 0
            for chunk in _parsed_chunks(self.artifact.schema, source):
                labels = self.runtime.predict([record for record, _ in chunk], probabilities=probabilities)
                for (_, value), said in zip(chunk, labels, strict=True):
                    yield _with_source(value, f"overton@{self.id}", said)
                done += len(chunk)
                observe(Event("predict", done=done))

        return write_records(output, records())

    def discover(
        self,
        tasks: Sequence[str] = (),
        *,
        splits: Sequence[str] = ("dev", "test"),
        tags: Sequence[str] = (),
        least: int | None = None,
        limit: int = 10,
        data: Path | None = None,
        observe: Observe = ignore,
    ) -> tuple[SlicePage, ...]:
        """Slices that nobody defined in which it errs most, by task.

        Args:
            tasks: Names of the tasks; all where there is none.
            splits: Splits to look at: `train`, `dev`, `test` or `all`.
            tags: Only records that bear all of these.
            least: Least records of a slice; by the number of records where None.
            limit: Most slices of a task.
            data: A data file or folder, in place of the records of the application.
            observe: Told of the progress.

        Raises:
            OvertonError: Where there is no such task or tag, or there are no records.
        """
        from overton.review import review_slices

        dataset, own, _ = self._records(data, observe=observe)
        return review_slices(
            dataset,
            self.runtime,
            tasks,
            version=self.id,
            splits=own,
            names=splits,
            tags=tags,
            least=least,
            limit=limit,
            observe=observe,
        )

    def drift(self, data: Path, *, observe: Observe = ignore) -> DriftReport:
        """Whether records have drifted from those of the build: words, lengths, predictions, slices, confidence.

        Args:
            data: A data file, or a folder of them; labels are not needed.
            observe: Told of the progress.

        Raises:
            OvertonError: Where the records have faults, or the version has no profile and lies in no application.
        """
        from overton.evaluate import parse_profile
        from overton.pipeline import profile_version
        from overton.review import review_drift

        dataset = self._read(data, observe=observe)
        if "profile.json" in self.artifact.files:
            profile = parse_profile(self.artifact.json("profile.json"))
        else:
            profile = profile_version(self._records(None, observe=observe)[0], self.runtime)
        return review_drift(dataset, self.runtime, profile, version=self.id, data=str(data), observe=observe)

    def _records(self, data: Path | None, *, observe: Observe) -> tuple[Dataset, Splits, bool]:
        """Records, their splits, and whether gold on dev weighs sources: of a file, or of the application."""
        from overton.review.files import load_records

        if data is None:
            dataset, use_dev_gold = load_records(self.artifact, self.home, observe=observe)
            return dataset, dataset.splits, use_dev_gold
        dataset = self._read(data, observe=observe)
        return dataset, tagged_splits(dataset), True

    def _read(self, data: Path, *, observe: Observe) -> Dataset:
        """The records of a data file, or of a folder of them."""
        from overton.data.files import data_files, load_dataset

        if not data.exists():
            raise OvertonError(Problem(message=f"there is no file or folder {data}", code="application.no-file"))
        files = [data] if data.is_file() else data_files(data)
        cache = (self.home or self.report_directory) / "rows"
        return load_dataset(self.artifact.schema, files, cache, observe=observe)

    def explain(self) -> str:
        """The compiled program as text."""
        from overton.compile import explain, parse_program

        return explain(parse_program(self.artifact.json("program.json")))

    def promote(self, alias: str, *, why: str = "", force: bool = False) -> str | None:
        """Let an alias name this version; returns the version that it named before, and does nothing where it is this.

        Raises:
            OvertonError: Where the signature breaks clients of the version that the alias names, unless forced,
                or where someone else promoted at the same time.
        """
        from overton.schema import diff_schemas

        if self.store is None:
            raise OvertonError(
                Problem(
                    message="an artefact outside a store cannot be promoted",
                    code="application.no-store",
                    hint="Name the version as APP@ID",
                )
            )
        before = self.store.aliases().get(alias)
        if before == self.id:
            return before
        if before and not force:
            changes = diff_schemas(self.store.get(before).schema, self.artifact.schema)
            breaking = [change for change in changes if change.kind == "breaking"]
            if breaking:
                raise OvertonError(
                    Problem(
                        message=f"{change.field}: {change.message}: clients of {alias} ({before}) would break",
                        code="application.incompatible",
                        hint="Promote under another alias, or --force",
                    )
                    for change in breaking
                )
        self.store.promote(alias, self.id, who=_user(), when=now(), why=why, expected=before)
        return before


def _user() -> str:
    """Who runs this; in a container the user may have a number and no name."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid:{os.getuid()}"


def tagged_splits(dataset: Dataset) -> Splits:
    """The splits of records that are evaluated only: what is not tagged train or dev counts as test."""
    from overton.data import Splits

    train, dev, test = (dataset.tags.has(name) for name in ("train", "dev", "test"))
    return Splits((train & ~dev & ~test).nonzero()[0], dev.nonzero()[0], (test | ~(train | dev)).nonzero()[0])


def now() -> str:
    """The time, in UTC, as the store writes it."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def _parsed_chunks(schema: Schema, source: Path) -> Iterator[list[tuple[Any, dict[str, Any]]]]:
    import msgspec

    from overton.data import RecordParser
    from overton.data.files import read_lines

    parser = RecordParser(schema)
    rest = read_lines(source)
    while chunk := list(itertools.islice(rest, PREDICT_RECORDS)):
        parsed = []
        problems: list[Problem] = []
        for number, line in chunk:
            try:
                parsed.append((parser.parse(line), msgspec.json.decode(line)))
            except (OvertonError, msgspec.MsgspecError):
                problems.extend(parser.faults(line, str(source), number))
        if problems:
            raise OvertonError(problems)
        yield parsed


def _with_source(value: dict[str, Any], source: str, labels: Mapping[str, Any]) -> dict[str, Any]:
    tasks = value.get("tasks") or {}
    said = {name: {**tasks.get(name, {}), source: label} for name, label in labels.items() if label is not None}
    return {**value, "tasks": {**tasks, **said}}
