"""Slices that were found, and what drifted: one table each."""

from collections.abc import Mapping
from typing import Any

from overton.base import count_of, percent_text
from overton.notebook.markup import cut, element, figure, join, page, table
from overton.notebook.words import wrong_of


def slices_html(document: Mapping[str, Any]) -> str:
    """Slices that nobody defined.

    Args:
        document: As `SlicePage.to_json` gives it.
    """
    if document["error_rate"] is None:
        return page(element("p", element("b", document["task"]), ": no gold, so there is nothing to say"))
    head = f"{document['task']} on {' and '.join(document['splits'])}: "
    head += wrong_of(document["error_rate"], document["n"], document["unit"])
    rows = [
        [
            join([cut(one["tag"] or one["where"], 160), f" (in {one['within']['tag']})" if one["within"] else ""]),
            f"{one['n']:,}",
            percent_text(one["error_rate"], 1),
            percent_text(one["elsewhere"], 1),
            f"{one['q']:.2g}",
            cut(", ".join(one["examples"])),
        ]
        for one in document["slices"]
    ]
    columns = ["slice", "n", "wrong", "elsewhere", "chance", "such as"]
    looked = f"{document['n_looked_at']:,} slices of at least {document['least']} records were looked at"
    found = table(columns, rows, numbers=(1, 2, 3, 4)) if rows else element("p", "none is worse beyond chance")
    return page(element("p", element("b", head)), found, element("p", looked, kind="dim"))


def drift_html(document: Mapping[str, Any]) -> str:
    """What drifted.

    Args:
        document: As `DriftReport.to_json` gives it.
    """
    rows = [
        [
            element("span", row["verdict"], kind="bad" if row["verdict"] == "drifted" else "dim"),
            row["what"],
            cut(row["name"]),
            figure(row["before"]),
            figure(row["now"]),
            f"{row['measure']} {figure(row['effect'])}",
            "-" if row["q"] is None else f"{row['q']:.2g}",
        ]
        for row in document["rows"]
    ]
    head = f"{count_of(document['n'], 'record')} beside version {document['version']}"
    columns = ["", "what", "of", "before", "now", "effect", "chance"]
    return page(element("p", element("b", head)), table(columns, rows, numbers=(3, 4, 6)))
