"""Data files to a data set by way of their shards, which are made once and kept."""

import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

import msgspec

from overton import __version__
from overton.base import Event, Observe, OvertonError, Problem, count_of, digest_json, group_problems, ignore
from overton.base.errors import SHOWN
from overton.data.dataset import Dataset
from overton.data.files.container import VERSION, open_container
from overton.data.files.digests import CHANGED, Digested, file_digests, refuse_stream
from overton.data.files.ingest import OnBad, ingest, no_quarantine
from overton.data.files.lines import in_reading_order
from overton.data.files.unused import mark_used, remove_unused
from overton.data.files.verified import verify_once
from overton.data.rows.join import Joined, join_shards
from overton.data.rows.shard import Shard
from overton.engine import Engine
from overton.schema import Schema

LEAST_BYTES = 4_000_000  # beside the largest file; for less, starting a worker takes longer than the work

OPEN_EACH = 8  # files that are open for a data file: the two of a shard, in each of some data sets of a dashboard
OPEN_ELSE = 256  # and for everything else

TRIES = 3  # to read files that others write to meanwhile

_FILES = 5  # that are named where none has a record
_KINDS = SHOWN - 1  # of faults of bad lines, so that how many there are is shown too; `check` tells them all


def load_dataset(
    schema: Schema,
    files: Sequence[Path],
    cache: Path,
    *,
    max_bad: int = 0,
    engine: Engine | None = None,
    observe: Observe = ignore,
) -> Dataset:
    """The data set of some data files.

    Args:
        schema: What their records should be.
        files: The data files.
        cache: Folder of the shards; what is missing there is made, and what is damaged is made again.
        max_bad: How many bad lines may be left out.
        engine: Where the shards of several new files are made; here, one after the other, where None.
        observe: Told of the progress.

    Raises:
        OvertonError: Where a file cannot be read, or more lines than `max_bad` are bad: with their faults, grouped,
            the most frequent kinds.
    """
    cache.mkdir(parents=True, exist_ok=True)
    let_open(len(files))
    for left in reversed(range(TRIES)):
        try:
            shards = _load_shards(schema, in_reading_order(files), cache, engine, observe)
            break
        except OvertonError as error:
            if not left or any(problem.code != CHANGED for problem in error.problems):
                raise
    joined = join_shards(schema, shards)
    n_bad = joined.n_bad
    if n_bad > max_bad:
        faults = group_problems([*(problem for shard in shards for problem in shard_problems(shard)), *joined.problems])
        raise OvertonError([*faults[:_KINDS], _too_many(n_bad, max_bad)])
    if n_bad:
        observe(Event("ingest", f"{count_of(n_bad, 'bad line')} left out"))
    if joined.stranded:
        observe(Event("ingest", f"{count_of(len(joined.stranded), 'line')} that would add to them left out"))
    dataset = Dataset(joined)
    if not dataset.n_records:
        raise OvertonError(no_records(joined))
    return dataset


def let_open(n_files: int) -> None:
    """Let this process hold the shards of so many data files open, as far as the system lets it.

    It usually lets a process have 1,024 files open, until that asks for more.
    """
    many = OPEN_EACH * n_files + OPEN_ELSE
    if os.name != "posix":
        return
    import resource

    now, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = many if most == resource.RLIM_INFINITY else min(many, most)
    if now != resource.RLIM_INFINITY and now < wanted:
        with suppress(OSError, ValueError):  # the system may bear less than it says
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))


def _load_shards(
    schema: Schema, files: Sequence[Path], cache: Path, engine: Engine | None, observe: Observe
) -> list[Shard]:
    digested = file_digests(files, cache)
    new = new_files(schema, digested, cache)
    if new:
        observe(Event("ingest", f"{count_of(len(new), 'new data file')} to read"))
    if engine is not None:
        make_shards(schema, new, cache, engine, observe=observe)
    shards: list[Shard] = []
    unreadable: list[Problem] = []
    for file in digested:
        try:
            shards.append(load_shard(file.path, schema, file.digest, cache, file=file, observe=observe))
        except OvertonError as error:
            unreadable.extend(error.problems)
    if unreadable:
        raise OvertonError(unreadable)
    if new:
        remove_unused(cache, [shard_files(schema, file.digest, cache)[0] for file in digested])
    return shards


def new_files(schema: Schema, files: Sequence[Digested], cache: Path) -> list[Digested]:
    """Those of some data files that have no shard."""
    return [file for file in files if not all(place.exists() for place in shard_files(schema, file.digest, cache))]


def make_shards(
    schema: Schema, files: Sequence[Digested], cache: Path, engine: Engine, *, observe: Observe = ignore
) -> None:
    """Make the shards of new data files on an engine, the largest file first, where there is enough to do for two.

    A shard appears under its final name when it is whole, so it does not matter who makes it, or makes it again.

    Args:
        schema: What their records should be.
        files: Those of the data files without a shard.
        cache: Folder of the shards.
        engine: Where to make them.
        observe: Told of the progress.
    """
    sizes = {file.path: file.size for file in files}
    new = sorted(files, key=lambda one: -sizes[one.path])
    if engine.workers < 2 or sum(sizes.values()) - max(sizes.values(), default=0) < LEAST_BYTES:
        return
    made = engine.run(partial(_make_ingest, schema, cache), new, ahead=len(new), observe=observe)
    for done, _ in enumerate(made, 1):
        observe(Event("ingest", f"{done} of {len(new)} files"))


