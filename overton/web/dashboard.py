"""What the pages look at: an application on disk, its versions and records, and what is costly to know of them.

Files are looked at anew for each request, by size and time of change, so that what somebody edits is seen. What costs
more than a moment is kept by what it was made of: predictions by version and payloads, comparisons by both versions and
all data. Combined votes take seconds to fit: after an edit the pages show the ones from before it, and say so, while
those of now are made beside.
"""

import secrets
import threading
import time
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy import ndarray

from overton.application import LIVE, Application, load
from overton.base import OvertonError, Problem, digest_bytes, digest_json
from overton.base.files import written
from overton.codec import Predictions
from overton.combining import combine_votes
from overton.compile import SupervisionSettings
from overton.data import SPLITS, Dataset, Gold, Votes, gold_of
from overton.data.files import signs_of
from overton.data.files.outputs import OWN
from overton.data.names import TRAIN
from overton.evaluate import Comparison, Report, evaluate
from overton.pipeline import Said, predict_rows, said_of
from overton.review import bear_all, rows_of
from overton.review.files import load_records
from overton.store import Store
from overton.supervision import Combined, find_record
from overton.version import Version
from overton.web.jobs.files import Jobs
from overton.web.memo import Memo
from overton.web.pages.history import MOST_VERSIONS
from overton.web.pages.matrix import split_of
from overton.web.pages.record import Known
from overton.web.respond import refused

VERSIONS, RECORDS, PREDICTIONS, FITTED, PAGES = 4, 4, 12, 32, 64  # values of each kind that are kept
TOLD = 3 * MOST_VERSIONS  # lineages and reports of the versions of a history, and some beside these
BESIDE = "beside"  # what the threads are called that make what no request waits for
Value = TypeVar("Value")
WORKERS = 16  # pages that are made at a time; most wait for what another one makes


@dataclass(frozen=True)
class Records:
    """The records of the application as they are now.

    Attributes:
        dataset: The records.
        supervision: What is said of the sources of labels.
        digest: Digest of the payloads and of how records are numbered: what predictions depend on.
    """

    dataset: Dataset
    supervision: SupervisionSettings
    digest: str


@dataclass(frozen=True)
class Fitted:
    """The combined votes of a task.

    Attributes:
        combined: The votes.
        records: The records as they were when these were combined: those of now, or from before the last edits.
        fresh: Whether they are those of now. If not, the ones of now are being made.
    """

    combined: Combined
    records: Records
    fresh: bool


