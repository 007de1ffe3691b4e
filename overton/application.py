"""An application on disk, and its versions: the Python API, and what the commands call.

    >>> import overton
    >>> application = overton.load("myapp")             # doctest: +SKIP
    >>> version = application.build(seed=1)             # doctest: +SKIP
    >>> version.report().to_pandas()                    # doctest: +SKIP

The layout of an application's directory is told in `docs/file-formats.md`. Heavy rooms are imported where they
are used, so that serving and `check` start at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from overton.base import Observe, OvertonError, Problem, Texts, check_seed, did_you_mean, ignore, texts_of
from overton.base.files import AnyPath, check_place
from overton.naming import check_whole, parse_named
from overton.version import Version

if TYPE_CHECKING:
    from overton.combining import Tallies
    from overton.compile import Tuning
    from overton.data import DataCheck, Dataset
    from overton.engine import Engine
    from overton.review import Tagging
    from overton.schema import Schema
    from overton.store import Store
    from overton.supervision import Combined, RecordLineage, SourceReport, SourceRow

NO_SCHEMA = "application.no-schema"
LIVE = "live"  # the alias of the version that people use


def load(directory: AnyPath, *, store: str | Store | None = None) -> Application:
    """Open an application.

    Args:
        directory: The directory that holds `schema.json` and `data/`.
        store: Where its versions are kept, or the store if it is open; `store/` in the directory where not given.

    Raises:
        OvertonError: Where there is no application, or its schema or tuning has faults.
    """
    from overton.schema.files import load_schema, nearest_schema

    directory = Path(directory)
    if not (directory / "schema.json").is_file():
        is_taken = directory.is_file() or (directory.is_dir() and any(directory.iterdir()))  # nothing is written there
        place = "DIR` writes one into a new folder" if is_taken else f"{directory}` writes one to start from"
        message = f"{directory} is not an application: it has no schema.json"
        raise OvertonError(Problem(message, NO_SCHEMA, hint=nearest_schema(directory) or f"`overton init {place}"))
    opened = None if store is None or isinstance(store, str) else store
    url = opened.url if opened else str(store or directory / "store")
    return Application(directory, load_schema(directory / "schema.json"), url, opened)


@dataclass(frozen=True)
class Application:
    """A schema, data files and tuning in a directory, and the store of its versions.

    Whatever is asked of it raises `OvertonError` where tuning, gate or data have faults or the store cannot be reached;
    what else may be refused stands with each method.
    """

    directory: Path
    schema: Schema = field(repr=False)
    store_url: str
    opened: Store | None = field(default=None, repr=False, compare=False)

    def _repr_html_(self) -> str:
        """How a notebook shows it."""
        from overton.notebook import application_html

        return application_html(str(self.directory), self.store_url, self.schema.to_json())

    @cached_property
    def tuning(self) -> Tuning:
        """What `tuning.json` pins and lets the search choose; the defaults where there is no such file."""
        from overton.compile.files import load_tuning

        return load_tuning(self.directory / "tuning.json", self.schema)

    @cached_property
    def store(self) -> Store:
        """The store of versions; what comes from one far away is kept below `home`, so that it comes once."""
        from overton.store import Store

        return self.opened or Store(self.store_url, cache=self.home / "blobs")

    @property
    def home(self) -> Path:
        """The directory of everything derived; safe to delete."""
        return self.directory / ".overton"

    @property
    def data_files(self) -> list[Path]:
        """The data files, by name."""
        from overton.data.files import data_files

        return data_files(self.directory / "data")

    def dataset(self, *, max_bad: int = 0, engine: Engine | None = None, observe: Observe = ignore) -> Dataset:
        """The records, from the row store; data files that are new or changed are read into it first.

        Args:
            max_bad: Go on without the lines that have faults where there are at most so many.
            engine: Where several new files are read; one after the other, here, where None.
            observe: Told of the progress.

        Raises:
            OvertonError: Where more than `max_bad` lines have faults.
        """
        from overton.data.files import load_dataset

        cache = self.home / "rows"
        return load_dataset(self.schema, self.data_files, cache, max_bad=max_bad, engine=engine, observe=observe)

    def check(self, *, quarantine: AnyPath | None = None, observe: Observe = ignore) -> DataCheck:
        """Every fault of tuning, gate and data; those of the schema are told by `load` already.

        Args:
            quarantine: Where to write the lines that have faults, with the reasons.
            observe: Told of the progress.

        Raises:
            OvertonError: Where the quarantine is a file of the application, which would be lost, or lies in its data.
        """
        from overton.checking import check_application

        place = Path(quarantine) if quarantine is not None else None
        if place is not None:
            self._check_output(place, "lines with faults would be lines with faults again")
        return check_application(self.directory, self.schema, self.data_files, quarantine=place, observe=observe)

    def sources(self, *, task: str | None = None, max_bad: int = 0, observe: Observe = ignore) -> tuple[SourceRow, ...]:
        """What every source of labels is worth, split by split, the one to look at first: `source_report` has more."""
        return self.source_report(task, tags=(), max_bad=max_bad, observe=observe).rows

    def source_report(
        self,
        task: str | None = None,
        *,
        tags: Texts | None = None,
        combined: Mapping[str, Combined] | None = None,
        max_bad: int = 0,
        observe: Observe = ignore,
    ) -> SourceReport:
        """The page about every source: figures by split and tag, classes, slices where sources disagree, warnings.

        Args:
            task: This task alone; all where None.
            tags: Tags, or expressions over tags, that get rows beside the whole of each split; all tags where None.
            combined: What `combined` gives; made where None.
            max_bad: Go on without the lines that have faults where there are at most so many.
            observe: Told of the progress.

        Raises:
            OvertonError: Where there is no such task, or no record has one of the tags.
        """
        from overton.supervision import join_reports, source_report, tags_to_show

        dataset = self.dataset(max_bad=max_bad, observe=observe)
        names, shown = self.task_names(task), tags_to_show(dataset.tags, None if tags is None else texts_of(tags))
        combined = self.combined(task, dataset=dataset, observe=observe) if combined is None else combined
        learned = self._learned_before()
        page = partial(source_report, splits=dataset.splits, tags=dataset.tags, shown=shown)
        return join_reports([page(dataset.votes(one), combined[one], parent=learned.get(one)) for one in names])

    def combined(
        self,
        task: str | None = None,
        *,
        dataset: Dataset | None = None,
        max_bad: int = 0,
        observe: Observe = ignore,
    ) -> dict[str, Combined]:
        """The combined votes of every task by name, or of one.

        Args:
            task: This task alone; all where None.
            dataset: The records of the application; read where None.
            max_bad: Go on without the lines that have faults where there are at most so many.
            observe: Told of the progress.

        Raises:
            OvertonError: Where there is no such task.
        """
        from overton.combining import combine_votes

        dataset = self.dataset(max_bad=max_bad, observe=observe) if dataset is None else dataset
        tallies, supervision = self._tallies(observe), self.tuning.supervision
        names = self.task_names(task)
        return {name: combine_votes(dataset, name, supervision=supervision, tallies=tallies) for name in names}

    def explain_record(
        self, record_id: str, *, task: str | None = None, max_bad: int = 0, observe: Observe = ignore
    ) -> RecordLineage:
        """Where the targets of one record come from: every vote, what it weighs, and the probabilities that they give.

        Raises:
            OvertonError: Where no record has the id, or there is no such task.
        """
        from overton.supervision import explain_record, find_record

        self.task_names(task)  # whether there is such a task is told first
        dataset = self.dataset(max_bad=max_bad, observe=observe)
        row = find_record(dataset, record_id)
        return explain_record(dataset, row, self.combined(task, dataset=dataset, observe=observe))

    def _learned_before(self) -> dict[str, dict[str, float]]:
        """What the version before learned of every source, by task: the alias `live`, or else the newest version.

        Empty where there is no version, or its lineage tells nothing.
        """
        try:
            lineage = self.store.json(self.store.current(LIVE) or self.store.resolve("latest"), "lineage.json")
        except OvertonError:
            return {}
        told = lineage.get("sources", {}).items()
        # Null stands where a version had no estimate of a source of bits that votes on gold records alone.
        return {name: {one: share for one, share in found.items() if share is not None} for name, found in told}

    def combine(self, output: AnyPath, *, task: str | None = None, max_bad: int = 0, observe: Observe = ignore) -> int:
        """Write the combined labels as a data file that adds to the records, and return how many records it names.

        Raises:
            OvertonError: Where the output is a file of the application, lies in its data, or is not named as one.
        """
        from overton.combining import combined_records
        from overton.data.files import check_data_name, write_records

        output = Path(output)
        self._check_output(output, "every vote would count twice, by itself and in what is combined of it")
        check_data_name(output)
        names = self.task_names(task)
        dataset = self.dataset(max_bad=max_bad, observe=observe)
        found = self.combined(task, dataset=dataset, observe=observe)
        return write_records(output, combined_records(dataset, {name: found[name].targets for name in names}))

    def tag(
        self,
        name: str,
        where: str,
        *,
        version: Version | None = None,
        write: bool = True,
        allow_empty: bool = True,
        max_bad: int = 0,
        observe: Observe = ignore,
    ) -> Tagging:
        """Tag the records for which an expression in SQL holds, in a data file of the tag's own; see `tag_records`."""
        from overton.review.files import tag_records

        tag = partial(tag_records, self.directory, self.schema, name, where, write=write, observe=observe)
        return tag(runtime=version.runtime if version else None, allow_empty=allow_empty, max_bad=max_bad)

    def build(
        self,
        *,
        seed: int = 0,
        parent: Version | str | None = None,
        trials: int | None = None,
        minutes: float | None = None,
        on: str = "local",
        ranks: int = 1,
        profile: bool = False,
        max_bad: int = 0,
        observe: Observe = ignore,
    ) -> Version:
        """Combine the votes, choose a program, train, evaluate and package; keep the version in the store.

        Args:
            seed: Seed of everything random; the same inputs and seed give the same model on a CPU.
            parent: The version whose weights training begins with, or its name; None for random ones.
            trials: Most programs that a search tries; 1 for no search; what the tuning says where None.
            minutes: Most minutes of the search; what the tuning says where None.
            on: Where independent pieces run: `local` for a process on every core, `local:N` for N of them.
            ranks: How many processes train together, each with its part of every batch.
            profile: Whether to profile some steps of the training: `trace.json` and `profile.txt` beside the account.
            max_bad: Go on without the lines that have faults where there are at most so many.
            observe: Told of the progress.

        Raises:
            OvertonError: Where the seed is none, the parent is one model of a version, or schema, data or tuning are to
                be mended.
        """
        from overton.bench import bench_of
        from overton.building import build_version

        parent = self.find_version(parent) if isinstance(parent, str) else parent
        if parent:
            check_whole(parent.model, "a build begins with a whole version, each model with its namesake")
        artifact = build_version(
            bench_of(self.schema, self.data_files, self.directory, self.home, max_bad),
            self.tuning.searched(trials=trials, minutes=minutes),
            self.store,
            partial(self._tallies, observe),
            seed=check_seed(seed),
            parent=parent.artifact if parent else None,
            on=on,
            ranks=ranks,
            profile=profile,
            observe=observe,
        )
        return Version(artifact.id, artifact, self.home, self.store)

    def runs(self) -> list[dict[str, Any]]:
        """The builds as they went, newest first: status, time, score on dev, and the trials of their searches."""
        from overton.runs import load_runs

        return load_runs(self.home / "builds", self.home / "searches")

    def version(self, reference: str = "latest") -> Version:
        """A version by its id, the beginning of one, an alias, or `latest`; refused where the store has none such."""
        version_id = self.store.resolve(reference)
        return Version(version_id, self.store.get(version_id), self.home, self.store)

    def find_version(self, text: str) -> Version:
        """A version by its id or alias here, or anywhere as the command line names it: APP@ID, APP or a path."""
        named = parse_named(text)
        is_elsewhere = any((named.path / name).is_file() for name in ("schema.json", "manifest.json"))
        if "@" not in text and not is_elsewhere:
            return self.version(str(named.path)).with_model(named.model)
        return find_version(text, store=self.store_url if named.path.resolve() == self.directory.resolve() else None)

    def version_rows(self, *, observe: Observe = ignore) -> list[dict[str, Any]]:
        """One row a version, newest first: id, when, aliases, main metrics on test."""
        aliases: dict[str, list[str]] = {}
        for alias, version_id in self.store.aliases().items():
            aliases.setdefault(version_id, []).append(alias)
        return [
            {"version": entry.id, "created": entry.created, "aliases": aliases.get(entry.id, []), **entry.summary}
            for entry in self.store.versions(observe=observe)
        ]

    def _tallies(self, observe: Observe = ignore, engine: Engine | None = None) -> Tallies:
        """Where the counted votes of each task are kept, and counted."""
        from overton.combining import Tallies
        from overton.engine import Inline
        from overton.spreading import count_on
        from overton.supervision.files import load_kept, save_kept

        folder = self.home / "votes"
        return Tallies(
            load=lambda task: load_kept(folder / f"{task}.tally", task, observe=observe),
            save=lambda task, kept: save_kept(folder / f"{task}.tally", task, kept),
            count=partial(count_on, engine or Inline(), self.home / "rows"),
        )

    def _check_output(self, output: Path, why: str) -> None:
        """Refuse a place of the application, or one that is not there, before any work is done for the output."""
        from overton.data.files import check_beside_data, check_output, own_files

        check_output(output, own=own_files(self.directory))
        check_beside_data(output, why)
        check_place(output)

    def task_names(self, task: str | None = None) -> tuple[str, ...]:
        """All tasks, or the one that is named.

        Raises:
            OvertonError: Where there is none of that name.
        """
        names = tuple(known.name for known in self.schema.tasks)
        if task is not None and task not in names:
            hint = did_you_mean(task, names)
            raise OvertonError(Problem(f"the schema has no task {task!r}", "application.unknown-task", hint=hint))
        return names if task is None else (task,)


def find_version(text: str, *, store: str | None = None, max_bad: int = 0) -> Version:
    """The version that a word of the command line means: a path to an artefact, APP@ID, APP@ALIAS, or APP.

    With `:MODEL` behind it, one of its models. What it is asked of records is told without the lines that have faults,
    where there are at most `max_bad`.

    Raises:
        OvertonError: Where there is no such path, application, version or model.
    """
    named = parse_named(text)
    if named.is_artifact:
        from overton.artifact.files import load_artifact

        artifact = load_artifact(named.path)
        version = Version(artifact.id, artifact)
    elif "@" not in text[1:] and not named.path.exists():
        from overton.schema.files import nearest_schema

        usual = f"Check the path; a version is named with its application, as in APP@{text.removeprefix('@')}"
        hint = nearest_schema(named.path) or usual
        raise OvertonError(Problem(f"there is no {named.path}, of which to read a version", NO_SCHEMA, hint=hint))
    else:
        version = load(named.path, store=store).version(named.reference)
    return replace(version.with_model(named.model), max_bad=max_bad)
