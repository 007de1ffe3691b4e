"""A comparison as text for a terminal: the verdict, what got worse and on which records, then all else that changed."""

import json
from collections.abc import Iterator, Sequence

from overton.base import count_of, cut, padded, share_text, width_of, wrapped
from overton.evaluate.compare.changes import SourceChange, TagChange, moved_most
from overton.evaluate.compare.comparison import ONE_VERSION, Comparison
from overton.evaluate.compare.flips import Flip, Overlap
from overton.evaluate.compare.rows import ECE, REGRESSED, UNKNOWN, ComparedRow
from overton.evaluate.groups import WHOLE
from overton.evaluate.render import WHOLE_SPLIT

WORST = 10  # rows that got worse and are told; more where more regressed
EXAMPLES = 3
LINES = 8
FIGURES = 57  # columns of a row beside its names


def render_comparison(comparison: Comparison, *, width: int = 100) -> str:
    """The comparison for a terminal of so many columns, 80 or more."""
    worse = comparison.worse
    shown = [row for place, row in enumerate(worse) if place < WORST or row.verdict == REGRESSED]
    examples: dict[tuple[str, str], list[Flip]] = {}
    overlaps = {(overlap.task, overlap.tag): overlap for overlap in comparison.compared.overlaps}
    for flip in comparison.compared.examples:
        examples.setdefault((flip.task, flip.tag), []).append(flip)
    lines = [
        f"{comparison.old} -> {comparison.new} on {count_of(comparison.records, 'record')}",
        *_verdict(comparison, width),
        "",
    ]
    lines += [*_section(WHOLE_SPLIT, comparison.whole, width), ""]
    if shown:
        layout = _widths(shown, width)
        lines += ["what got worse, by evidence", _heading(layout)]
        for row in shown:
            lines.append(_line(row, layout))
            key = row.task, row.tag
            lines += _examples(row, examples.get(key, ()), overlaps.get(key), width)
        hidden = len(worse) - len(shown)
        lines += [f"  ... and {hidden:,} more that fell within noise", ""] if hidden else [""]
    lines += [
        *_better(comparison, width),
        *_unknown(comparison.rows, width),
        *_tags(comparison.tags),
        *_sources(comparison.sources),
    ]
    lines += [f"not compared: {name}: {reason}" for name, reason in comparison.compared.left_out.items()]
    if comparison.latency:
        lines.append(f"single records: p50 {comparison.latency['p50_ms']} ms, p99 {comparison.latency['p99_ms']} ms")
    lines += [f"note: {note}" for note in comparison.notes if note != ONE_VERSION]
    return "\n".join(lines).rstrip() + "\n"


def _verdict(comparison: Comparison, width: int) -> Iterator[str]:
    refusals, rows = comparison.refusals, comparison.rows
    counts = ", ".join(
        f"{sum(row.verdict == verdict for row in rows):,} {verdict}" for verdict in ("ok", REGRESSED, UNKNOWN)
    )
    better = f"; {len(comparison.better):,} better beyond noise" if comparison.better else ""
    yield f"{'REFUSED' if refusals else 'passed'}: {count_of(len(rows), 'row')}: {counts}{better}"
    if ONE_VERSION in comparison.notes:
        yield cut(f"  note: {ONE_VERSION}", width, "...")
    for refusal in refusals[:LINES]:
        yield cut(f"  {refusal.message}", width, "...")
        if refusal.code in ("gate.no-evidence", "gate.no-support") and refusal.hint:
            yield cut(f"    {refusal.hint}", width, "...")
    if len(refusals) > LINES:
        yield f"  ... and {len(refusals) - LINES:,} more"
    allowed = comparison.within_margin
    if allowed:
        first = f"{allowed[0].task} on {_tag(allowed[0])} by {-(allowed[0].change or 0):.3f}"
        told = f"{len(allowed):,} row{'' if len(allowed) == 1 else 's'} fell by what a margin of the gate allows"
        yield cut(f"  {told}, first {first}", width, "...")
    for warning in comparison.warnings:
        yield from wrapped(f"note: {warning}", width, indent="  ", indent_rest="    ")


