"""Slices that nobody defined, in which a version errs most; each is saved by one click."""

from dataclasses import dataclass
from typing import Any

from overton.review import SlicePage, review_slices, words_of_records
from overton.web.dashboard import Dashboard
from overton.web.routes.errors import EVERY, filter_of
from overton.web.routing import Query, Shown


@dataclass(frozen=True, slots=True)
class DiscoverPage:
    """The page.

    Attributes:
        version: Id of the version.
        task: The task that is looked at.
        tasks: All of them.
        tag: What the records are chosen by; empty for all.
        tags: Tags to choose from.
        found: What was found.
        commands: The command that saves each.
    """

    version: str
    task: str
    tasks: tuple[str, ...]
    tag: str
    tags: tuple[str, ...]
    found: SlicePage
    commands: tuple[str, ...]

    @property
    def title(self) -> str:
        """What the page is called."""
        return f"Slices found on {self.task}"

    def to_json(self) -> dict[str, Any]:
        """The page as a JSON value: of one task what `overton discover --json` tells."""
        return {"version": self.version, "tag": self.tag, **self.found.to_json(), "commands": list(self.commands)}


def discover_view(dashboard: Dashboard, query: Query) -> Shown:
    """The page of slices that are found."""
    version = dashboard.version(query.get("version", ""))
    asked = filter_of(version, {**query, "split": "test"})
    records = dashboard.records(version)
    tags = () if asked.tag in EVERY else (asked.tag,)

    def find() -> SlicePage:
        return review_slices(
            records.dataset,
            version.runtime,
            [asked.task],
            version=version.id,
            splits=records.dataset.splits,
            tags=tags,
            predict=dashboard.predictor(version, records),
        )[0]

    found = dashboard.page(("discover", version.id, asked.task, asked.tag), find)
    place, own = f"{dashboard.directory}@{version.id}", words_of_records(found.splits, tags)
    page = DiscoverPage(
        version=version.id,
        task=asked.task,
        tasks=tuple(task.name for task in version.runtime.schema.learnable().tasks),
        tag=asked.tag,
        tags=records.dataset.tags.names,
        found=found,
        commands=tuple(
            one.command(str(dashboard.directory), place, dashboard.store_words, own) for one in found.slices
        ),
    )
    return Shown("discover.html.j2", page)
