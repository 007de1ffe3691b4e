"""TensorBoard's event files: a folder a training, written while it goes on, where tensorboardX is installed."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from overton.base import Event, Observe
from overton.watch.points import points_of

if TYPE_CHECKING:
    from tensorboardX.event_file_writer import EventsWriter
    from tensorboardX.proto.summary_pb2 import Summary


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
    from tensorboardX.summary import scalar

    writers: list[EventsWriter] = []
    known: dict[str, Any] = {}

    def observe(event: Event) -> None:
        known.update(event.values)
        if "losses" not in event.values:  # slices, which are told of before their epoch
            return
        points = points_of(known)
        if not writers:
            writers.append(_begin(folder, facts))
        _write(writers[0], [scalar(name, value) for name, value in points.items()], event.done)

    try:
        yield observe
    finally:
        for writer in writers:
            writer.close()


def _begin(folder: Path, facts: Mapping[str, Any]) -> EventsWriter:
    """A writer without a thread: that of `SummaryWriter` may wait for ever for its own end where a build is stopped."""
    from tensorboardX.event_file_writer import EventsWriter
    from tensorboardX.summary import text

    folder.mkdir(parents=True, exist_ok=True)
    writer = EventsWriter(str(folder / "events"))
    said = {name: value if isinstance(value, str) else json.dumps(value, indent=1) for name, value in facts.items()}
    _write(writer, [text(name, "".join(f"    {line}\n" for line in one.splitlines())) for name, one in said.items()], 0)
    return writer


def _write(writer: EventsWriter, summaries: Sequence[Summary], step: int) -> None:
    from tensorboardX.proto.event_pb2 import Event as Point

    for summary in summaries:
        writer.write_event(Point(wall_time=time.time(), step=step, summary=summary))
    writer.flush()
