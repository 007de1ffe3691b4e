"""Outcomes of experiments as tables for a terminal."""

from collections.abc import Sequence

from overton.base import aligned, ruled, share_text
from overton.experiments.baseline import Baseline, Comparison
from overton.experiments.curves import WITH, WITHOUT, Curves, Figure

NARROWEST = 60


def render_outcome(outcome: Curves | Baseline, *, width: int = 100) -> str:
    """The tables of an outcome.

    Args:
        outcome: The outcome.
        width: Columns of the terminal.
    """
    width = max(width, NARROWEST)
    if isinstance(outcome, Baseline):
        blocks = [render_errors(outcome, width)]
    else:
        block = _pretrained if outcome.kind == "pretrained" else _scaling
        blocks = [block(outcome, task, width) for task in outcome.units]
    notes = [f"note: {note}" for note in outcome.notes]
    return "\n".join([*("\n".join(block) + "\n" for block in blocks), *notes]).rstrip() + "\n"


def render_errors(baseline: Baseline, width: int) -> list[str]:
    """One line a task: units, errors of both, how many fewer, the share of weak labels."""
    head = ("task", "n", "errors before", "errors now", "fewer", "95 % interval", "factor", "95 % interval", "weak")
    rows = [_error_cells(row) for row in baseline.comparisons]
    lines = [ruled(f"version {baseline.version} beside {baseline.source}, on test  ", width)]
    lines += _table(head, rows)
    silent = [f"{row.silent:,} of {row.task}" for row in baseline.comparisons if row.silent]
    if silent:
        lines.append(f"  {baseline.source} says nothing of other units with gold: {', '.join(silent)}")
    curated = " and ".join(("gold", *baseline.curated))
    counts = ", ".join(f"{row.task} {row.labels:,}" for row in baseline.comparisons)
    return [*lines, f"  weak: the share of labels on training records that are not of {curated}; labels: {counts}"]


def _error_cells(row: Comparison) -> tuple[str, ...]:
    percent = (row.fewer_percent_low, row.fewer_percent_high)
    return (
        row.task,
        f"{row.n:,}",
        f"{row.former_errors:,}",
        f"{row.errors:,}",
        "-" if row.fewer_percent is None else f"{row.fewer_percent:.1f} %",
        _range(*percent, ".1f"),
        "-" if row.factor is None else f"{row.factor:.2f}x",
        _range(row.factor_low, row.factor_high, ".2f"),
        "-" if row.weak_share is None else f"{100 * row.weak_share:.1f} %",
    )


def _scaling(curves: Curves, task: str, width: int) -> list[str]:
    head = ("size", "records", "weak labels", curves.metric(task), "least .. most", "relative", "least .. most")
    rows = []
    relative = {row.size: row for row in curves.find(task, "relative")}
    for size, found in zip(curves.sizes, curves.find(task, "value"), strict=True):
        beside = relative.get(size.size)
        rows.append(
            (
                f"{size.size}x",
                f"{size.records:,}",
                f"{size.labels[task]:,.0f}",
                share_text(found.value),
                _spread(found),
                "-" if beside is None else f"{beside.value:.3f}",
                "" if beside is None else _spread(beside),
            )
        )
    return [_title(curves, task, width), *_table(head, rows)]


def _pretrained(curves: Curves, task: str, width: int) -> list[str]:
    head = ("size", "records", "without", "with", "ratio", "least .. most", "difference", "95 % interval")
    found = {arm: curves.find(task, "value", arm) for arm in (WITHOUT, WITH)}
    ratios = {row.size: row for row in curves.find(task, "ratio")}
    rows = []
    columns = (curves.sizes, found[WITHOUT], found[WITH], curves.find(task, "difference"))
    for size, without, with_, difference in zip(*columns, strict=True):
        ratio = ratios.get(size.size)
        rows.append(
            (
                f"{size.size}x",
                f"{size.records:,}",
                share_text(without.value),
                share_text(with_.value),
                "-" if ratio is None else f"{ratio.value:.3f}",
                "" if ratio is None else _spread(ratio),
                f"{difference.value:+.4f}",
                _range(difference.low, difference.high, "+.4f"),
            )
        )
    return [_title(curves, task, width), *_table(head, rows), f"  {curves.payoffs[task]}"]


def _title(curves: Curves, task: str, width: int) -> str:
    seeds = max(row.seeds for row in curves.figures)
    many = "1 seed" if seeds == 1 else f"{seeds} seeds"
    return ruled(f"{task}  {curves.metric(task)} on test, n {curves.units[task]:,}, {many}  ", width)


def _spread(row: Figure) -> str:
    return f"{row.least:.3f} .. {row.most:.3f}" if row.seeds > 1 else ""


def _range(low: float | None, high: float | None, form: str) -> str:
    if low is None and high is None:
        return ""
    return f"{'' if low is None else format(low, form)} .. {'' if high is None else format(high, form)}"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Cells under their heads, the first column to the left and figures to the right; no column without a cell."""
    filled = [number for number, cells in enumerate(zip(*rows, strict=True)) if any(cells)]
    head, rows = [head[number] for number in filled], [[cells[number] for number in filled] for cells in rows]
    return [f"  {line}" for line in aligned([head, *rows], n_left=1)]