def _make_ingest(schema: Schema, cache: Path) -> Callable[[Digested, Observe], bool]:
    """The function that makes the shard of a data file. One that cannot be read is left to whoever needs it."""

    def make(file: Digested, observe: Observe) -> bool:
        try:
            load_shard(file.path, schema, file.digest, cache, file=file, observe=observe)
        except OvertonError:
            return False
        return True

    return make


def no_records(joined: Joined) -> Problem:
    """What is wrong with shards that hold no record."""
    paths = [Path(shard.path) for shard in joined.shards]
    hint = "Write one JSON object a line, with `payloads`"
    if len(paths) == 1:
        return Problem("there is no record with payloads", "data.no-records", str(paths[0]), hint=hint)
    told = ", ".join(path.name for path in paths[:_FILES]) + (
        f" and {len(paths) - _FILES} more" * (len(paths) > _FILES)
    )
    return Problem(f"there is no record with payloads in {told}", "data.no-records", str(paths[0].parent), hint=hint)


def _too_many(n_bad: int, max_bad: int) -> Problem:
    return Problem(
        message=f"{count_of(n_bad, 'bad line')}, where at most {max_bad:,} may be left out",
        code="data.too-many-bad",
        hint=f"Mend them (`overton check` tells every fault), or leave them out with --max-bad {n_bad}",
    )


def load_shard(
    path: Path,
    schema: Schema,
    digest: str,
    cache: Path,
    *,
    file: Digested | None = None,
    on_bad: OnBad = no_quarantine,
    observe: Observe = ignore,
) -> Shard:
    """The shard of a data file, made where it is not there or cannot be used.

    Args:
        path: The data file.
        schema: What its records should be.
        digest: Digest of its content, by which it is kept.
        cache: Folder of the shards.
        file: The file as it was when that was taken; None where the digest is made up, and nothing kept.
        on_bad: Called with every bad line.
        observe: Told of the progress.

    Raises:
        OvertonError: Where the file cannot be read, or has changed since its digest was taken.
    """
    rows, votes = shard_files(schema, digest, cache)
    if rows.exists() or votes.exists():
        try:
            shard = open_shard(path, rows, votes)
            verify_once(rows, votes)
            mark_used(rows)
            return shard
        except OvertonError as error:
            observe(Event("ingest", f"{error.problems[0].path}: {error.problems[0].message}; it is built again"))
    refuse_stream(path)
    ingest(path, schema, rows, votes, digest=shard_key(schema, digest), file=file, on_bad=on_bad, observe=observe)
    return open_shard(path, rows, votes)


def shard_key(schema: Schema, digest: str) -> str:
    """Digest of all that decides what the shard of a data file with a digest holds."""
    return _key(digest, schema.digest(), __version__)


def _key(digest: str, schema: str, release: str) -> str:
    # Another release may refuse other lines and word its messages in another way; both are kept in the shard.
    return digest_json([digest, schema, VERSION, release])


def keys_then(files: Sequence[Path], cache: Path, *, schemas: Sequence[str], release: str) -> list[dict[str, str]]:
    """By name of a data file, the key that its content as it is now would have had for a build, for each schema.

    Args:
        files: The data files.
        cache: Folder where digests are remembered.
        schemas: Digests of schemas of which the build read by one.
        release: The release of Overton that built.

    Raises:
        OvertonError: Where files cannot be read.
    """
    digests = file_digests(files, cache)
    return [{file.path.name: _key(file.digest, schema, release) for file in digests} for schema in schemas]


def shard_files(schema: Schema, digest: str, cache: Path) -> tuple[Path, Path]:
    """The two files of the shard of a data file with a digest."""
    return files_of_key(schema, shard_key(schema, digest), cache)


def files_of_key(schema: Schema, key: str, cache: Path) -> tuple[Path, Path]:
    """The two files of the shard of a key."""
    # A shard numbers payloads and tasks in the order of its schema, of which a schema's digest says nothing.
    order = digest_json([[one.name for one in part] for part in (schema.payloads, schema.tasks)])
    return cache / f"{key}-{order[:8]}.rows", cache / f"{key}-{order[:8]}.votes"


def open_shard(path: Path, rows: Path, votes: Path) -> Shard:
    """Map the two files of a shard.

    Raises:
        OvertonError: Where one is missing or damaged.
    """
    meta, row_sections = open_container(rows, "rows")
    _, vote_sections = open_container(votes, "votes")
    return Shard(path.name, str(path), meta, row_sections, vote_sections)


def shard_problems(shard: Shard) -> list[Problem]:
    """The faults of the lines that a shard leaves out, grouped."""
    problems = msgspec.convert(shard.meta["problems"], list[Problem])
    return [replace(problem, path=shard.path) for problem in problems]
