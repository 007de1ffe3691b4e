"""Files that look as if they were meant to be read, and are not: data by another name, or in a folder of its own."""

import re
from collections.abc import Collection, Iterator
from itertools import islice
from pathlib import Path

from overton.base import Problem, nearest
from overton.data.files.lines import SUFFIXES
from overton.data.files.outputs import OWN

MOST_NAMED = 5
MOST_LOOKED_AT = 1000  # entries of a folder within the data
_RECORDS = re.compile(r".+\.(jsonl?|ndjson|csv|tsv|parquet|xlsx?)(\.(gz|zst|bz2|xz|zip))?", re.IGNORECASE)


def ignored_files(directory: Path, named: Collection[Path] = ()) -> list[Problem]:
    """That some files of an application are read by nobody; nothing where there is none.

    Args:
        directory: The directory of the application.
        named: Files and folders that the tuning names.
    """
    used = {path.resolve() for path in named}
    found = [*_near_misses(directory, used), *_other_data(directory / "data", used)]
    if not found:
        return []
    more = f" and {len(found) - MOST_NAMED:,} more" if len(found) > MOST_NAMED else ""
    told = f"ignored: {', '.join(found[:MOST_NAMED])}{more}"
    hint = f"Data files are *{', *'.join(SUFFIXES)} in data/ itself; beside it {', '.join(OWN)} are read"
    return [Problem(told, "data.ignored-file", hint=hint)]


def _near_misses(directory: Path, used: Collection[Path]) -> Iterator[str]:
    """Files beside the schema that are called almost as one that is read and is not there."""
    absent = [name for name in OWN if not (directory / name).exists()]
    for path in sorted(directory.glob("*.[jJ][sS][oO][nN]")):
        if path.name not in OWN and path.resolve() not in used and nearest(path.name, absent, limit=1, cutoff=0.9):
            yield path.name


def _other_data(folder: Path, used: Collection[Path]) -> Iterator[str]:
    """Entries of the folder of the data files that hold records, as their names say, and are no data file."""
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        place = path.resolve()
        if path.name.startswith(".") or any(place == one or place in one.parents for one in used):
            continue
        if path.is_dir():
            within = islice(path.rglob("*"), MOST_LOOKED_AT)
            if any(_RECORDS.fullmatch(one.name) and not one.name.startswith(".") for one in within):
                yield f"data/{path.name}/"
        elif _RECORDS.fullmatch(path.name) and not path.name.endswith(SUFFIXES) and not _is_readme(path.name):
            yield f"data/{path.name}"


def _is_readme(name: str) -> bool:
    return name.casefold().startswith("readme")
