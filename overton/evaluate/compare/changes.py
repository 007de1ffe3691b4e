"""What two lineages tell of the data behind two versions: tags, slices and sources that came, went or changed."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

Status = Literal["same", "appeared", "vanished", "changed"]
NOTABLE = 0.02  # by which the accuracy of a source, or the share of a tag, changes before it counts as changed


@dataclass(frozen=True, slots=True)
class TagChange:
    """How frequent a tag is in training data.

    Attributes:
        tag: The tag.
        old: Training records of the old version that have it; None where its lineage tells nothing of tags.
        new: Of the new version, likewise.
        now: Of the data as they are now.
        old_share: Their share of all training records then.
        new_share: Likewise.
        now_share: Likewise.
        status: Whether it appeared or vanished from the old version to the new one, or its share changed by 0.02.
    """

    tag: str
    old: int | None
    new: int | None
    now: int | None
    old_share: float | None
    new_share: float | None
    now_share: float | None
    status: Status

    @property
    def moved(self) -> float:
        """By how much its share changed: from the old version to the new one, or from then to now if that is more."""
        steps = ((self.old_share, self.new_share), (self.new_share, self.now_share))
        return max((abs(later - then) for then, later in steps if then is not None and later is not None), default=0.0)

    def to_json(self) -> dict[str, Any]:
        """The row as it stands in the document."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class SourceChange:
    """What the label models of two versions learned of a source.

    Attributes:
        task: Name of the task.
        source: Name of the source.
        old: Its estimated accuracy in the old version; None where it had no such source.
        new: In the new version, likewise.
        status: Whether it appeared or vanished, or its accuracy changed by 0.02.
    """

    task: str
    source: str
    old: float | None
    new: float | None
    status: Status

    def to_json(self) -> dict[str, Any]:
        """The row as it stands in the document."""
        return asdict(self)


def tag_changes(old: Mapping[str, Any], new: Mapping[str, Any], now: Mapping[str, Any]) -> tuple[TagChange, ...]:
    """How frequent every tag is in the training data of two versions and now, by name.

    Args:
        old: The lineage of the old version; one of an Overton that wrote no tags tells nothing.
        new: That of the new version.
        now: `tags` and `splits` as a lineage of now would have them; without training records, nothing.
    """
    counts = [lineage.get("tags", {}).get("train") for lineage in (old, new, now)]
    sizes = [lineage.get("splits", {}).get("train", 0) for lineage in (old, new, now)]
    if not sizes[2]:
        counts[2] = None
    rows = []
    for tag in sorted({tag for count in counts for tag in count or ()}):
        n = [None if count is None else count.get(tag, 0) for count in counts]
        share = [None if k is None or not size else k / size for k, size in zip(n, sizes, strict=True)]
        then, later = zip(n[:2], share[:2], strict=True)
        told = counts[0] is not None and counts[1] is not None  # else nothing is known to have come or gone
        status = _status(then[0] or None, later[0] or None, then[1], later[1]) if told else "same"
        if status == "same" and n[1] is not None and n[2] is not None and bool(n[1]) != bool(n[2]):
            status = "appeared" if n[2] else "vanished"  # since the build of the new version
        rows.append(TagChange(tag, n[0], n[1], n[2], share[0], share[1], share[2], status))
    return tuple(rows)


def moved_most(rows: Sequence[TagChange]) -> tuple[TagChange, ...]:
    """Tags that came or went, then those whose share moved most."""
    return tuple(sorted(rows, key=lambda row: (row.status not in ("appeared", "vanished"), -row.moved, row.tag)))


def source_changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> tuple[SourceChange, ...]:
    """What two lineages learned of every source, by task and name.

    Args:
        old: The lineage of the old version.
        new: That of the new version.
    """
    before, after = (lineage.get("sources", {}) for lineage in (old, new))
    rows = []
    for task in [*after, *(name for name in before if name not in after)]:
        first, second = before.get(task, {}), after.get(task, {})
        for source in sorted({*first, *second}):
            then, later = first.get(source), second.get(source)
            rows.append(SourceChange(task, source, then, later, _status(then, later, then, later)))
    return tuple(rows)


def _status(then: float | None, later: float | None, was: float | None, now: float | None) -> Status:
    if (then is None) != (later is None):
        return "appeared" if then is None else "vanished"
    return "changed" if was is not None and now is not None and abs(was - now) >= NOTABLE else "same"
