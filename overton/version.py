"""A version: one trained, immutable artefact, what it can tell of itself and what it predicts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from overton.base import Observe, OvertonError, Problem, Texts, digest_bytes, ignore, texts_of
from overton.base.files import LONGEST_STEM, AnyPath, Places, written
from overton.evaluation import Evaluation
from overton.naming import check_whole

if TYPE_CHECKING:
    from overton.artifact import Artifact, Runtime
    from overton.batch import Outcome
    from overton.compile import SupervisionSettings
    from overton.data import Dataset, Splits
    from overton.evaluate import Comparison, DriftReport, Gate, Report
    from overton.export.files import Exported
    from overton.pipeline import Recall
    from overton.promoting import Weighed
    from overton.review import ErrorPage, SlicePage
    from overton.schema import Schema
    from overton.store import Store
    from overton.tune import Study


@dataclass(frozen=True)
class Version:
    """One trained, immutable version: what `build` makes and `serve` runs.

    Whatever is asked raises `OvertonError` where records have faults or a file is refused; the rest stands with each.

    Attributes:
        id: Digest of its content.
        artifact: Its files.
        home: Where its reports and row stores are derived; the current directory where it has no application.
        store: The store that it lies in; None for an artefact in a directory of its own.
        model: Which of its models this is about; empty for that which stands for the version.
        max_bad: It goes on without the lines of its records that have faults where there are at most so many.
    """

    id: str
    artifact: Artifact
    home: Path | None = None
    store: Store | None = None
    model: str = ""
    max_bad: int = 0

    def _repr_html_(self) -> str:
        """How a notebook shows it."""
        from overton.notebook import version_html

        return version_html(self.label, self.artifact.json("report.json"), self.artifact.json("lineage.json"))

    def with_model(self, name: str) -> Version:
        """One of its models by name, to report, predict with, export or serve; itself for no name.

        Raises:
            OvertonError: Where it has none of that name.
        """
        return replace(self, artifact=self.artifact.model(name), model=name) if name else self

    @property
    def label(self) -> str:
        """Its id, with the model behind a colon where it is about one."""
        return f"{self.id}:{self.model}" if self.model else self.id

    @cached_property
    def runtime(self) -> Runtime:
        """The model, ready to predict; numpy and onnxruntime only."""
        from overton.artifact import Runtime

        return Runtime(self.artifact)

    def report_directory(self, data: AnyPath | None = None) -> Path:
        """Where `overton report` writes its files unless told otherwise; of other data within, beside its own."""
        name = self.label.replace(":", "-")
        own = self.home / "reports" / name if self.home else Path(f"report-{name}")
        of = Path(data) if data else None
        return own / f"on-{digest_bytes(written(of.resolve()).encode())[:8]}-{of.stem[:LONGEST_STEM]}" if of else own

    def report(self) -> Report:
        """Quality at the time of the build."""
        from overton.evaluate import parse_report

        return parse_report(self.artifact.json("report.json"))

    def evaluation(self) -> Evaluation:
        """The report of the build and its examples."""
        return Evaluation(self.report(), self.artifact.files["predictions.parquet"])

    def evaluate(
        self,
        data: AnyPath | None = None,
        *,
        tags: Texts = (),
        on: str = "local:1",
        predicted: Recall | None = None,
        observe: Observe = ignore,
    ) -> Evaluation:
        """Evaluate on other records: a data file, or a folder of them; on those of its application where None.

        Args:
            data: Where the records are; those without a split tag count as test.
            tags: Expressions over tags that get rows beside the tags.
            on: Where they are predicted: `local:N`, `ray`, as `build` takes it.
            predicted: What was predicted before, and takes what is predicted now.
            observe: Told of the progress.

        Raises:
            OvertonError: Where there are no records, or none has one of the tags.
        """
        from overton.data import check_tags
        from overton.engine import engine_of
        from overton.pipeline import evaluate_version
        from overton.spreading import predict_on

        dataset, splits = self.records(data, observe=observe)
        predict = partial(predict_on, engine_of(on), self.artifact, (self.home or self.report_directory()) / "rows")
        check_tags(dataset.tags, texts_of(tags))  # before anything is predicted for them
        dataset = dataset.with_tags(texts_of(tags))
        recall = partial(predicted, self.label) if predicted else None
        found = evaluate_version(dataset, self.runtime, splits=splits, predict=predict, recall=recall, observe=observe)
        return Evaluation(*found)

    def records(
        self, data: AnyPath | None, schema: Schema | None = None, *, max_bad: int = 0, observe: Observe = ignore
    ) -> tuple[Dataset, Splits]:
        """The records of a data file, a folder, or of its application where None, and the splits that they count in.

        They are read by a schema, or where None by that of its application, in which classes may be new.

        Raises:
            OvertonError: Where there are none, or more than `max_bad` lines have a fault.
        """
        from overton.evaluation import load_records
        from overton.reading import reading_schema, telling_of_payloads

        schema = schema or reading_schema(self.home, self.artifact.schema)
        cache = (self.home or self.report_directory()) / "rows"
        with telling_of_payloads(self.artifact, self.home if data is None else None):
            return load_records(self.home, cache, data, schema, max_bad=max_bad or self.max_bad, observe=observe)

    def errors(
        self,
        task: str,
        *,
        tags: Texts = (),
        split: str = "test",
        limit: int = 20,
        annotate: int = 5,
        data: AnyPath | None = None,
        observe: Observe = ignore,
    ) -> ErrorPage:
        """The errors on one task, the surest first, with what every source says, and where annotations would help.

        Args:
            task: Name of the task.
            tags: Only records of which all of these hold: tags, or expressions over tags.
            split: `train`, `dev`, `test` or `all`.
            limit: Most records that are told.
            annotate: Most records to annotate that are told.
            data: A data file or folder, in place of the records of the application.
            observe: Told of the progress.

        Raises:
            OvertonError: Where there is no such task or tag, or there are no records.
        """
        from overton.review import review_errors

        dataset, splits, supervision = self._records(data, observe=observe)
        found = partial(review_errors, dataset, self.runtime, task, version=self.label, splits=splits, split=split)
        return found(tags=texts_of(tags), limit=limit, annotate=annotate, supervision=supervision, observe=observe)

    def predict(self, records: Sequence[Mapping[str, Any]], *, probabilities: bool = False) -> list[dict[str, Any]]:
        """Predict records given as JSON values: a label for each task, by name."""
        from overton.data import RecordParser

        parsed = RecordParser(self.artifact.schema, closed=True).parse_values(records)
        return self.runtime.predict(parsed, probabilities=probabilities)

    def predict_file(
        self, source: AnyPath, output: AnyPath, *, probabilities: bool = False, observe: Observe = ignore
    ) -> int:
        """Predict a data file into a data file, streaming: each record with one more source, `overton@<version>`.

        Raises:
            OvertonError: Where a record has a fault, or the output is the input.
        """
        from overton.batch import predict_file

        return predict_file(self.artifact, self.label, source, output, probabilities=probabilities, observe=observe)

    def predict_files(
        self, inputs: Places, output: AnyPath, *, on: str = "local", observe: Observe = ignore, **how: Any
    ) -> Outcome:
        """Predict any number of files into shards; `how` is what `overton.batch.predict_files` takes."""
        from overton.batch import predict_files
        from overton.engine import engine_of

        return predict_files(self.artifact, self.label, inputs, output, engine=engine_of(on), observe=observe, **how)

    def embed_files(
        self, inputs: Places, output: AnyPath, *, on: str = "local", observe: Observe = ignore, **how: Any
    ) -> Outcome:
        """Write the vectors of a payload; `how` is what `overton.batch.embed_files` takes, with words `embed_words`."""
        from overton.batch import embed_files, embed_words
        from overton.engine import engine_of

        embed = partial(embed_words if how.pop("words", False) else embed_files, home=self.home)
        return embed(self.artifact, self.label, inputs, output, engine=engine_of(on), observe=observe, **how)

    def discover(
        self,
        tasks: Texts = (),
        *,
        splits: Texts = ("dev", "test"),
        tags: Texts = (),
        least: int | None = None,
        limit: int = 10,
        data: AnyPath | None = None,
        observe: Observe = ignore,
    ) -> tuple[SlicePage, ...]:
        """Slices that nobody defined in which it errs most, by task.

        Args:
            tasks: Names of the tasks; all where there is none.
            splits: Splits to look at: `train`, `dev`, `test` or `all`.
            tags: Only records of which all of these hold: tags, or expressions over tags.
            least: Least records of a slice; by the number of records where None.
            limit: Most slices of a task.
            data: A data file or folder, in place of the records of the application.
            observe: Told of the progress.

        Raises:
            OvertonError: Where there is no such task or tag, or there are no records.
        """
        from overton.review import review_slices

        dataset, own, _ = self._records(data, observe=observe)
        found = partial(review_slices, dataset, self.runtime, texts_of(tasks), version=self.label, splits=own)
        return found(names=texts_of(splits), tags=texts_of(tags), least=least, limit=limit, observe=observe)

    def drift(self, data: AnyPath, *, observe: Observe = ignore) -> DriftReport:
        """Whether records have drifted from those of the build: words, lengths, predictions, slices, confidence.

        Args:
            data: A data file, or a folder of them; labels are not needed.
            observe: Told of the progress.

        Raises:
            OvertonError: Where the records have faults, or the version has no profile and lies in no application.
        """
        from overton.reading import reading_schema
        from overton.review import kept_profile, review_drift

        schema = reading_schema(self.home, self.artifact.schema).without_classes()
        dataset, _ = self.records(data, schema, observe=observe)
        profile = kept_profile(self.artifact, self.runtime, lambda: self._records(None, observe=observe)[0])
        return review_drift(dataset, self.runtime, profile, version=self.label, data=str(data), observe=observe)

    def _records(self, data: AnyPath | None, *, observe: Observe) -> tuple[Dataset, Splits, SupervisionSettings]:
        """Records, their splits, and what is said of their sources: of a file, or of the application."""
        from overton.compile.tuning import DEFAULT_SUPERVISION
        from overton.review.files import load_records

        if data is None:
            dataset, supervision = load_records(self.artifact, self.home, max_bad=self.max_bad, observe=observe)
            return dataset, dataset.splits, supervision
        return *self.records(data, observe=observe), DEFAULT_SUPERVISION

    def export(self, to: str, directory: AnyPath, *, observe: Observe = ignore) -> Exported:
        """Write it for `onnx`, `torch`, `coreml` or `tensorflow` into a new folder, checked to compute the same."""
        from overton.export.files import export_version

        return export_version(self.artifact, to, Path(directory), name=self.label, observe=observe)

    def explain(self) -> str:
        """The compiled program as text, and what a search picked of it."""
        from overton.compile import explain
        from overton.tune import render_picked

        return explain(self.artifact.program) + (render_picked(study) if (study := self.study()) else "")

    def study(self) -> Study | None:
        """The search that its choices come from: every trial with its quality, latency and size; None without one."""
        from overton.tune import parse_study

        return parse_study(self.artifact.json("search.json")) if "search.json" in self.artifact.files else None

    def compare(
        self,
        old: Version | str,
        data: AnyPath | None = None,
        *,
        tags: Texts = (),
        gate: Gate | None = None,
        max_bad: int = 0,
        predicted: Recall | None = None,
        observe: Observe = ignore,
    ) -> Comparison:
        """Compare with an older version on the same records, slice by slice.

        Args:
            old: The version to compare with; or its id, the beginning of one, or an alias in the store of this one.
            data: A data file or a folder of them; the test records of its application where None.
            tags: Expressions over tags that get rows beside the tags.
            gate: What this version must keep to; `gate.json` of its application, or the defaults, where None.
            max_bad: Go on without the lines that have faults where there are at most so many.
            predicted: What was predicted before, and takes what is predicted now.
            observe: Told of the progress.
        """
        from overton.comparing import compare_artifacts
        from overton.reading import open_schema

        schema, kept_to = open_schema(self.home, self.artifact.schema), gate or self.gate()
        dataset, splits = self.records(data, schema, max_bad=max_bad, observe=observe)
        old = self.other(old) if isinstance(old, str) else old
        compare = partial(compare_artifacts, names=(old.label, self.label), tags=texts_of(tags), predicted=predicted)
        return compare(old.artifact, self.artifact, dataset, splits, kept_to, observe=observe)

    def other(self, reference: str) -> Version:
        """Another version of its store: by its id, the beginning of one, an alias, or `latest`.

        Raises:
            OvertonError: Where there is none, or this lies in no store.
        """
        if self.store is None:
            message = f"the version lies in no store, in which to find {reference!r}"
            raise OvertonError(Problem(message, "application.no-store", hint="Give the version itself"))
        name, _, model = reference.partition(":")
        found = self.store.resolve(name)
        return Version(found, self.store.get(found), self.home, self.store).with_model(model)

    def gate(self) -> Gate:
        """The `gate.json` of its application; the defaults where there is none."""
        from overton.evaluate.files import load_gate

        return load_gate((self.home.parent if self.home else Path()) / "gate.json")

    def promote(
        self,
        alias: str,
        *,
        why: str = "",
        force: bool = False,
        compared: Comparison | None = None,
        max_bad: int = 0,
        observe: Observe = ignore,
    ) -> str | None:
        """Let an alias name this version; returns the version that it named before, and does nothing where it is this.

        Where someone else promotes at the same time, it is compared again, with the version that is there then.

        Args:
            alias: Such as `live`.
            why: The reason, kept in the alias's log.
            force: Promote whatever the signature and the gate say.
            compared: A comparison with the version that the alias names; made where None, or where that is another.
            max_bad: Compare without the lines that have faults where there are at most so many.
            observe: Told of the progress.

        Raises:
            OvertonError: Where the signature breaks clients of the version that the alias names or the gate refuses
                this one, unless forced; where it is forced while someone else promotes; where this is in no store.
        """
        from overton.promoting import promote_weighed

        weigh = partial(self.weigh, alias, compared=compared, max_bad=max_bad, observe=observe)
        done = promote_weighed(self.kept_in(), alias, self.id, weigh, why=why, force=force, observe=observe)
        if done.refusals:
            raise OvertonError(done.refusals)
        return done.before

    def kept_in(self) -> Store:
        """The store that it lies in.

        Raises:
            OvertonError: Where it lies in none.
        """
        if self.store is None:
            message = "an artefact outside a store cannot be promoted"
            raise OvertonError(Problem(message, "application.no-store", hint="Name the version as APP@ID"))
        check_whole(self.model, "an alias names a whole version")
        return self.store

    def weigh(
        self, alias: str, before: str, *, compared: Comparison | None, max_bad: int = 0, observe: Observe = ignore
    ) -> Weighed:
        """What signature and gate say of it beside the version of that id, which an alias names; see `promote`."""
        from overton.promoting import weigh_beside

        old = self.other(before)
        known = compared if compared and (compared.old, compared.new) == (before, self.id) else None
        compare = partial(self.compare, old, max_bad=max_bad, observe=observe)
        return weigh_beside(old.artifact, self.artifact, f"{alias} ({old.id})", known, compare)
