"""Atomic writes: the whole file or nothing."""

from pathlib import Path

import pytest

from overton.base.files import atomic_writer, write_atomic


def test_a_file_is_written_whole(tmp_path: Path) -> None:
    write_atomic(tmp_path / "deep" / "file", "text")
    assert (tmp_path / "deep" / "file").read_text() == "text"


def test_a_write_that_fails_leaves_the_old_file_and_no_other(tmp_path: Path) -> None:
    write_atomic(tmp_path / "file", "old")

    def half_written() -> None:
        with atomic_writer(tmp_path / "file") as file:
            file.write(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        half_written()
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert (tmp_path / "file").read_text() == "old"
