"""The page of errors as text for a terminal."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from overton.base import around, cut, padded, percent_text, ruled, width_of, wrapped
from overton.review.annotate import Candidate
from overton.review.errors import ErrorPage, RecordError, UnitError
from overton.review.labels import agrees
from overton.supervision import record_text

LONGEST = 28
LEAST_ROOM = 20
MOST_UNITS = 5
MOST_WORDS = 60  # of a record
MOST_CHARACTERS = 1000  # of them: words of some languages are not told apart by blanks


def render_errors(page: ErrorPage, *, width: int = 100, annotate: int = 5) -> str:
    """The errors, the surest first, and below them what to make of them.

    Args:
        page: As `Version.errors` gives it.
        width: Columns of the terminal.
        annotate: Most records to annotate that are shown.

    Returns:
        The text, which ends with a newline.
    """
    blocks = [_head(page, width), *(_record(record, width) for record in page.records)]
    hidden = page.n_wrong_records - len(page.records)
    if hidden:
        blocks.append(f"... and {hidden:,} more {_s(hidden, 'record')} with errors; --limit shows more")
    blocks += [block for block in (_sources(page), _pairs(page), _annotate(page, width, annotate)) if block]
    return "\n\n".join(blocks) + "\n"


def _head(page: ErrorPage, width: int) -> str:
    where = f"{page.split}{''.join(f', {tag}' for tag in page.tags)}"
    share = f"{page.n_wrong_records:,} of {page.n_records:,} {_s(page.n_records, 'record')} wrong"
    if page.n_units != page.n_records:
        share += f", {page.n_wrong_units:,} of {page.n_units:,} items"
    title = f"{page.task} on {where}: {share if page.n_records else 'no gold, so there is nothing to say'}  "
    return ruled(title, width)


def _record(record: RecordError, width: int) -> str:
    tags = [tag for tag in record.tags if tag.startswith("slice:")]
    head = wrapped(f"{record.id}  {_excerpt(record)}", width, indent_rest="    ")
    head += wrapped(", ".join(tags), width, indent="    ")
    lines = [line for unit in record.units[:MOST_UNITS] for line in _unit(unit, record, width)]
    if len(record.units) > MOST_UNITS:
        lines.append(f"    ... and {len(record.units) - MOST_UNITS} more items")
    return "\n".join([*head, *lines])


def _excerpt(record: RecordError) -> str:
    """What a record says; of a long one, what stands around its first error where that is a token, or the start."""
    items, first = record.payloads.get(record.payload), next(iter(record.units), None)
    tokens: list[str] = items if isinstance(items, list) and items and isinstance(items[0], str) else []
    words = record.text.split(" ")
    if not tokens or first is None or not first.text or max(len(words), len(tokens)) <= MOST_WORDS:
        return _shown(words, 0)
    others = record_text({name: value for name, value in record.payloads.items() if name != record.payload})
    is_other = "".join(others.split()).casefold() != "".join("".join(tokens).split()).casefold()
    parts = [_shown(others.split(" "), 0)] if others and is_other else []
    return " | ".join([*parts, _shown(tokens, first.unit)])


def _shown(words: Sequence[str], place: int) -> str:
    """Some words around one, and how many are left out."""
    places = around(place, len(words), MOST_WORDS)
    text = " ".join(words[number] for number in places)
    left_out = len(words) - len(places)
    shown = cut(text, MOST_CHARACTERS)
    if shown == text and not left_out:
        return text
    told = f"{left_out:,} of {len(words):,} words" if left_out else f"the end of {len(text):,} characters"
    before, after = ("… " if places.start else ""), (" …" if places.stop < len(words) else "")
    return f"{before}{shown}{after} ({told} left out; --json has the record whole)"


def _unit(unit: UnitError, record: RecordError, width: int) -> list[str]:
    """What was said and what is true, then a line for each thing that sources say, with who says it."""
    place = f"{unit.unit} {cut(unit.text, width)}: " if unit.text else ""
    said = f"{_label(unit.prediction, record)} {unit.probability:.2f}" if unit.prediction is not None else "nothing"
    lines = wrapped(
        f"{place}predicted {said}, gold {_label(unit.gold, record)}", width, indent="    ", indent_rest="      "
    )
    by_label: dict[str, list[str]] = {}
    for label, source in unit.said_by:
        by_label.setdefault(_label(label, record), []).append(source)
    right = {_label(label, record) for label, _ in unit.said_by if agrees(label, unit.gold)}
    column = min(max((width_of(label) for label in by_label), default=0), LONGEST)
    for text, sources in sorted(by_label.items(), key=lambda pair: pair[0] not in right):
        start = f"    {'=' if text in right else ' '} {padded(cut(text, column), column)}  "
        room = max(width - width_of(start), LEAST_ROOM)
        who = wrapped(", ".join(sources), room)
        lines += [f"{start}{who[0]}", *(f"{'':{width_of(start)}}{line}" for line in who[1:])]
    return lines


def _label(label: Any, record: RecordError) -> str:
    """A label as a person reads it: a member by its id, too."""
    if isinstance(label, bool) or label is None:
        return "null"
    if isinstance(label, int):
        sets = [value for value in record.payloads.values() if isinstance(value, list) and value]
        members = [value for value in sets if isinstance(value[0], dict) and label < len(value)]
        return f"{label} {members[0][label]['id']}" if len(members) == 1 else str(label)
    if isinstance(label, Mapping):
        return ", ".join(f"{name} {share:.2f}" for name, share in label.items())
    return label if isinstance(label, str) else json.dumps(sorted(label), ensure_ascii=False)


def _sources(page: ErrorPage) -> str:
    if not page.sources:
        return ""
    size = min(max(len("source"), *(width_of(row.source) for row in page.sources)), LONGEST)
    lines = [
        "What the sources say of these errors: as gold, or as the version did",
        f"  {'source':{size}}  {'labels':>7}  {'as gold':>7}  {'as the version':>14}",
    ]
    for row in page.sources:
        right, same = percent_text(row.right), percent_text(row.same)
        lines.append(f"  {padded(cut(row.source, size), size)}  {row.n:>7,}  {right:>7}  {same:>14}")
    return "\n".join(lines)


def _pairs(page: ErrorPage) -> str:
    if page.disagreement is None or page.disagreement_elsewhere is None:
        return ""
    here, everywhere = percent_text(page.disagreement), percent_text(page.disagreement_elsewhere)
    lines = [f"Sources disagree on {here} of the labels of these records, and on {everywhere} of all"]
    lines += [f"  {' and '.join(pair.sources)}: {percent_text(pair.disagreement)} of {pair.n:,}" for pair in page.pairs]
    return "\n".join(lines)


def _annotate(page: ErrorPage, width: int, most: int) -> str:
    if not page.annotate:
        return ""
    lines = ["Training records where an annotation promises most"]
    for one in page.annotate[:most]:
        head = f"  {one.id}  "
        lines.append(cut(f"{head}{_around_item(one, width - width_of(head))}", width))
        lines += wrapped(_views(one), width, indent="    ")
    return "\n".join(lines)


def _around_item(one: Candidate, width: int) -> str:
    """What a record says; of a longer one than there are columns, what stands around the token to look at."""
    for part in one.text.split(" | "):
        words = part.split(" ")
        if not one.item or words[one.unit : one.unit + 1] != [one.item]:
            continue
        if width_of(" ".join(words[: one.unit + 1])) < width:
            break
        first = one.unit
        while first and width_of(" ".join(words[first - 1 : one.unit])) <= width // 2:
            first -= 1
        return f"… {' '.join(words[first:])}"
    return one.text


def _views(one: Candidate) -> str:
    place = f"{one.unit} {one.item}: " if one.item else ""
    if one.doubted:
        return f"{place}{one.doubt}; promises {one.promise:.2f}"
    combined = f"combined {one.named(_best(one.combined)) or one.unsaid}" if one.labelled else one.unsaid
    predicted = one.named(_best(one.prediction)) or "nothing"
    return f"{place}{combined}, predicted {predicted}; promises {one.promise:.2f}"


def _best(by_label: Mapping[str, float]) -> dict[str, float]:
    return dict(list(by_label.items())[:1])


def _s(n: int, word: str) -> str:
    return word if n == 1 else f"{word}s"
