"""An application and a version, in a few lines."""

from collections.abc import Mapping
from typing import Any

from overton.notebook.markup import cut, element, page, table
from overton.notebook.report import main_figures


def version_html(version: str, report: Mapping[str, Any], lineage: Mapping[str, Any]) -> str:
    """A version with the figures that it is judged by.

    Args:
        version: Its id.
        report: As `Report.to_json` gives it.
        lineage: What it was made of.
    """
    parent = lineage.get("parent")
    told = f", begun from {parent}" if parent else ""
    return page(element("p", element("b", f"version {version}"), told), main_figures(report))


def application_html(directory: str, store: str, schema: Mapping[str, Any]) -> str:
    """An application with its payloads and tasks.

    Args:
        directory: Where it lies.
        store: Where its versions are kept.
        schema: As `schema.json` has it.
    """
    tasks = [[cut(name), task["type"], cut(task["payload"])] for name, task in schema["tasks"].items()]
    payloads = [
        [cut(name), payload["type"], cut(", ".join(payload.get("base", ())))]
        for name, payload in schema["payloads"].items()
    ]
    return page(
        element("p", element("b", f"application {directory}"), f", versions in {store}"),
        table(["task", "type", "on"], tasks),
        table(["payload", "type", "made from"], payloads),
    )
