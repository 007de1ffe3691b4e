"""A file of vectors from disk, plain or compressed."""

import gzip
import zlib
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import IO, cast

from overton.base import OvertonError, Problem
from overton.base.files import digest_file
from overton.codec import forms
from overton.pretrained.given import Part
from overton.pretrained.vectors import Found, choose_vectors, read_vectors


def load_vectors(name: str, folder: Path, texts: Sequence[str], *, tune: bool = False) -> Part:
    """The vectors of some strings.

    Args:
        name: The path of the file, from the folder or absolute; `.gz` may be left out.
        folder: The directory of the application.
        texts: The strings.
        tune: Whether they will be trained further.

    Raises:
        OvertonError: Where there is no such file, or it has a fault, or none of the strings.
    """
    path = find_vectors(name, folder)
    found = read_file(path, {form for text in texts for form in forms(text)})
    return choose_vectors(f"vectors:{name}", found, texts, digest=digest_file(path), path=str(path), tune=tune)


def read_file(path: Path, wanted: Collection[str], most: int | None = None) -> Found:
    """The vectors of the words that are wanted, of a file or of so many first lines of it.

    Raises:
        OvertonError: Where it has a fault, or is damaged.
    """
    try:
        with _open(path) as lines:
            return read_vectors(islice(lines, most), wanted, str(path))
    except (gzip.BadGzipFile, zlib.error, EOFError) as error:
        hint = "The file is damaged or was cut short: fetch it again"
        message = f"it cannot be unpacked: {error}"
        raise OvertonError(Problem(message, "pretrained.bad-vectors", path=str(path), hint=hint)) from None


def find_vectors(name: str, folder: Path) -> Path:
    """The file of a name, from a folder or absolute, plain or compressed.

    Raises:
        OvertonError: Saying what was looked for and where.
    """
    asked = folder / name
    places = [asked, asked.with_name(f"{asked.name}.gz")]
    for place in places:
        if place.is_file():
            return place
    raise OvertonError(
        Problem(
            message=f"there is no file of vectors {name!r}: looked for {' and '.join(map(str, places))}",
            code="pretrained.not-found",
            hint="Name a file of word2vec or GloVe text, by its path from the application's directory or from /",
        )
    )


@contextmanager
def _open(path: Path) -> Iterator[IO[bytes]]:
    with path.open("rb") as raw:
        if path.suffix == ".gz":
            with gzip.open(raw) as lines:
                yield cast("IO[bytes]", lines)
        else:
            yield raw
