"""What drifted, as text for a terminal."""

from collections.abc import Iterable, Iterator

from overton.base import cut, padded, percent_text, visible, width_of, wrapped
from overton.evaluate import DriftReport, DriftRow

LONGEST = 22
MOST_NEW_WORDS, MOST_CHANGES = 8, 3
INDENT = " " * 14
LEAST_SHOWN = 1e-4


def render_drift(report: DriftReport, *, width: int = 100) -> str:
    """One line for each thing that may have drifted, and below those that did what differs most.

    Args:
        report: As `Version.drift` gives it.
        width: Columns of the terminal.

    Returns:
        The text, which ends with a newline.
    """
    records = f"{report.n:,} record{'' if report.n == 1 else 's'}"
    title = f"{records} of {report.data} against version {report.version}: {_outcome(report)}"
    lines = [*wrapped(title, width), ""]
    size = min(max((width_of(row.name) for row in report.rows), default=4), LONGEST)
    lines.append(f"  {'what':10}  {'of':{size}}  {'before':>6}  {'now':>6}  {'effect':>6}  {'chance':>7}  verdict")
    for row in report.rows:
        lines.append(_line(row, size).rstrip())
        if row.verdict == "drifted" and row.most:
            most = list(row.most.items())[:MOST_CHANGES]
            told = (f"{visible(name)} {percent_text(old, 1)} -> {percent_text(new, 1)}" for name, (old, new) in most)
            lines += _listed(told, width)
        if row.what == "new words" and row.verdict == "drifted":
            words = list(report.new_words.get(row.name, {}).items())[:MOST_NEW_WORDS]
            lines += _listed((f"{visible(word)} {count:,}" for word, count in words), width)
    lines += [
        "",
        *wrapped(
            "effect: difference of shares for new words, words and slices; PSI for length and prediction; "
            "distance of distributions for confidence",
            width,
        ),
    ]
    return "\n".join(lines) + "\n"


def _listed(parts: Iterable[str], width: int) -> Iterator[str]:
    """Parts with commas between them, in lines that end between two of them: within one a blank may mean something."""
    line = ""
    for part in parts:
        longer = f"{line}, {part}" if line else part
        if line and width_of(f"{INDENT}{longer},") > width:
            yield from wrapped(f"{line},", width, indent=INDENT)
            longer = part
        line = longer
    yield from wrapped(line, width, indent=INDENT)


def _outcome(report: DriftReport) -> str:
    """What it comes to; where nothing could be judged, that is no sign that nothing drifted."""
    n, few = len(report.drifted), sum(row.verdict == "not enough data" for row in report.rows)
    if n:
        return f"{n} of {len(report.rows)} drifted"
    if few == len(report.rows):
        return "too little data to tell of anything"
    return "no drift shown" + (f", and too little data to tell of {few} of {len(report.rows)}" if few else "")


def _line(row: DriftRow, size: int) -> str:
    before, now = (_share(share, row) for share in (row.before, row.now))
    effect = "-" if row.effect is None else f"{row.effect:.3f}"
    chance = "-" if row.q is None else f"{row.q:.4f}" if row.q >= LEAST_SHOWN else f"<{LEAST_SHOWN:g}"
    name = padded(cut(row.name, size), size)
    return f"  {row.what:10}  {name}  {before:>6}  {now:>6}  {effect:>6}  {chance:>7}  {row.verdict}"


def _share(share: float | None, row: DriftRow) -> str:
    if share is None:
        return ""
    return f"{share:.3f}" if row.what == "confidence" else percent_text(share, 1)