class Dashboard:
    """One application as the pages see it.

    Args:
        directory: The application.
        store: Where its versions are kept; its own store where None.
    """

    def __init__(self, directory: Path, store: str | None = None) -> None:
        self.directory = directory.resolve()
        self.store_url = store
        self.token = secrets.token_urlsafe(32)
        self.workers = ThreadPoolExecutor(WORKERS, thread_name_prefix="page")
        self.jobs = Jobs(self.directory / ".overton" / "jobs")
        self._versions, self._records = Memo(VERSIONS), Memo(RECORDS)
        self._predictions, self._fitted, self._pages = Memo(PREDICTIONS), Memo(FITTED), Memo(PAGES)
        self._votes, self._told, self._applications = Memo(FITTED), Memo(TOLD), Memo(1)
        self._newest: dict[str, Fitted] = {}  # by task

    @property
    def name(self) -> str:
        """What the application is called: the name of its folder."""
        return self.directory.name

    @property
    def data(self) -> Path:
        """The folder of its data files."""
        return self.directory / "data"

    def application(self) -> Application:
        """The application as it is now."""
        return self._applications.get(self.own_stamp(), lambda: load(self.directory, store=self.store))

    @cached_property
    def store(self) -> Store:
        """The store of its versions, which stays open: what was read of one is not read again for the next page."""
        return load(self.directory, store=self.store_url).store

    @cached_property
    def store_words(self) -> list[str]:
        """What a command is told of the store."""
        return ["--store", self.store_url] if self.store_url else []

    def stamp(self) -> str:
        """What changes when a file of the application does.

        Raises:
            OvertonError: Where the folder of data files cannot be read.
        """
        with problems_of_disk():
            return digest_json([self.own_stamp(), _stamp(sorted(self.data.iterdir()) if self.data.is_dir() else [])])

    def own_stamp(self) -> str:
        """What changes when a file does that tells what is built, and none of the data."""
        return _stamp([self.directory / name for name in OWN])

    def version(self, reference: str = "") -> Version:
        """A version by its id, the beginning of one, or an alias; the newest where nothing is said.

        Raises:
            OvertonError: Where there is none.
        """
        application = self.application()
        found = application.store.resolve(reference or "latest")
        return self._versions.get(found, lambda: application.version(found))

    def live(self) -> str:
        """Id of the live version; empty where there is none."""
        return self.application().store.current(LIVE) or ""

    def records(self, version: Version) -> Records:
        """The records as they are now, read as the version needs them.

        Raises:
            OvertonError: Where there are none, or they have faults.
        """

        def read() -> Records:
            with problems_of_disk():
                dataset, supervision = load_records(version.artifact, version.home, observe=lambda event: None)
            key = (dataset.digest, tuple(dataset.files), supervision)
            return self._records.get(key, lambda: Records(dataset, supervision, _digest_payloads(dataset)))

        return self._records.get((version.id, self.stamp()), read)

    def own_records(self) -> Records:
        """The records as they are now, read by the schema of the application."""

        def read() -> Records:
            application = self.application()
            with problems_of_disk():
                dataset = application.dataset()
            return Records(dataset, application.tuning.supervision, _digest_payloads(dataset))

        return self._records.get(("own", self.stamp()), read)

    def predict(self, version: Version, records: Records, rows: ndarray) -> Mapping[str, Predictions]:
        """Predictions of a version for some records, int64, ascending; those of a split are made once for all of it."""
        dataset, splits = records.dataset, records.dataset.splits
        for split in ("test", "dev"):
            whole = getattr(splits, split)
            if len(rows) and np.isin(rows, whole, assume_unique=True).all():
                key = _predictions_key(version.id, records.digest, whole)
                said = self._predictions.get(key, partial(predict_rows, dataset, version.runtime, whole))
                return said_of(said, whole, rows)
        key = _predictions_key(version.id, records.digest, rows)
        return self._predictions.get(key, partial(predict_rows, dataset, version.runtime, rows))

    def predictor(self, version: Version, records: Records) -> Callable[[ndarray], Mapping[str, Predictions]]:
        """The same as a function of the rows alone."""
        return partial(self.predict, version, records)

    def combined(self, records: Records, task: str) -> Combined:
        """The combined votes of a task."""
        dataset = records.dataset

        def fit() -> Combined:
            found = combine_votes(dataset, task, supervision=records.supervision)
            self._newest[task] = Fitted(found, records, fresh=False)
            return found

        return self._fitted.get((task, dataset.digest, records.supervision), fit)

    def fitted(self, records: Records, task: str) -> Fitted | None:
        """The same without waiting: the last ones for records with the same payloads; None where there are none.

        Those of now are being made when this returns.
        """
        ready = self._fitted.peek((task, records.dataset.digest, records.supervision))
        if ready is not None:
            return Fitted(ready, records, fresh=True)
        self.beside(partial(self.combined, records, task))
        before = self._newest.get(task)
        return before if before and _like(before.records) == _like(records) else None

    def known(self, records: Records, task: str) -> Known:
        """What is known of all records on one task, without waiting for combined votes."""
        fitted = self.fitted(records, task)
        votes, gold = self.votes(records, task)
        return Known(records.dataset, votes, gold, fitted.combined if fitted else None, bool(fitted and fitted.fresh))

    def votes(self, records: Records, task: str) -> tuple[Votes, Gold]:
        """What the sources say, and what is true."""
        return self._votes.get((records.dataset.digest, task), partial(_votes_of, records.dataset, task))

    def row(self, records: Records, record_id: str) -> int:
        """Number of the record with an id.

        Raises:
            OvertonError: Where there is none; the hint names the nearest.
        """
        rows: dict[str, int] = self._votes.get((records.digest, "rows"), partial(_rows_of, records.dataset))
        found = rows.get(record_id)
        return find_record(records.dataset, record_id) if found is None else found

    def rows_of_tag(self, records: Records, tag: str) -> dict[str, int]:
        """How many records of each split a tag, or an expression over tags, holds of.

        Raises:
            OvertonError: Where the expression has a fault, or no record bears a tag that it names.
        """
        bearing, splits = bear_all(records.dataset, [tag]), records.dataset.splits
        return {split: int(bearing[getattr(splits, split)].sum()) for split in SPLITS}

    def told(self, key: Hashable, make: Callable[[], Value]) -> Value:
        """Something small that a version tells of itself, and that never changes, read once for its key."""
        return self._told.get(key, make)

    def report(self, version: Version) -> Report:
        """The report of the build of a version."""
        return self.told(("report", version.id), version.report)

    def report_on(self, version: Version, tag: str) -> Report:
        """The report of the build; on the records of now, where it does not know the tag or expression.

        Of these test is looked at, or dev where the build had no gold on test.
        """
        report = self.report(version)
        if report.has_tag(tag):
            return report
        records = self.records(version)

        def measure() -> Report:
            dataset = records.dataset.with_tags([tag])
            rows = rows_of(dataset.splits, sorted({split_of(report, task) for task in report.main_metric} - {TRAIN}))
            predictions = self.predict(version, records, rows)
            gold = {name: self.votes(records, name)[1] for name in predictions}
            return evaluate(predictions, gold, dataset.tags, dataset.splits, rows=rows)

        return self.page(("report on", version.id, tag), measure)

    def compare(self, old: Version, new: Version) -> Comparison:
        """Two versions on the records as they are now.

        Raises:
            OvertonError: Where they cannot be compared.
        """

        def recall(version: str, dataset: Dataset, rows: ndarray, make: Callable[[], Said]) -> Said:
            return self._predictions.get(_predictions_key(version, _digest_payloads(dataset), rows), make)

        return self.page(("compare", old.id, new.id), lambda: new.compare(old, predicted=recall))

    def page(self, key: Hashable, make: Callable[[], Value]) -> Value:
        """Something that a page shows and that depends on the files of the application, made once."""
        return self.kept((key, self.stamp()), make)

    def kept(self, key: Hashable, make: Callable[[], Value]) -> Value:
        """Something that a page shows, made once for its key."""
        return self._pages.get(key, make)

    def made(self, key: Hashable) -> Any:
        """The same where it is made; else None."""
        return self._pages.peek(key)

    def beside(self, make: Callable[[], Any]) -> None:
        """Make something that no request waits for, in a thread of its own; see `finish`."""
        threading.Thread(target=make, name=BESIDE, daemon=True).start()

    def warm_up(self) -> None:
        """Make what the first pages need, so that they need not wait for it; faults are told by the pages."""
        try:
            version = self.version()
            records = self.records(version)
            rows = rows_of(records.dataset.splits, ["test"])
            if len(rows):
                self.predict(version, records, rows)
            for task in version.runtime.schema.learnable().tasks:
                self.combined(records, task.name)
        except (OvertonError, OSError):
            return


