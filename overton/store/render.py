"""What a store tells, as text for a terminal."""

from collections.abc import Sequence
from typing import Any

from overton.base import aligned, count_of, share_text, to_the_second
from overton.store.copy import Copied
from overton.store.diff import Difference, VersionDiff
from overton.store.log import Promotion
from overton.store.sweep import Swept

PARTS = {
    "schema": "schema",
    "data": "data",
    "sources": "sources, with the accuracy that was learned",
    "choices": "choices",
    "lineage": "build",
    "quality": "quality on test, as each build measured it; largest change first",
}
SHOWN = 20
DIGEST_DIGITS = 12


def render_history(log: Sequence[Promotion]) -> str:
    """The log of an alias, newest first, one line an entry."""
    head = ("when", "version", "before", "who", "gate", "why")
    body = [
        (entry.when, entry.version, entry.expected_prev or "-", entry.who, gate_text(entry), entry.why)
        for entry in reversed(log)
    ]
    return _table([head, *body])


def gate_text(entry: Promotion) -> str:
    """What the gate had to do with an entry, in a word or two."""
    if entry.action == "rollback":
        return "rollback"
    # A reason that begins so was written before there was a field for it.
    forced = "forced" if entry.forced or entry.why.startswith("forced: ") else ""
    if entry.gate is None:
        return forced or "-"
    verdicts = ", ".join(f"{count} {verdict}" for verdict, count in sorted(entry.gate.verdicts.items()))
    said = f"{entry.gate.outcome} ({verdicts})" if verdicts else entry.gate.outcome
    return f"{forced}, {said}" if forced else said


def render_diff(diff: VersionDiff) -> str:
    """Two versions side by side, part by part."""
    sections = [f"{diff.old} -> {diff.new}"]
    for part, title in PARTS.items():
        found = diff.part(part)
        if found:
            rows = [_difference(difference) for difference in found[:SHOWN]]
            more = [f"  ... and {len(found) - SHOWN:,} more; --json tells all"] if len(found) > SHOWN else []
            sections.append("\n".join([title, _indented(_table(rows)), *more]))
    if len(sections) == 1:
        sections.append("They differ in nothing but their timings and weights.")
    return "\n\n".join(sections)


def render_swept(swept: Swept) -> str:
    """What was removed, or would be, and why the rest stays."""
    rows = [
        ("removed" if swept.deleted else "would go", version, to_the_second(made))
        for version, made in swept.removed.items()
    ]
    rows += [("stays", version, why) for version, why in swept.kept.items()]
    total = (
        f"{count_of(len(swept.removed), 'version')}, {count_of(swept.blobs, 'content')}, {render_bytes(swept.bytes)}"
    )
    last = f"Removed {total}." if swept.deleted else f"{total} would be removed. Nothing was: --delete removes them."
    return "\n".join([_table(rows), last] if rows else [last])


def render_copied(copied: Copied) -> str:
    """What was copied, and what was there."""
    lines = [f"{version}: copied" for version in copied.versions]
    lines += [f"{version}: there already" for version in copied.there]
    lines += [
        f"{alias}: {count:,} {'entry' if count == 1 else 'entries'} of its log added"
        for alias, count in copied.aliases.items()
    ]
    return "\n".join([*lines, f"{copied.blobs:,} contents, {render_bytes(copied.bytes)} written"])


def render_bytes(size: int) -> str:
    """A size as people read it."""
    value = float(size)
    for unit in ("bytes", "kB", "MB", "GB"):
        if value < 1000 or unit == "GB":
            break
        value /= 1000
    return f"{size:,} bytes" if unit == "bytes" else f"{value:.1f} {unit}"


def _difference(found: Difference) -> tuple[str, str, str]:
    values = [_value(found.old), _value(found.new)]
    change = "" if values == ["-", "-"] else f"{values[0]} -> {values[1]}"
    if isinstance(found.old, float) and isinstance(found.new, float):
        change += f" ({found.new - found.old:+.3f})"
    return found.field, change, found.note


def _value(value: Any) -> str:
    if isinstance(value, float):
        return share_text(value) if abs(value) >= 0.01 else f"{value:g}"
    if isinstance(value, str) and len(value) == 64:
        return value[:DIGEST_DIGITS]
    return "-" if value is None else str(value)


def _table(rows: Sequence[Sequence[str]]) -> str:
    """Columns under each other. What others have written may move no cursor."""
    clean = [["".join(sign if sign.isprintable() else "?" for sign in cell) for cell in row] for row in rows]
    return "\n".join(aligned(clean))


def _indented(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.splitlines())
