"""Every fault of the data files, and what is suspicious about the data set that they make."""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import IO

from overton.base import Observe, OvertonError, Problem, group_problems, ignore
from overton.base.files import atomic_writer
from overton.data.check import DataCheck, data_warnings
from overton.data.dataset import Dataset
from overton.data.faults.tally import Tally
from overton.data.files.ingest import OnBad, no_quarantine
from overton.data.files.lines import in_reading_order, read_blocks
from overton.data.files.load import let_open, load_shard, no_records, shard_problems
from overton.data.reader import BadLine
from overton.data.rows.join import Joined, join_shards
from overton.data.rows.shard import Shard
from overton.schema import Schema

Further = Callable[[Dataset], tuple[Sequence[Problem], Sequence[Problem]]]
"""Faults and warnings of what else the records are held against."""


def check_data(
    schema: Schema,
    files: Sequence[Path],
    *,
    named: Sequence[str] = (),
    further: Further = lambda dataset: ((), ()),
    quarantine: Path | None = None,
    observe: Observe = ignore,
) -> DataCheck:
    """Check data files.

    Args:
        schema: What their records should be.
        files: The data files.
        named: Sources that the tuning names.
        further: Gives the faults and warnings of what names tags, once the records are known.
        quarantine: Where to write the bad lines, one a line, with their problems; nothing is written where None.
        observe: Told of the progress.
    """
    faults = Tally()
    let_open(len(files))
    with tempfile.TemporaryDirectory(prefix="overton-check-") as folder, _quarantine(quarantine) as on_bad:
        shards: list[Shard] = []
        for path in in_reading_order(files):
            try:
                shard = load_shard(path, schema, str(len(shards)), Path(folder), on_bad=on_bad, observe=observe)
            except OvertonError as error:
                faults.add(error.problems)
                continue
            faults.add(shard_problems(shard))
            shards.append(shard)
        if not shards:
            return DataCheck(faults.problems(), (), 0, 0, {})
        joined = join_shards(schema, shards)
        faults.add(joined.problems)
        _quarantine_joined(joined, on_bad if quarantine is not None else no_quarantine)
        return _summary(joined, faults, named, further)


def _summary(joined: Joined, faults: Tally, named: Sequence[str], further: Further) -> DataCheck:
    dataset = Dataset(joined)
    if not dataset.n_records and not faults.problems():
        faults.add([no_records(joined)])
    more_faults, more = further(dataset) if dataset.n_records else ((), ())
    faults.add(more_faults)
    amended = [row for rows in joined.late_row for row in rows[rows >= 0].tolist()]
    counts = {
        "bad": joined.n_bad,
        "amending": len(amended),
        "amended": len(set(amended)),
        "overridden": sum(dataset.n_overridden(task.name) for task in dataset.schema.tasks),
        **{f"cut:{name}": n for name, n in dataset.cut.items() if n},
        **{f"beyond:{task.name}": n for task in dataset.schema.tasks if (n := dataset.n_beyond(task.name))},
    }
    return DataCheck(
        problems=faults.problems(),
        warnings=(
            *group_problems(joined.stranded),
            *more,
            *(data_warnings(dataset, named) if dataset.n_records else ()),
        ),
        n_records=dataset.n_records,
        n_lines=sum(shard.meta["n_lines"] for shard in joined.shards),
        counts=counts,
    )


@contextmanager
def _quarantine(path: Path | None) -> Iterator[OnBad]:
    if path is None:
        yield no_quarantine
        return
    with atomic_writer(path) as file:
        yield partial(_write_bad, file)


def _write_bad(file: IO[bytes], bad: BadLine) -> None:
    file.write(bad.render())


def _quarantine_joined(joined: Joined, on_bad: OnBad) -> None:
    """Read once more the lines that only turned out bad, or without their record, when all files were known."""
    if on_bad is no_quarantine:
        return
    by_line: dict[tuple[str, int], list[Problem]] = {}
    for problem in (*joined.problems, *joined.stranded):  # without its record a line would name nothing
        by_line.setdefault((problem.path, problem.line), []).append(problem)
    for shard in joined.shards:
        wanted = {line for path, line in by_line if path == shard.path}
        for block in read_blocks(Path(shard.path)) if wanted else ():
            for text, number in zip(block.lines, block.numbers, strict=True):
                if number in wanted:
                    on_bad(BadLine(shard.path, number, text, tuple(by_line[shard.path, number])))
