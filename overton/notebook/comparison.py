"""A comparison of two versions: the verdict, then what got worse and better, with records that got worse."""

from collections.abc import Mapping, Sequence
from typing import Any

from overton.base import count_of
from overton.notebook.markup import Markup, cut, element, figure, interval, join, page, table
from overton.notebook.words import label_text

SHOWN = 12
EXAMPLES = 3
VERDICTS = {
    "regressed": element("span", "worse", kind="bad"),
    "ok": element("span", "ok", kind="dim"),
    "not enough data": element("span", "few", kind="dim"),
}


def comparison_html(document: Mapping[str, Any]) -> str:
    """A comparison.

    Args:
        document: As `Comparison.to_json` gives it.
    """
    rows = document["rows"]
    refused = document["refused"]
    verdict = element("b", "refused", kind="bad") if refused else element("b", "passed", kind="good")
    counts = ", ".join(f"{sum(row['verdict'] == name for row in rows):,} {name}" for name in VERDICTS)
    head = f": {document['old']} -> {document['new']} on {count_of(document['records'], 'record')}; {counts}"
    worse = [row for row in rows if row["verdict"] == "regressed" or (_fall(row) > 0 and row["p"] < 0.5)]
    risen = {(one["task"], one["tag"]) for one in document["better"]}
    better = [row for row in rows if row["metric"] != "ece" and (row["task"], row["tag"]) in risen]
    whole = [row for row in rows if row["tag"] == "*"]
    return page(
        element("p", verdict, head),
        element("ul", *(element("li", cut(one["message"], 300)) for one in refused[:SHOWN])) if refused else "",
        _more(len(refused) - SHOWN, "refused of to_json()"),
        *(element("p", f"note: {cut(warning, 300)}") for warning in document.get("warnings", ())),
        _section("whole split", whole),
        _section("what got worse, by evidence", worse[:SHOWN], document["examples"]),
        _more(len(worse) - SHOWN),
        _section("what got better, beyond noise", sorted(better, key=_fall)[:SHOWN]),
        _more(len(better) - SHOWN),
        *(element("p", f"{name} was not compared: {why}", kind="dim") for name, why in document["left_out"].items()),
        *(element("p", f"note: {note}", kind="dim") for note in document["notes"]),
    )


def _section(title: str, rows: Sequence[Mapping[str, Any]], examples: Sequence[Mapping[str, Any]] = ()) -> Markup:
    if not rows:
        return Markup("")
    lines: list[list[str]] = []
    for row in rows:
        p = row["p_adjusted"]  # of what was not judged there is none
        own = [one for one in examples if (one["task"], one["tag"]) == (row["task"], row["tag"])][:EXAMPLES]
        lines.append(
            [
                join([row["task"], *([" ece"] if row["metric"] == "ece" else [])]),
                element("i", "whole split") if row["tag"] == "*" else cut(row["tag"]),
                f"{row['n']:,}",
                figure(row["old"]),
                figure(row["new"]),
                figure(row["change"], sign=True),
                interval(row["low"], row["high"], sign=True),
                "-" if p is None else f"{p:.2g}",
                join([VERDICTS[row["verdict"]], *map(_example, own)]),
            ]
        )
    head = ["task", "tag", "n", "old", "new", "change", "95 % interval", "p of a fall", ""]
    return join([element("h4", title), table(head, lines, numbers=(2, 3, 4, 5, 6, 7))])


def _more(n: int, where: str = "to_pandas()") -> Markup:
    """How many are not shown, and where they are."""
    return element("p", f"{n:,} more in {where}", kind="dim") if n > 0 else Markup("")


def _example(one: Mapping[str, Any]) -> Markup:
    said = f"{label_text(one['old'])} -> {label_text(one['new'])}, true is {label_text(one['gold'])}"
    return element("div", one["id"], ": ", cut(said, 120), kind="dim")


def _fall(row: Mapping[str, Any]) -> float:
    change: float = row["change"] or 0.0
    return change if row["metric"] == "ece" else -change
