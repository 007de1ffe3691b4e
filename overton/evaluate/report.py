"""The report as a value: tidy rows of quality by task, split, tag and metric."""

from collections.abc import Mapping
from dataclasses import asdict, astuple, dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any

import msgspec

from overton.base import OvertonError, Problem, brief, did_you_mean
from overton.data import SPLITS, is_made_of_tags
from overton.notebook import report_html

if TYPE_CHECKING:
    from pandas import DataFrame

FORMAT = 1


@dataclass(frozen=True, slots=True)
class Row:
    """One figure.

    Attributes:
        task: Name of the task.
        split: `train`, `dev` or `test`.
        tag: A tag within the split; `*` for the whole split.
        metric: One of `accuracy precision recall micro_f1 macro_f1 span_f1 exact_match ece log_loss`.
        value: The figure; None where there is nothing to say: no gold, or a precision where nothing was predicted.
        low: Lower end of its 95 % interval; None where it has none, such as a log loss of one record.
        high: Upper end.
        n: Number of items (units with gold) that it rests on.
    """

    task: str
    split: str
    tag: str
    metric: str
    value: float | None
    low: float | None
    high: float | None
    n: int


@dataclass(frozen=True, slots=True)
class Report:
    """Quality of one version on one set of records.

    Attributes:
        rows: The figures, by task, split, tag and metric.
        main_metric: The metric that a task is judged by, by name of task.
        confusion: By task, the confusion counts over the test split: `{"classes": [...], "counts": [[...]]}`,
            rows are gold, columns are predicted; multiclass only.
        calibration: By task, over the test split, the bins of its probabilities: `{"n": [...], "confidence": [...],
            "outcome": [...]}`, mean confidence and share that came true of each, by rising confidence.
        notes: Things a reader should know, such as splits that were made by hash.
        data: Which records: digest of content and schema of each data file, by name, as the lineage has it.
    """

    rows: tuple[Row, ...]
    main_metric: Mapping[str, str]
    confusion: Mapping[str, Any] = field(default_factory=dict)
    calibration: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    data: Mapping[str, str] = field(default_factory=dict)

    __repr__ = brief

    def row(self, task: str, split: str, tag: str, metric: str) -> Row:
        """One figure; a KeyError where there is none."""
        for row in self.rows:
            if (row.task, row.split, row.tag, row.metric) == (task, split, tag, metric):
                return row
        raise KeyError((task, split, tag, metric))

    def main_rows(self, split: str = "test", tag: str | None = "*") -> tuple[Row, ...]:
        """The figures that the tasks are judged by: in a split, on one tag, or on all of them where `tag` is None."""
        return tuple(
            row
            for row in self.rows
            if row.split == split and row.metric == self.main_metric[row.task] and tag in (None, row.tag)
        )

    def has_tag(self, tag: str) -> bool:
        """Whether there are rows of a tag."""
        return any(row.tag == tag for row in self.rows)

    def of_tag(self, tag: str) -> "Report":
        """The rows of one tag, with those of the whole splits to compare with.

        Raises:
            OvertonError: Where no record bears it.
        """
        tags = {row.tag for row in self.rows}
        if tag not in tags:
            message = f"no evaluated record has the tag {tag!r}"
            hint = did_you_mean(tag, sorted(tags - {"*"}))
            if tag in SPLITS:
                message, hint = f"{tag!r} is a split, not a tag within one", "The JSON has the rows of every split"
            elif is_made_of_tags(tag):
                message, hint = f"{tag!r} matches no evaluated record", ""
            raise OvertonError(Problem(message, "report.unknown-tag", hint=hint))
        return replace(self, rows=tuple(row for row in self.rows if row.tag in ("*", tag)))

    def to_pandas(self) -> "DataFrame":
        """The rows as a pandas frame, one column an attribute of `Row`."""
        from pandas import DataFrame

        return DataFrame([astuple(row) for row in self.rows], columns=[field.name for field in fields(Row)])

    def to_json(self) -> dict[str, Any]:
        """The JSON value that is written to `report.json`."""
        return {
            "format": FORMAT,
            "rows": [asdict(row) for row in self.rows],
            "main_metric": dict(self.main_metric),
            "confusion": dict(self.confusion),
            "calibration": dict(self.calibration),
            "notes": list(self.notes),
            "data": dict(self.data),
        }

    def _repr_html_(self) -> str:
        """How a notebook shows it."""
        return report_html(self.to_json())


def parse_report(value: Any) -> Report:
    """The report that `Report.to_json` was made of.

    Raises:
        OvertonError: Where the value is no report, or one of another format.
    """
    known = value.get("format") if isinstance(value, Mapping) else None
    if known != FORMAT:
        message = "this is not a report" if known is None else f"a report of format {known!r}; expected {FORMAT}"
        raise OvertonError(
            Problem(message=message, code="report.bad", hint="Build or evaluate again with this Overton")
        )
    try:
        return msgspec.convert(value, Report)
    except msgspec.ValidationError as error:
        raise OvertonError(Problem(message=f"not a valid report: {error}", code="report.bad")) from None
