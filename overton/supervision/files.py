"""Counted votes on disk, one file a task: derived from the data files, and safe to delete."""

from collections.abc import Mapping
from pathlib import Path

import msgspec
import numpy as np
from numpy import ndarray

from overton.base import Event, Observe, OvertonError, ignore
from overton.data import Stamps
from overton.data.files.container import SectionWriter, open_container, verify_container
from overton.supervision.kept import Kept
from overton.supervision.models.patterns import Cells, Patterns
from overton.supervision.tally import Tally

KIND = "tally"
FORMAT = 2  # goes up when patterns are hashed or ordered in another way
SMALL = ("row", "source", "first", "label", "weight", "count", "n_options")  # sections that tell of the patterns


class _Meta(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What stands in the header.

    Attributes:
        format: Format of the sections.
        task: Name of the task.
        records: Stamp of the records.
        stamps: Stamp of the votes of each source.
        sources: Names of the sources by number.
        classes: Names of the classes by number.
    """

    format: int
    task: str
    records: str
    stamps: dict[str, str]
    sources: tuple[str, ...]
    classes: tuple[str, ...]


def save_kept(path: Path, task: str, kept: Kept) -> None:
    """Write the counted votes of a task in place of those that were there."""
    tally, patterns = kept.tally, kept.tally.patterns
    cells = patterns.cells
    small = (cells.row, cells.source, cells.first, cells.label, cells.weight, patterns.count, patterns.n_options)
    path.parent.mkdir(parents=True, exist_ok=True)
    meta = _Meta(FORMAT, task, kept.stamps.records, dict(kept.stamps.sources), tally.sources, tally.classes)
    with SectionWriter(path.parent) as writer:
        # As narrow as will do: it is the one section that grows with the records.
        writer.append("index", patterns.index.astype(np.min_scalar_type(-max(patterns.n_patterns, 1))))
        for name, section in zip(SMALL, small, strict=True):
            writer.append(name, section)
        writer.save(path, KIND, msgspec.to_builtins(meta))


def load_kept(path: Path, task: str, *, observe: Observe = ignore) -> Kept | None:
    """The counted votes of a task; None where there are none that can be used, which is told where they are damaged."""
    if not path.exists():
        return None
    try:
        content, sections = open_container(path, KIND)
        verify_container(path)
        meta = msgspec.convert(content, _Meta)
        if (meta.format, meta.task) != (FORMAT, task):
            return None
        return Kept(Stamps(meta.records, meta.stamps), _tally(meta, sections))
    except OvertonError as error:
        reason = error.problems[0].message.partition(": ")[2]
    except (msgspec.ValidationError, KeyError, ValueError) as error:
        reason = str(error)
    observe(Event("combine", f"{path} cannot be used: {reason}; the votes are counted again"))
    return None


def _tally(meta: _Meta, sections: Mapping[str, ndarray]) -> Tally:
    # Copied: a tally outlives the file, which may be replaced while it is used.
    row, source, first, label, weight, count, n_options = (sections[name].copy() for name in SMALL)
    index, cells = sections["index"].astype(np.int32), Cells(row, source, first, label, weight)
    patterns = Patterns(index, count, n_options, cells)
    n_cells, n_entries = len(cells.row), int(cells.first[-1])
    seen = [len(part) for part in (cells.source, cells.first, cells.label, cells.weight, patterns.n_options)]
    fits = seen == [n_cells, n_cells + 1, n_entries, n_entries, patterns.n_patterns]
    if not fits or int(index.max(initial=-1)) >= patterns.n_patterns:
        raise ValueError("its sections do not belong together")
    return Tally(meta.sources, meta.classes, patterns)
