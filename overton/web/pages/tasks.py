"""One task of a version: its figures, what it takes for what, whether its probabilities hold, and its surest errors."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from overton.evaluate import Report, Row
from overton.review import ErrorPage, SourceOnErrors
from overton.web.pages.examples import NOTHING, Example
from overton.web.pages.matrix import split_of

MOST_CLASSES = 12
MOST_PAIRS = 6
LEAST_PLACES = 3  # at which probabilities lie, in hundredths, for a drawing of them to tell something


@dataclass(frozen=True, slots=True)
class Pair:
    """A class that is taken for another.

    Attributes:
        gold: What is true.
        predicted: What is predicted in its stead; `nothing` where there was nothing to predict on.
        n: How often.
        of: How often that class is true.
    """

    gold: str
    predicted: str
    n: int
    of: int


@dataclass(frozen=True, slots=True)
class Confusion:
    """What is taken for what, on test.

    Attributes:
        classes: The classes with the most errors, in the order of the task; the last stands for all others where
            there are more.
        counts: How often each class (a row) is predicted as each (a column).
        folded: Classes that the last one stands for; 0 where it is a class itself.
        pairs: The most frequent errors.
        nothing: Items on which there was nothing to predict, which are in no column.
    """

    classes: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]
    folded: int
    pairs: tuple[Pair, ...]
    nothing: int = 0


@dataclass(frozen=True, slots=True)
class Bins:
    """Probabilities against what came true, on test, by rising probability.

    Attributes:
        n: Probabilities in each bin.
        confidence: Their mean.
        outcome: Share of them that came true.
    """

    n: tuple[int, ...]
    confidence: tuple[float, ...]
    outcome: tuple[float, ...]

    @property
    def is_drawn(self) -> bool:
        """Whether a drawing tells something: bits are mostly off, so that nearly all bins may lie at 0."""
        return len(self.places) >= LEAST_PLACES

    @property
    def places(self) -> tuple[tuple[float, int, float], ...]:
        """Probabilities to hundredths, by how many of them there are and the share of these that came true."""
        found: dict[float, tuple[int, float]] = {}
        for n, confidence, outcome in zip(self.n, self.confidence, self.outcome, strict=True):
            count, true = found.get(round(confidence, 2), (0, 0.0))
            found[round(confidence, 2)] = (count + n, true + n * outcome)
        return tuple((place, n, true / n) for place, (n, true) in found.items())


@dataclass(frozen=True, slots=True)
class TaskPage:
    """One task.

    Attributes:
        task: Its name.
        kind: Its type and the payload that it is on, such as `multiclass on query`; empty where it is not known.
        metric: The metric that it is judged by.
        split: The split that is shown.
        main: The main figure; None where there is none.
        figures: Its other figures on the whole split.
        confusion: What is taken for what; None where the task is none of choosing one class.
        bins: Whether its probabilities hold; None where no probability was judged.
        examples: Records that are wrong, the surest first.
        n_wrong: Records that are wrong.
        n_records: Records with gold.
        sources: What the sources said of all errors.
        command: The command that shows more of them; empty where there is none.
        left_out: How many more examples there are, for which the page has no room.
    """

    task: str
    kind: str
    metric: str
    split: str
    main: Row | None
    figures: tuple[Row, ...]
    confusion: Confusion | None
    bins: Bins | None
    examples: tuple[Example, ...] = ()
    n_wrong: int = 0
    n_records: int = 0
    sources: tuple[SourceOnErrors, ...] = ()
    command: str = ""
    left_out: int = 0

    def to_json(self) -> dict[str, Any]:
        """The task as a JSON value."""
        return asdict(self)


def task_page(
    report: Report,
    task: str,
    *,
    kind: str = "",
    errors: ErrorPage | None = None,
    examples: Sequence[Example] = (),
    command: str = "",
) -> TaskPage:
    """The page of one task.

    Args:
        report: The report.
        task: Name of the task.
        kind: Its type and payload, in words.
        errors: Its errors; None where there are no records.
        examples: These errors as a person reads them.
        command: The command that shows more of them.
    """
    split, metric = split_of(report, task), report.main_metric[task]
    whole = [row for row in report.rows if (row.task, row.split, row.tag) == (task, split, "*")]
    return TaskPage(
        task=task,
        kind=kind,
        metric=metric,
        split=split,
        main=next((row for row in whole if row.metric == metric), None),
        figures=tuple(row for row in whole if row.metric != metric and row.value is not None),
        confusion=confusion_of(report.confusion.get(task)),
        bins=bins_of(report.calibration.get(task)),
        examples=tuple(examples),
        n_wrong=errors.n_wrong_records if errors else 0,
        n_records=errors.n_records if errors else 0,
        sources=errors.sources if errors else (),
        command=command,
    )


def bins_of(value: Mapping[str, Any] | None) -> Bins | None:
    """The bins of a task as a report has them; None where it has none."""
    if not value or not value.get("n"):
        return None
    return Bins(tuple(value["n"]), tuple(value["confidence"]), tuple(value["outcome"]))


def confusion_of(value: Mapping[str, Any] | None, *, limit: int = MOST_CLASSES) -> Confusion | None:
    """The confusion of a task as a report has it, cut to the classes with the most errors.

    Args:
        value: `{"classes": [...], "counts": [[...]], "nothing": [...]}`, the last where there is any; None where the
            task has none.
        limit: Most classes that are told.
    """
    if not value or not value.get("classes"):
        return None
    classes, counts = list(value["classes"]), [list(row) for row in value["counts"]]
    every = range(len(classes))
    nothing = list(value.get("nothing") or [0] * len(classes))
    total = [sum(row) + none for row, none in zip(counts, nothing, strict=True)]
    wrong = [total[place] + sum(row[place] for row in counts) - 2 * counts[place][place] for place in every]
    seen = [place for place in every if total[place] or any(row[place] for row in counts)]
    worst = sorted(seen, key=lambda place: (-wrong[place], place))
    kept = sorted(worst[:limit] if len(worst) <= limit else worst[: limit - 1])
    others = [place for place in seen if place not in set(kept)]
    groups = [[place] for place in kept] + ([others] if others else [])
    errors = [(counts[gold][said], gold, said) for gold in seen for said in seen if gold != said]
    errors += [(nothing[gold], gold, len(classes)) for gold in seen]
    pairs = sorted((error for error in errors if error[0]), key=lambda pair: (-pair[0], pair[1], pair[2]))
    named = [*classes, NOTHING]
    return Confusion(
        classes=tuple([classes[place] for place in kept] + ([f"{len(others)} others"] if others else [])),
        counts=tuple(tuple(sum(counts[a][b] for a in rows for b in columns) for columns in groups) for rows in groups),
        folded=len(others),
        pairs=tuple(Pair(classes[gold], named[said], n, total[gold]) for n, gold, said in pairs[:MOST_PAIRS]),
        nothing=sum(nothing),
    )
