"""An example application to disk, whole or not at all."""

import tempfile
from pathlib import Path

from overton.base import OvertonError, Problem
from overton.example.application import ExampleApplication


def write_application(application: ExampleApplication, directory: Path) -> None:
    """Write all files of an application.

    They are written beside `directory` first and then moved, so that an interrupted run leaves no half of one. A folder
    that is there already is kept, since somebody's shell may stand in it; `schema.json` then arrives last.

    Raises:
        OvertonError: If `directory` is a file or a folder with something in it.
    """
    target = directory.resolve()
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise OvertonError(
            Problem(
                message="an application can be written only to a new or an empty folder",
                code="init.not-empty",
                path=str(directory),
                hint="Name another folder",
            )
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}-") as scratch:
        made = Path(scratch, "application")  # the scratch folder is private, a folder in it has the usual permissions
        _write_files(application, made)
        if not target.exists():
            made.rename(target)
            return
        for path in sorted(made.iterdir(), key=lambda path: (path.name == "schema.json", path.name)):
            path.rename(target / path.name)


def _write_files(application: ExampleApplication, directory: Path) -> None:
    for name, text in application.files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")
