"""One record: what it says, what every source and the version say of it, task by task; its labels can be corrected."""

from dataclasses import replace

import numpy as np

from overton.review import names_of
from overton.web.dashboard import Dashboard
from overton.web.pages.record import RecordPage, tags_of, task_view
from overton.web.routes.errors import MOST, errors_of, filter_of, fitted_of
from overton.web.routing import Query, Shown


def record_view(dashboard: Dashboard, query: Query) -> Shown:
    """The page of a record, and its place in the list of errors that it was opened from, where the query names one."""
    version = dashboard.version(query.get("version", ""))
    records = dashboard.records(version)
    dataset = records.dataset
    row = dashboard.row(records, query.get("id", ""))
    order = np.array([row], np.int64)
    said = dashboard.predict(version, records, order)
    tasks = [task.name for task in dataset.schema.learnable().tasks]
    asked = query.get("task", "")
    tasks.sort(key=lambda task: task != asked)
    split, tags = tags_of(dataset, row)
    names = names_of(dataset, tasks[0], row)
    page = RecordPage(
        id=names.id,
        version=version.id,
        split=split,
        tags=tags,
        text=names.text,
        payloads=names.payloads,
        tasks=tuple(task_view(dashboard.known(records, task), row, said.get(task)) for task in tasks),
        task=asked,
    )
    back = {name: query.get(name, "") for name in ("task", "tag", "split", "version")}
    if not asked or "split" not in query:
        return Shown("record.html.j2", page, {"back": back})
    wanted = replace(filter_of(version, query), limit=MOST)
    found = errors_of(dashboard, version, wanted, fitted_of(dashboard, records, asked, wanted.tag))
    listed = [one.id for one in found.records]
    if page.id in listed:
        place = listed.index(page.id)
        before = listed[place - 1] if place else ""
        after = listed[place + 1] if place + 1 < len(listed) else ""
        page = replace(page, before=before, after=after, place=place + 1, of=len(listed))
    return Shown("record.html.j2", page, {"back": back})
