"""Errors: each record as a person reads it, its labels in place, its candidates with their spans, who said what."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from overton.base import around, percent_text
from overton.notebook.markup import Markup, cut, element, join, page, table
from overton.notebook.words import label_text

SHOWN = 20
ITEMS = 200  # tokens that are shown of one record
UNITS = 8
GOLD = element("span", "gold", kind="good")


def errors_html(document: Mapping[str, Any]) -> str:
    """A page of errors.

    Args:
        document: As `ErrorPage.to_json` gives it.
    """
    where = ", ".join([document["split"], *document["tags"]])
    head = f"{document['task']} on {where}: {document['n_wrong_records']:,} of {document['n_records']:,} records wrong"
    records = document["records"][:SHOWN]
    hidden = document["n_wrong_records"] - len(records)
    limited = " where the limit is greater" if document["n_wrong_records"] > len(document["records"]) else ""
    sources = [
        [cut(row["source"]), f"{row['n']:,}", percent_text(row["right"]), percent_text(row["same"])]
        for row in document["sources"]
    ]
    said = table(["source", "labels", "as gold", "as the version"], sources, numbers=(1, 2, 3))
    return page(
        element("p", element("b", head)),
        *(_record(record) for record in records),
        element("p", f"{hidden:,} more, in records and to_pandas(){limited}", kind="dim") if hidden else "",
        join([element("h4", "what the sources say of these errors"), said]) if sources else "",
    )


def error_html(document: Mapping[str, Any]) -> str:
    """One record with errors.

    Args:
        document: As `RecordError.to_json` gives it.
    """
    return page(_record(document))


def _record(record: Mapping[str, Any]) -> Markup:
    payloads, field = record["payloads"], record["payload"]
    tokens = {name: value for name, value in payloads.items() if _is_sequence(value)}
    texts = [value for value in payloads.values() if isinstance(value, str)] if not tokens else []
    sets = {name: value for name, value in payloads.items() if _is_set(value)}
    labelled = {unit["unit"]: unit for unit in record["units"] if unit["text"]}
    tags = [element("span", cut(tag), kind="tag") for tag in record["tags"]]
    parts = [
        element("p", element("b", cut(record["id"])), " ", *tags),
        *(element("p", cut(text, 2000)) for text in texts),
        *(_tokens(value, labelled if name == field else {}) for name, value in tokens.items()),
    ]
    pointed = _pointed_to(record, tokens)
    parts += [_members(value, pointed(name), record["units"] if name == field else ()) for name, value in sets.items()]
    members = payloads.get(field) if _is_set(payloads.get(field)) else None
    parts += [_said(unit, members) for unit in record["units"][:UNITS]]
    if len(record["units"]) > UNITS:
        parts.append(element("p", f"{len(record['units']) - UNITS:,} more items", kind="dim"))
    return element("div", *parts, kind="record")


def _tokens(tokens: Sequence[str], labelled: Mapping[int, Mapping[str, Any]]) -> Markup:
    """Tokens in a row, what was said and what is true below each that is wrong; of many those around the first such."""
    places = around(min(labelled, default=0), len(tokens), ITEMS)
    parts = [element("span", f"{places.start:,} before …", kind="dim")] if places.start else []
    for place in places:
        unit = labelled.get(place)
        below = [] if unit is None else [_small(unit["prediction"], "bad"), _small(unit["gold"], "good")]
        word = element("span", cut(tokens[place]), kind="wrong" if unit else "")
        parts.append(element("span", word, *below, kind="item"))
    if len(tokens) > places.stop:
        parts.append(element("span", f"… {len(tokens) - places.stop:,} more", kind="dim"))
    return element("p", *parts)


def _pointed_to(
    record: Mapping[str, Any], tokens: Mapping[str, Sequence[str]]
) -> Callable[[str], Sequence[str] | None]:
    """The tokens that the members of a set point to, by its field; None where there are several that it may be."""
    only = next(iter(tokens.values()), []) if len(tokens) < 2 else None
    return lambda name: tokens.get(record["range"], only) if name == record["payload"] else only


def _members(
    members: Sequence[Mapping[str, Any]], tokens: Sequence[str] | None, units: Sequence[Mapping[str, Any]]
) -> Markup:
    """Members of a set, each with its span and who says it: the version, gold, sources.

    The span is told by the places of its tokens where nobody knows which these are.
    """
    chosen = next((unit for unit in units if not unit["text"]), None)  # a task that chooses one of them
    rows = []
    for place, member in enumerate(members):
        span = member.get("range") or ()
        places = " .. ".join(map(str, span))
        words = places if tokens is None else " ".join(tokens[slice(*span)]) if span else ""
        who: list[str] = []
        if chosen is not None:
            who += [_predicted(chosen)] * (chosen["prediction"] == place)
            who += [GOLD] * (chosen["gold"] == place)
            who += [cut(source) for source, label in chosen["votes"].items() if _says(label, place)]
        rows.append([str(place), cut(str(member.get("id", ""))), cut(words), join(who, ", ")])
    return table(["", "candidate", "span", "said by" if chosen is not None else ""], rows, numbers=(0,))


def _said(unit: Mapping[str, Any], members: Sequence[Mapping[str, Any]] | None) -> Markup:
    """Who said what of one unit: a line for each label, gold first."""
    by_label: dict[str, list[str]] = {_named(unit["gold"], members): [GOLD]}
    by_label.setdefault(_named(unit["prediction"], members), []).append(_predicted(unit))
    for source, label in unit["votes"].items():
        by_label.setdefault(_named(label, members), []).append(cut(source))
    rows: list[list[str]] = [[cut(label), join(who, ", ")] for label, who in by_label.items()]
    combined = ", ".join(f"{name} {share:.2f}" for name, share in list(unit["combined"].items())[:3])
    if combined:
        rows.append([cut(combined), element("span", "combined", kind="dim")])
    title = element("p", f"{unit['unit']} ", cut(unit["text"]), kind="dim") if unit["text"] else ""
    return join([title, table(["", ""], rows)])


def _named(label: Any, members: Sequence[Mapping[str, Any]] | None) -> str:
    """A label, where it is the index of a member with its id."""
    if members is not None and isinstance(label, int) and 0 <= label < len(members):
        return f"{label} {members[label].get('id', '')}"
    return label_text(sorted(label) if isinstance(label, list) else label)  # bits have no order


def _predicted(unit: Mapping[str, Any]) -> Markup:
    return element("span", f"predicted {unit['probability']:.2f}", kind="bad")


def _says(label: Any, place: int) -> bool:
    return label == place or (isinstance(label, Mapping) and label.get(str(place), 0) > 0)


def _small(label: Any, kind: str) -> Markup:
    return element("small", cut(label_text(label), 30), kind=kind)


def _is_sequence(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(item, str) for item in value)


def _is_set(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(item, Mapping) for item in value)
