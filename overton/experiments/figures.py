"""Outcomes of experiments to drawings, as the figures 3, 4a and 4b of the paper show them."""

import math
from collections.abc import Callable, Sequence

from overton.base.svg import line, text
from overton.experiments.baseline import Baseline, Comparison
from overton.experiments.curves import WITH, WITHOUT, Curves, Figure
from overton.experiments.plot import Mark, Panel, Series, document, dot, render_panels, wrap

X_LABEL = "amount of weak supervision"
NAMES, SCALE, COUNTS, ROW = 150, 400, 250, 44  # columns and height of a row in the drawing of errors
FACTORS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100)


def draw(outcome: Curves | Baseline) -> str:
    """The drawing of an outcome, as the text of an SVG file."""
    if isinstance(outcome, Baseline):
        return draw_errors(outcome)
    return draw_pretrained(outcome) if outcome.kind == "pretrained" else draw_scaling(outcome)


def draw_scaling(curves: Curves) -> str:
    """Quality over that at the smallest size on the left, quality itself on the right."""
    first = f"{curves.sizes[0].size}x"
    return render_panels(
        [
            _panel(curves, f"Relative to {first}", f"quality / quality at {first}", _series(curves, "relative"), 1.0),
            _panel(curves, "Absolute", "quality on test", _series(curves, "value")),
        ],
        "Quality against the amount of weak supervision",
        _caption(curves),
    )


def draw_pretrained(curves: Curves) -> str:
    """With over without on the left, both on the right."""
    both = tuple(
        Series(f"{_name(curves, task)}, {arm}", _marks(curves.find(task, "value", arm)), number, arm == WITHOUT)
        for number, task in enumerate(curves.shown)
        for arm in (WITH, WITHOUT)
    )
    ratios = tuple(
        Series(f"{_name(curves, task)}, {WITH}", _marks(curves.find(task, "ratio")), number)
        for number, task in enumerate(curves.shown)
    )
    return render_panels(
        [
            _panel(curves, "With / without", "quality with / quality without", ratios, 1.0),
            _panel(curves, "Absolute", "quality on test", both),
        ],
        _title(curves),
        _caption(curves),
    )


def draw_errors(baseline: Baseline) -> str:
    """How many times fewer errors, one row a task, with intervals and counts."""
    title = f"Errors of version {baseline.version} beside {baseline.source}"
    rows = baseline.comparisons
    width, top = NAMES + SCALE + COUNTS, 70
    bottom = top + ROW * len(rows)
    told = [end for row in rows for end in (row.factor, row.factor_low, row.factor_high, 1.0) if end]
    least = max((tick for tick in FACTORS if tick <= min(told)), default=FACTORS[0])
    most = min((tick for tick in FACTORS if tick >= max(told)), default=FACTORS[-1])
    most = most if most > least else FACTORS[FACTORS.index(least) + 1]

    def at(factor: float) -> float:
        share = math.log(min(max(factor, least), most) / least) / math.log(most / least)
        return NAMES + 12 + share * (SCALE - 24)

    parts = [text(16, 28, title, size=16, weight=600)]
    parts.append(text(NAMES + SCALE + 16, top - 12, "errors before and now, of", kind="quiet"))
    for tick in FACTORS:
        if least <= tick <= most:
            kind = "axis" if tick == 1 else "grid"
            parts.append(line(at(tick), top, at(tick), bottom, kind, dashed=tick == 1))
            parts.append(text(at(tick), bottom + 18, f"{tick:g}", anchor="middle", kind="quiet"))
    label = "times fewer errors than the former system (1: as many)"
    parts.append(text(NAMES + SCALE / 2, bottom + 38, label, anchor="middle", kind="quiet"))
    parts += [part for number, row in enumerate(rows) for part in _error_row(row, top + ROW * (number + 0.5), at)]
    caption = (
        "Units of test with gold on which the former system says something; spreads are 95 % intervals by bootstrap "
        "over records. " + " ".join(f"{row.task}: {_weak(row)}." for row in rows)
    )
    lines = wrap(caption, width)
    parts += [text(16, bottom + 64 + 18 * number, told, kind="quiet") for number, told in enumerate(lines)]
    return document(width, bottom + 64 + 18 * len(lines), title, parts)


def _error_row(row: Comparison, y: float, at: Callable[[float], float]) -> list[str]:
    parts = [text(NAMES - 8, y + 4, row.task, anchor="end")]
    parts.append(text(NAMES + SCALE + 16, y + 4, f"{row.former_errors:,} and {row.errors:,} of {row.n:,}"))
    if row.factor_low is not None:
        low, high = at(row.factor_low), at(row.factor_high or math.inf)
        ends = [low, high] if row.factor_high is not None else [low]
        parts.append(line(low, y, high, y, "c0", width=1.5))
        parts += [line(end, y - 4, end, y + 4, "c0", width=1.5) for end in ends]
    if row.factor is not None:
        parts.append(dot(at(row.factor), y, 0))
        parts.append(text(at(row.factor), y - 9, f"{row.factor:.2f}", anchor="middle"))
    return parts


def _weak(row: Comparison) -> str:
    if row.weak_share is None:
        return "no label to train on"
    return f"{100 * row.weak_share:.1f} % of {row.labels:,} training labels are weak"


def _series(curves: Curves, figure: str) -> tuple[Series, ...]:
    return tuple(
        Series(_name(curves, task), _marks(curves.find(task, figure)), number)
        for number, task in enumerate(curves.shown)
    )


def _panel(curves: Curves, title: str, y_label: str, series: tuple[Series, ...], level: float | None = None) -> Panel:
    ticks = tuple((float(size.size), f"{size.size}x") for size in curves.sizes)
    return Panel(title, X_LABEL, y_label, ticks, series, level)


def _marks(figures: Sequence[Figure]) -> tuple[Mark, ...]:
    return tuple(Mark(row.size, row.value, row.least, row.most) for row in figures)


def _name(curves: Curves, task: str) -> str:
    return f"{task} ({curves.metric(task)})"


def _title(curves: Curves) -> str:
    given = curves.facts.get("pretrained", {})
    name, payload = given.get("embedding", "what is pretrained"), given.get("payload")
    return f"With and without {name}" + (f" on {payload}" if payload else "")


def _caption(curves: Curves) -> str:
    seeds = max(row.seeds for row in curves.figures)
    spread = f"mean of {seeds} seeds; spreads reach from the least to the greatest" if seeds > 1 else "one seed"
    sizes = curves.sizes
    records = f"{sizes[0].size}x to {sizes[-1].size}x: {sizes[0].records:,} to {sizes[-1].records:,} training records"
    payoffs = " ".join(f"{task}: {curves.payoffs[task]}." for task in curves.shown if task in curves.payoffs)
    return f"{records}; dev and test stay whole; {spread}. {payoffs}".strip()
