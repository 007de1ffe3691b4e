"""TensorBoard's event files: a folder a training, written while it goes on, where tensorboardX is installed."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from overton.base import Event, Observe
from overton.watch.points import points_of

if TYPE_CHECKING:
    from tensorboardX import SummaryWriter

FLUSH_SECONDS = 10


@contextmanager
def watching(folder: Path | None, facts: Mapping[str, Any]) -> Iterator[Observe | None]:
    """An observer that writes what a training tells of its epochs; None where there is no folder, or no tensorboardX.

    The folder is made with the first epoch, so that a training which goes on from its last one leaves none.

    Args:
        folder: Where the event files go, such as `.overton/builds/NAME/train`.
        facts: What is trained, such as its choices; shown as text beside the curves.
    """
    if folder is None or not find_spec("tensorboardX"):
        yield None
        return
    writers: list[SummaryWriter] = []
    known: dict[str, Any] = {}

    def observe(event: Event) -> None:
        known.update(event.values)
        if "losses" not in event.values:  # slices, which are told of before their epoch
            return
        points = points_of(known)
        if not writers:
            writers.append(_begin(folder, facts))
        for name, value in points.items():
            writers[0].add_scalar(name, value, event.done)

    try:
        yield observe
    finally:
        for writer in writers:
            writer.close()


def _begin(folder: Path, facts: Mapping[str, Any]) -> SummaryWriter:
    from tensorboardX import SummaryWriter

    writer = SummaryWriter(str(folder), flush_secs=FLUSH_SECONDS)
    for name, value in facts.items():
        text = value if isinstance(value, str) else json.dumps(value, indent=1)
        writer.add_text(name, "".join(f"    {line}\n" for line in text.splitlines()))
    return writer
