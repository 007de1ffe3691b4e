"""What two versions differ in: schema, data, sources, choices, and quality as each build measured it."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from overton.artifact import Artifact
from overton.schema import diff_schemas


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is not the same.

    Attributes:
        part: `schema`, `data`, `sources`, `choices`, `lineage` or `quality`.
        field: What it is, such as `training.dropout`, `Intent crowd` or `Intent accuracy slice:nutrition`.
        old: Its value in the old version; None where it has none.
        new: Its value in the new version; None where it has none.
        note: What more there is to say.
    """

    part: str
    field: str
    old: Any
    new: Any
    note: str = ""


@dataclass(frozen=True, slots=True)
class VersionDiff:
    """Two versions side by side.

    Attributes:
        old: Id of the old version.
        new: Id of the new version.
        differences: What differs, part by part; figures of quality that changed most come first.
    """

    old: str
    new: str
    differences: tuple[Difference, ...]

    def part(self, name: str) -> tuple[Difference, ...]:
        """The differences in one part."""
        return tuple(difference for difference in self.differences if difference.part == name)

    def to_json(self) -> dict[str, Any]:
        """The document of `overton store diff --json`."""
        return {"old": self.old, "new": self.new, "differences": [asdict(found) for found in self.differences]}


def diff_versions(old: Artifact, new: Artifact) -> VersionDiff:
    """Everything in which two versions differ, as their files tell it; no model is run.

    Figures of quality are those of each version's own build, on the records that were test then. Whether a difference
    is more than chance is asked of `overton compare`, which has both predict the same records.
    """
    before, after = (artifact.json("lineage.json") for artifact in (old, new))
    choices = (artifact.json("choices.json") for artifact in (old, new))
    differences = [
        *(
            Difference("schema", change.field, None, None, f"{change.message} ({change.kind})")
            for change in diff_schemas(old.schema, new.schema)
        ),
        *_data(before, after),
        *_sources(before, after),
        *_values("choices", *choices),
        *_lineage(before, after),
        *_quality(old.json("report.json"), new.json("report.json")),
    ]
    return VersionDiff(old.id, new.id, tuple(differences))


def _data(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Difference]:
    before, after = (dict(lineage.get("data", {})) for lineage in (old, new))
    first, second = (data.get("files", {}) for data in (before, after))
    for name in sorted(first | second):
        if first.get(name) != second.get(name):
            note = "is gone" if name not in second else "is new" if name not in first else "was edited"
            yield Difference("data", name, first.get(name), second.get(name), note)
    if before.get("records") != after.get("records"):
        yield Difference("data", "records", before.get("records"), after.get("records"))
    yield from _values("data", {"splits": old.get("splits", {})}, {"splits": new.get("splits", {})})
    for split in sorted({*old.get("tags", {}), *new.get("tags", {})}):
        yield from _values("data", _tag_counts(old, split), _tag_counts(new, split))


def _tag_counts(lineage: Mapping[str, Any], split: str) -> dict[str, int]:
    return {f"{split} {tag}": count for tag, count in lineage.get("tags", {}).get(split, {}).items()}


def _sources(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Difference]:
    """What each version learned of the accuracy of every source."""
    before, after = (
        {
            f"{task} {source}": round(accuracy, 3)
            for task, found in lineage.get("sources", {}).items()
            for source, accuracy in found.items()
        }
        for lineage in (old, new)
    )
    for name in sorted(before | after):
        if before.get(name) != after.get(name):
            note = "is gone" if name not in after else "is new" if name not in before else ""
            yield Difference("sources", name, before.get(name), after.get(name), note)


def _lineage(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Difference]:
    names = ("overton", "seed", "parent", "label_models", "pretrained", "tuning")
    for name in names:
        yield from _values("lineage", old.get(name), new.get(name), name)


def _quality(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[Difference]:
    """The main metric of every task on every tag of the test split, where both or one have it."""
    before, after = map(_main_rows, (old, new))
    found = []
    for name in before | after:
        first, second = before.get(name), after.get(name)
        was, now = (None if row is None else round(row["value"], 4) for row in (first, second))
        if was == now:
            continue
        counts = [row["n"] for row in (first, second) if row]
        note = f"n {counts[0]:,}" if len(set(counts)) == 1 else f"n {counts[0]:,} -> {counts[1]:,}"
        found.append(Difference("quality", name, was, now, note))
    return sorted(found, key=lambda row: (-abs((row.new or 0) - (row.old or 0)), row.field))


def _main_rows(report: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    main = report.get("main_metric", {})
    return {
        f"{row['task']} {row['metric']} {row['tag']}": row
        for row in report.get("rows", ())
        if row["split"] == "test" and main.get(row["task"]) == row["metric"] and row["value"] is not None
    }


def _values(part: str, old: Any, new: Any, field: str = "") -> Iterator[Difference]:
    """The leaves in which two JSON values differ."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in [*old, *(key for key in new if key not in old)]:
            yield from _values(part, old.get(key), new.get(key), f"{field}.{key}" if field else key)
    elif old != new:
        yield Difference(part, field, old, new)
