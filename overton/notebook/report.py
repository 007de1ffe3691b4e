"""A report: each task with its figures, then its tags, the worst first."""

from collections.abc import Mapping, Sequence
from typing import Any

from overton.notebook.markup import Markup, cut, drawn, element, figure, interval, join, page, table

FEW = 30
SHOWN = 12
ORDER = ("test", "dev", "train")

Rows = Sequence[Mapping[str, Any]]


def report_html(document: Mapping[str, Any]) -> str:
    """A report.

    Args:
        document: As `Report.to_json` gives it.
    """
    parts = [_task(document, task) for task in document["main_metric"]]
    return page(*parts, *(element("p", f"note: {note}", kind="dim") for note in document["notes"]))


def main_figures(document: Mapping[str, Any]) -> Markup:
    """The figure that each task is judged by, on the whole of a split, as a table."""
    rows = []
    for task, metric in document["main_metric"].items():
        own = _of_split(document["rows"], task)
        rows += [
            [
                task,
                f"{metric} on {row['split']}",
                figure(row["value"]),
                interval(row["low"], row["high"]),
                f"{row['n']:,}",
            ]
            for row in own
            if (row["metric"], row["tag"]) == (metric, "*")
        ]
    return table(["task", "figure", "value", "95 % interval", "n"], rows, numbers=(2, 4))


def _task(document: Mapping[str, Any], task: str) -> Markup:
    metric, rows = document["main_metric"][task], _of_split(document["rows"], task)
    if not rows:
        return element("p", element("b", task), ": no gold, so there is nothing to say")
    main = [row for row in rows if row["metric"] == metric]
    whole = next((row for row in main if row["tag"] == "*"), None)
    tags = [row for row in main if row["tag"] != "*"]
    first = sorted(tags, key=lambda row: (not row["tag"].startswith("slice:"), *_badness(row)))[:SHOWN]
    lines = [_line(row, whole) for row in [*([whole] if whole else []), *sorted(first, key=_badness)]]
    others = [row for row in rows if row["tag"] == "*" and row["metric"] != metric]
    rest = [f"{row['metric']} {figure(row['value'])}" for row in others]
    if len(tags) > len(first):
        rest.insert(0, f"{len(tags) - len(first):,} more tags in to_pandas()")
    return join(
        [
            element("h4", f"{task}: {metric} on {rows[0]['split']}"),
            table(["", "n", "value", "95 % interval", "change", "", ""], lines, numbers=(1, 2, 3, 4)),
            element("p", "; ".join(rest), kind="dim"),
        ]
    )


def _of_split(rows: Rows, task: str) -> Rows:
    """The rows of a task on the first split that has gold."""
    own = [row for row in rows if row["task"] == task]
    split = next((split for split in ORDER if any(row["split"] == split and row["n"] for row in own)), None)
    return [row for row in own if row["split"] == split]


def _line(row: Mapping[str, Any], whole: Mapping[str, Any] | None) -> list[str]:
    middle = whole["value"] if whole else None
    name = element("b", "whole split") if row is whole else cut(row["tag"])
    told = [name, f"{row['n']:,}", figure(row["value"]), interval(row["low"], row["high"])]
    picture = drawn(row["low"], row["value"], row["high"], middle)
    if row is whole or middle is None or row["value"] is None or row["low"] is None:
        return [*told, "", picture, ""]
    mark: str = ""
    if row["n"] < FEW:
        mark = element("span", "few", kind="dim")
    elif row["high"] < middle:
        mark = element("span", "below", kind="bad")
    elif row["low"] > middle:
        mark = element("span", "above", kind="good")
    return [*told, figure(row["value"] - middle, sign=True), picture, mark]


def _badness(row: Mapping[str, Any]) -> tuple[bool, bool, float, str]:
    """Sorts the worst first, tags with few items after the others, tags with nothing to say last."""
    return row["value"] is None, row["n"] < FEW, row["value"] or 0.0, row["tag"]
