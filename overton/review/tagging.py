"""Which records an expression tags, beside those that bore the tag before."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy import ndarray

from overton.base import OvertonError, Problem, count_of, shortened
from overton.data import SPLITS, Dataset, bad_tag_hint, is_bad_tag, meant_tag
from overton.supervision import record_text

EXAMPLES = 3


@dataclass(frozen=True, slots=True)
class Tagging:
    """What tagging found.

    Attributes:
        tag: The tag.
        where: The expression.
        path: The data file of the tag.
        ids: Ids of its records, in the order of the data.
        n_records: Number of all records.
        by_split: How many of its records stand in each split.
        added: How many bear it now and did not before, by this file.
        removed: How many bore it before and do not now.
        elsewhere: How many others bear it by other data files, which are not touched.
        examples: What the first of its records say, by id.
    """

    tag: str
    where: str
    path: str
    ids: tuple[str, ...]
    n_records: int
    by_split: dict[str, int]
    added: int
    removed: int
    elsewhere: int
    examples: dict[str, str]

    def to_json(self) -> dict[str, Any]:
        """The document of `overton tag --json`."""
        return asdict(self)


def check_tag(name: str) -> None:
    """Refuse what cannot be a tag, or decides about splits.

    Raises:
        OvertonError: Where it is such a name.
    """
    if name in SPLITS:
        message = f"{name!r} says in which split a record stands, and a record stands in one"
        raise OvertonError(Problem(message, "tagging.split", hint="Give splits in the data files of the records"))
    if is_bad_tag(name):
        meant = meant_tag(name)
        hint = f"Did you mean {meant!r}?" if meant else bad_tag_hint(name)
        raise OvertonError(Problem(f"{name!r} cannot be a tag", "tagging.bad-name", hint=hint))


def nobody_bears(name: str) -> Problem:
    """What is wrong with a slice of no record."""
    message, hint = f"{name} would match no record, so it was not saved", "Choose a filter that matches some"
    return Problem(message, "tagging.no-records", hint=hint)


def tagging_of(
    dataset: Dataset, rows: ndarray, *, name: str, where: str, path: str, before: Sequence[str] = ()
) -> Tagging:
    """What there is to tell of some records that are tagged.

    Args:
        dataset: The records.
        rows: Numbers of those that are tagged, int64, ascending.
        name: The tag.
        where: The expression that chose them.
        path: The data file of the tag.
        before: Ids of the records that it names now.
    """
    ids = dataset.ids(rows)
    some = rows[:EXAMPLES]
    return Tagging(
        tag=name,
        where=where,
        path=path,
        ids=tuple(ids),
        n_records=dataset.n_records,
        by_split={split: int(np.isin(rows, getattr(dataset.splits, split)).sum()) for split in SPLITS},
        added=len(set(ids) - set(before)),
        removed=len(set(before) - set(ids)),
        elsewhere=len(np.setdiff1d(dataset.tags.rows(name), rows)),
        examples=dict(zip(ids[:EXAMPLES], map(record_text, dataset.payloads(some)), strict=True)) if ids else {},
    )


def render_tagging(found: Tagging, *, written: bool, width: int = 100) -> str:
    """What was tagged, as text for a terminal, which ends with a newline.

    Args:
        found: As `Application.tag` gives it.
        written: Whether the file was written.
        width: Columns of the terminal.
    """
    n = len(found.ids)
    splits = ", ".join(f"{count:,} of {split}" for split, count in found.by_split.items())
    lines = [f"{found.tag}: {n:,} of {found.n_records:,} records{f' ({splits})' if n else ''}"]
    lines += [f"  {shortened(f'{one}  {text}', width - 2)}" for one, text in found.examples.items()]
    change = f"{found.added:,} more and {found.removed:,} fewer than before" if found.added or found.removed else ""
    if not written:
        lines.append(f"nothing was written{f'; it would be {change}' if change else ''}")
    elif not change:
        lines.append("nothing has changed")
    else:
        lines.append(f"{found.path}: {change}" if n else f"{found.path}: removed, since no record is left")
    if found.elsewhere:
        lines.append(f"other data files, which stay as they are, give it to {count_of(found.elsewhere, 'more record')}")
    return "\n".join(lines) + "\n"
