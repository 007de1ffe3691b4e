"""What editors change: labels and tags, appended as data; and filters that are saved as slices."""

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np

from overton.base import OvertonError, Problem, count_of
from overton.data import GOLD, SLICE_PREFIX, SPLITS
from overton.review import bear_all, check_tag, nobody_bears, tag_sql
from overton.web.dashboard import Dashboard
from overton.web.edits.files import Appended, append_lines, edits_name
from overton.web.edits.labels import Correction, correction_line, tag_lines
from overton.web.pages.record import tags_of
from overton.web.routing import Query

NO_SQL = "tagging.no-duckdb"


class LabelBody(msgspec.Struct, forbid_unknown_fields=True):
    """A correction: one label, or those of some tokens or members by their places."""

    id: str
    task: str
    editor: str
    label: Any = None
    units: dict[str, Any] | None = None


class TagBody(msgspec.Struct, forbid_unknown_fields=True):
    """A tag for some records."""

    ids: list[str]
    tag: str


class SliceBody(msgspec.Struct, forbid_unknown_fields=True):
    """A slice to save: by an expression over tags, or by one in SQL, which may need the predictions of a version.

    A slice of the name is replaced where that is said.
    """

    name: str
    tag: str = ""
    where: str = ""
    version: str = ""
    replace: bool = False


def save_label(dashboard: Dashboard, body: LabelBody, query: Query) -> dict[str, Any]:
    """Append a correction."""
    records, name = dashboard.own_records(), edits_name()
    said = Correction(body.id, body.task, body.editor, body.label, body.units)
    line = correction_line(records.dataset, said, name)
    told = _told(append_lines(dashboard.data / name, [line]), line=line)
    split, _ = tags_of(records.dataset, dashboard.row(records, said.id))
    return {**told, "message": f"{told['message']}; {_weight(said.editor, records.supervision.trusted, split)}"}


def _weight(editor: str, trusted: Sequence[str], split: str) -> str:
    """What a label by an editor will count, in training or, on records of the other splits, in what is reported."""
    if split in SPLITS[1:]:
        return (
            f"models are judged by it on {split}" if editor == GOLD else f"it changes no figure of {split}: gold does"
        )
    if editor == GOLD or editor in trusted:
        return "it counts as gold in training"
    return "one vote among others, unless supervision.trusted in tuning.json names its source"


def save_tag(dashboard: Dashboard, body: TagBody, query: Query) -> dict[str, Any]:
    """Append a tag.

    Raises:
        OvertonError: Where no record is named, one is unknown, or it is no tag.
    """
    if not body.ids:
        hint = "Name the ids of the records"
        raise OvertonError(Problem(f"no record is named to bear {body.tag!r}", "edits.no-records", hint=hint))
    lines = tag_lines(dashboard.own_records().dataset, body.ids, body.tag)
    if not lines:
        return {"path": "", "line": 0, "count": 0, "message": f"they bear {body.tag} already"}
    return _told(append_lines(dashboard.data / edits_name(), lines))


def save_slice(dashboard: Dashboard, body: SliceBody, query: Query) -> dict[str, Any]:
    """Save a filter as a slice: as `overton tag` does, or as lines of edits where SQL is not there.

    Raises:
        OvertonError: Where there is no filter, it is wrong or holds for no record, or the slice is there already.
    """
    name = body.name if body.name.startswith(SLICE_PREFIX) else SLICE_PREFIX + body.name
    check_tag(name)
    if bool(body.tag.strip()) == bool(body.where.strip()):
        hint = "A slice of all records says nothing"
        raise OvertonError(Problem("expected a filter by tags or an expression", "edits.no-filter", hint=hint))
    dataset = dashboard.own_records().dataset
    is_there = name in dataset.tags.names
    if is_there and not body.replace:
        hint = "Give it another name, or replace it"
        raise OvertonError(Problem(f"there is a slice {name!r} already", "edits.slice-exists", hint=hint))
    if body.tag:
        bear_all(dataset, [body.tag])  # names the tag that is unknown
    where = body.where or tag_sql(body.tag, dataset.tags.names)
    version = dashboard.version(body.version) if body.version else None
    try:
        found = dashboard.application().tag(name, where, version=version, allow_empty=False)
    except OvertonError as error:
        if error.problems[0].code != NO_SQL or not body.tag:
            raise
        ids = dataset.ids(np.flatnonzero(bear_all(dataset, [body.tag])))
        if not ids:
            raise OvertonError(nobody_bears(name)) from None
        if is_there:  # lines of edits take no tag away
            raise
        lines = tag_lines(dataset, ids, name)
        told = _told(append_lines(dashboard.data / edits_name(), lines)) if lines else {}
        return {**told, "tag": name, "count": len(ids)}
    place = found.path.rpartition("/")[2]
    return {
        "tag": name,
        "where": where,
        "path": f"data/{place}",
        "count": len(found.ids),
        "by_split": found.by_split,
        "message": f"{name}: {count_of(len(found.ids), 'record')}, in data/{place}"
        + (f"; other files have it on {found.elsewhere:,} more" if found.elsewhere else ""),
    }


def _told(done: Appended, **more: Any) -> dict[str, Any]:
    """What an editor is told."""
    path = f"data/{done.path.name}"
    message = f"saved: {path}, line {done.line}" if done.count == 1 else f"saved: {path}, {done.count} lines"
    return {"path": path, "line": done.line, "count": done.count, "message": message, **more}
