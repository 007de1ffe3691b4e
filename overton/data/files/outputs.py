"""What no command writes over: the files that it reads, and those of which an application is made.

Which these are is decided here alone. An application is known by where a path lies, so that the files of one are safe
from commands that were never told of it.
"""

from collections.abc import Iterable
from pathlib import Path

from overton.base import OvertonError, Problem
from overton.base.files import is_stream
from overton.data.files.lines import SUFFIXES
from overton.data.files.records import STANDARD

SCHEMA, DATA = "schema.json", "data"
OWN = (SCHEMA, "tuning.json", "gate.json")


def own_files(directory: Path) -> list[Path]:
    """The files of which an application is made: schema, tuning, gate and data files, there or not."""
    folder = directory / DATA
    data = [path for path in folder.iterdir() if path.name.endswith(SUFFIXES)] if folder.is_dir() else []
    return [*(directory / name for name in OWN), *data]


def check_output(path: Path, inputs: Iterable[Path] = (), *, own: Iterable[Path] = ()) -> None:
    """Refuse an output in the place of a file to be read or of one of an application, before any work is done for it.

    Args:
        path: The output; stdout where it is `-`, which replaces nothing.
        inputs: What is read for it.
        own: Files of an application that the caller knows of, wherever they really lie.

    Raises:
        OvertonError: Where it is one of them: it would be lost.
    """
    if path == STANDARD:
        return
    if path.resolve() in [one.resolve() for one in inputs if one != STANDARD]:
        raise _lost(path, "this file is read, and it would be replaced")
    if path.resolve() in [one.resolve() for one in own] or any(map(_is_own, _places(path))):
        raise _lost(path, "this file belongs to the application, and it would be replaced")


def check_beside_data(path: Path, why: str) -> None:
    """Refuse an output among the data files of an application, where it would be read as one of them.

    Args:
        path: The output.
        why: What would come of that.

    Raises:
        OvertonError: Where it lies there.
    """
    if path != STANDARD and any(_is_among_data(place) for place in _places(path)):
        hint = "Name a file outside of the folder of data files"
        message = f"what lies in {path.parent} is read as data: {why}"
        raise OvertonError(Problem(message, "application.output-is-data", str(path), hint=hint))


def check_data_name(path: Path) -> None:
    """Refuse an output of records whose name ends as no data file does: among data it would be passed over.

    Stdout, a name without an ending, and what is there and no file of a disk, such as a pipe, are let pass.

    Raises:
        OvertonError: Where its name has another ending.
    """
    if path.suffix and not path.name.endswith(SUFFIXES) and path != STANDARD and not is_stream(path):
        hint = f"Such as {path.with_suffix(SUFFIXES[0])}"
        message = f"names of data files end in {', '.join(SUFFIXES)}: as {path.suffix!r} it would not be read"
        raise OvertonError(Problem(message, "data.output-name", str(path), hint=hint))


def _places(path: Path) -> tuple[Path, Path]:
    """Where a path leads by its name, and where by links."""
    return path.absolute(), path.resolve()


def _is_own(place: Path) -> bool:
    if _is_among_data(place):
        return place.name.endswith(SUFFIXES) and place.exists()
    return place.name in OWN and (place.parent / SCHEMA).is_file()


def _is_among_data(place: Path) -> bool:
    return place.parent.name == DATA and (place.parent.parent / SCHEMA).is_file()


def _lost(path: Path, message: str) -> OvertonError:
    hint = "Name a file that does not exist"
    return OvertonError(Problem(message, "application.output-is-input", str(path), hint=hint))