def _better(comparison: Comparison, width: int) -> Iterator[str]:
    """What is shown to have got better; how many more rose by their own interval alone."""
    better = comparison.better
    told = {(row.task, row.tag) for row in better}
    alone = sum(row.metric != ECE and (row.low or 0) > 0 and (row.task, row.tag) not in told for row in comparison.rows)
    if not better and not alone:
        return
    head = "what got better, beyond noise, corrected for the number of rows"
    if better:
        yield from _section(head, better[:LINES], width, verdict="better")
    else:
        yield f"{head}: nothing"
    if len(better) > LINES:
        yield f"  ... and {len(better) - LINES:,} more"
    if alone:
        yield f"  {alone:,} more by their own interval alone, as chance makes some of so many rise"
    yield ""


def _section(head: str, rows: Sequence[ComparedRow], width: int, verdict: str = "") -> list[str]:
    layout = _widths(rows, width)
    return [head, _heading(layout), *(_line(row, layout, verdict) for row in rows)]


def _widths(rows: Sequence[ComparedRow], width: int) -> tuple[int, int]:
    """Columns for the task and for the tag; none for the tag where all rows are of the whole split."""
    left = width - FIGURES
    if all(row.tag == WHOLE for row in rows):
        return min(max((width_of(_whole(row)) for row in rows), default=0), left), 0
    name, tag = (max(width_of(text(row)) for row in rows) for text in (_name, _tag))
    name = min(name, max(left // 2, left - tag))
    return name, min(tag, left - name)


def _heading(layout: tuple[int, int]) -> str:
    return f"  {'':{layout[0]}} {'':{layout[1]}} {'n':>6}   old   new change  95 % interval p fall"


def _names(row: ComparedRow, layout: tuple[int, int]) -> str:
    name, tag = (_name(row), _tag(row)) if layout[1] else (_whole(row), "")
    mark = "! " if row.critical else "  "
    cells = (padded(cut(text, width, "..."), width) for text, width in zip((name, tag), layout, strict=True))
    return mark + " ".join(cells)


def _line(row: ComparedRow, layout: tuple[int, int], verdict: str = "") -> str:
    """One row: task, tag, counts, figures, interval, verdict: that of the row where none is given."""
    if row.old is None or row.new is None or row.change is None:
        return f"{_names(row, layout)} {row.n:>6,}  nothing to say"
    interval = f"{row.low:+.3f} {row.high:+.3f}" if row.low is not None and row.high is not None else ""
    p = "-" if row.p_adjusted is None else _p(row.p_adjusted)
    verdict = verdict or {REGRESSED: "WORSE", UNKNOWN: "few"}.get(row.verdict, "ok")
    figures = (
        f"{row.n:>6,} {share_text(row.old)} {share_text(row.new)} {row.change:+.3f} {interval:13} {p:>6} {verdict}"
    )
    return f"{_names(row, layout)} {figures}"


def _name(row: ComparedRow) -> str:
    return f"{row.task} ece" if row.metric == ECE else row.task


def _whole(row: ComparedRow) -> str:
    return f"{row.task} {row.metric}"


def _p(p: float) -> str:
    return f"{p:.3f}" if p >= 0.001 else f"{p:.0e}"


def _tag(row: ComparedRow) -> str:
    return WHOLE_SPLIT if row.tag == WHOLE else row.tag


def _examples(row: ComparedRow, flips: Sequence[Flip], overlap: Overlap | None, width: int) -> Iterator[str]:
    if row.metric == ECE:
        return
    if overlap and overlap.shared > overlap.worse / 2:
        yield cut(f"      {overlap.shared:,} of {overlap.worse:,} records worse are of {overlap.of}", width, "...")
        return
    for flip in flips[:EXAMPLES]:
        yield cut(f"      {flip.id}: {_flip(flip)}", width, "...")
    if len(flips) > EXAMPLES and row.worse > EXAMPLES:
        yield f"      ... {count_of(row.worse, 'record')} worse, {row.better:,} better"


def _flip(flip: Flip) -> str:
    """What changed; of lists only the items that differ, by their place."""
    lists = [_items(text) if flip.listed else None for text in (flip.old, flip.new, flip.gold)]
    if None in lists or len({len(items or ()) for items in lists}) > 1:
        return f"{flip.old} -> {flip.new}, true is {flip.gold}"
    told = [
        f"[{place}] {old} -> {new}, true is {gold}"
        for place, (old, new, gold) in enumerate(zip(*(items or [] for items in lists), strict=True))
        if old != new
    ]
    return "; ".join(told)


def _items(text: str | None) -> list[str] | None:
    """The items of a list over tokens or members, as text; None where nothing is said."""
    value = json.loads(text) if text else None
    return (
        None
        if value is None
        else [item if isinstance(item, str) else json.dumps(item, ensure_ascii=False) for item in value]
    )


def _unknown(every: Sequence[ComparedRow], width: int) -> Iterator[str]:
    """What could not be judged, and what it could have shown."""
    rows = [row for row in every if row.verdict == UNKNOWN and row.metric != ECE]
    apart = [row.task for row in every if row.verdict == UNKNOWN and row.metric == ECE]
    if apart:
        yield f"not enough data on the calibration error (ece) of {', '.join(apart)}"
    if not rows:
        yield from [""] if apart else []
        return
    yield "not enough data: nothing worse is shown, and nothing that matters ruled out"
    layout = _widths(rows, width)
    for row in sorted(rows, key=lambda row: -row.records)[:LINES]:
        seen = f"of {row.records:,} records, too few to judge"
        if row.change is None and row.p_adjusted is not None:
            seen = f"of {row.records:,} records, on which a version has no figure"
        elif row.detectable is not None:
            seen = f"would show a fall of {row.detectable:.3f}"
        yield f"{_names(row, layout)} {row.n:>6,}  {seen}"
    yield f"  ... and {len(rows) - LINES:,} more" if len(rows) > LINES else ""
    if len(rows) > LINES:
        yield ""


def _tags(rows: Sequence[TagChange]) -> Iterator[str]:
    """The tags whose share moved most, those that came or went first, and how many more there are."""
    if not rows:
        return
    moved = moved_most(rows)
    told = [row for row in moved if row.status != "same" or row.moved > 0][:LINES]
    rest = moved[len(told) :]
    yield "tags of training records (old, new, now)" + ("" if told else f": all {len(rows):,} as frequent as before")
    for row in told:
        shares = ", ".join(
            "-" if n is None else f"{n:,} ({share:.1%})" if share is not None else f"{n:,}"
            for n, share in ((row.old, row.old_share), (row.new, row.new_share), (row.now, row.now_share))
        )
        yield f"  {row.tag} {'' if row.status == 'same' else row.status}".rstrip() + f": {shares}"
    if told and rest:
        most = 100 * max(row.moved for row in rest)
        by = f"by {most:.1f} points at most" if most >= 0.05 else "by next to nothing"
        yield f"  ... and {len(rest):,} more, whose shares moved {by}; --json tells all"
    yield ""


def _sources(rows: Sequence[SourceChange]) -> Iterator[str]:
    told = [row for row in rows if row.status != "same"]
    if not told:
        return
    yield "sources (estimated accuracy, old and new)"
    for row in told[: 2 * LINES]:
        old, new = ("-" if value is None else share_text(value) for value in (row.old, row.new))
        yield f"  {row.task} {row.source} {row.status}: {old}, {new}"
    yield f"  ... and {len(told) - 2 * LINES:,} more" if len(told) > 2 * LINES else ""
    if len(told) > 2 * LINES:
        yield ""
