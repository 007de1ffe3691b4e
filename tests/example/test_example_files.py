"""An application is written whole, and never over something."""

import os
from pathlib import Path

import pytest

from overton.base import OvertonError
from overton.example import ExampleApplication
from overton.example.files import write_application

APPLICATION = ExampleApplication({"schema.json": "{}\n", "data/train.jsonl": '{"id":"é"}\n'})


def content(directory: Path) -> dict[str, str]:
    files = [path for path in directory.rglob("*") if path.is_file()]
    return {path.relative_to(directory).as_posix(): path.read_text(encoding="utf-8") for path in files}


@pytest.mark.parametrize("exists", [False, True], ids=["new folder", "empty folder"])
def test_all_files_are_written_and_nothing_is_left_beside_them(tmp_path: Path, exists: bool) -> None:
    directory = tmp_path / "deep" / "app"
    if exists:
        directory.mkdir(parents=True)
    write_application(APPLICATION, directory)
    assert content(directory) == dict(APPLICATION.files)
    assert [path.name for path in directory.parent.iterdir()] == ["app"]


def test_the_folder_that_a_shell_stands_in_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    before = tmp_path.stat().st_ino
    write_application(APPLICATION, Path("."))
    assert tmp_path.stat().st_ino == before
    assert Path("schema.json").exists()


def test_a_new_folder_has_the_usual_permissions(tmp_path: Path) -> None:
    usual = tmp_path / "usual"
    usual.mkdir()
    write_application(APPLICATION, tmp_path / "app")
    assert (tmp_path / "app").stat().st_mode == usual.stat().st_mode


@pytest.mark.parametrize("taken", ["file", "folder"])
def test_nothing_is_written_over(tmp_path: Path, taken: str) -> None:
    directory = tmp_path / "app"
    if taken == "folder":
        directory.mkdir()
        (directory / "notes.txt").write_text("mine")
    else:
        directory.write_text("mine")
    with pytest.raises(OvertonError) as error:
        write_application(APPLICATION, directory)
    message = "an application can be written only to a new or an empty folder. Name another folder [init.not-empty]"
    assert str(error.value) == f"{directory}: {message}"
    assert [path.name for path in tmp_path.iterdir()] == ["app"]


def test_a_failed_write_leaves_nothing(tmp_path: Path) -> None:
    bad = ExampleApplication({"schema.json": "{}", "schema.json/nested": "a file cannot hold a file"})
    with pytest.raises(OSError):  # noqa: PT011 - which of its kinds depends on the system
        write_application(bad, tmp_path / "app")
    assert os.listdir(tmp_path) == []