@contextmanager
def problems_of_disk() -> Iterator[None]:
    """Tell what the operating system refuses as a problem of the records, which pages show beside what they have.

    Raises:
        OvertonError: In place of an OSError; and of one whose hint is an option that the dashboard lacks.
    """
    try:
        yield
    except OSError as error:
        raise OvertonError(refused(error)) from error
    except OvertonError as error:
        raise OvertonError(map(_without_option, error.problems)) from None


def _without_option(problem: Problem) -> Problem:
    """What is told of too many bad lines, without the option of the commands that leaves them out."""
    hint = "Mend them: `overton check` tells every fault"
    return replace(problem, hint=hint) if problem.code == "data.too-many-bad" else problem


def finish(seconds: float) -> bool:
    """Wait so long for what is made beside; whether all of it has ended.

    Where not, Python must not end as usual: it would take itself down below a thread that computes in a library, which
    ends the process by `abort`.
    """
    until = time.monotonic() + seconds
    for thread in _working():
        thread.join(max(until - time.monotonic(), 0))
    return not _working()


def _working() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == BESIDE]


def _stamp(places: Iterable[Path]) -> str:
    """What changes when one of some files does."""
    signs = []
    for place in places:
        try:
            status = place.stat()
        except FileNotFoundError:
            continue
        signs.append([written(place.name), *signs_of(status)])
    return digest_json(signs)


def _like(records: Records) -> Hashable:
    """What records must have in common for the combined votes of ones to be those of the others, but for labels."""
    return records.digest, records.dataset.schema.digest(), records.supervision


def _votes_of(dataset: Dataset, task: str) -> tuple[Votes, Gold]:
    votes = dataset.votes(task)
    return votes, gold_of(votes)


def _rows_of(dataset: Dataset) -> dict[str, int]:
    return {one: row for row, one in enumerate(dataset.ids(np.arange(dataset.n_records)))}


def _predictions_key(version: str, digest: str, rows: ndarray) -> Hashable:
    """What predictions of a version depend on: the payloads of all records, and which of these they are for."""
    return version, digest, digest_bytes(rows.tobytes())


def _digest_payloads(dataset: Dataset) -> str:
    """Digest of the payloads of all records: of the shards that hold some, and of which of these count."""
    joined = dataset.joined
    holding = [
        [shard.digest, None if kept is None else digest_bytes(kept.tobytes())]
        for shard, kept in zip(joined.shards, joined.kept, strict=True)
        if shard.n_records
    ]
    return digest_json([dataset.schema.digest(), holding])
