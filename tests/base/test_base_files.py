"""Atomic writes: the whole file or nothing."""

import math
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from overton.base import OvertonError
from overton.base.files import atomic_writer, check_new_folder, new_folder, read_text, remove_drafts, write_atomic


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


def test_a_file_has_its_name_only_once_it_is_on_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    fsync, replace = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda handle: (done.append("on the disk"), fsync(handle)))
    monkeypatch.setattr(os, "replace", lambda draft, path: (done.append("named"), replace(draft, path)))
    write_atomic(tmp_path / "file", "text")
    assert done == ["on the disk", "named"]


def test_who_reads_a_file_that_is_replaced_reads_the_old_one_to_its_end(tmp_path: Path) -> None:
    write_atomic(tmp_path / "file", "old")
    with (tmp_path / "file").open() as file:
        write_atomic(tmp_path / "file", "new")
        assert file.read() == "old"
    assert (tmp_path / "file").read_text() == "new"


def test_a_link_stays_and_the_file_that_it_leads_to_is_replaced(tmp_path: Path) -> None:
    write_atomic(tmp_path / "there" / "file", "old")
    (tmp_path / "link").symlink_to(tmp_path / "there" / "file")
    write_atomic(tmp_path / "link", "new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "there" / "file").read_text() == "new"
    assert sorted(os.listdir(tmp_path)) == ["link", "there"]


def test_a_pipe_and_a_device_are_written_to_and_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "null").symlink_to(os.devnull)
    write_atomic(tmp_path / "null", "text")
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    try:
        write_atomic(tmp_path / "pipe", "text")
        assert os.read(reader, 100) == b"text"
    finally:
        os.close(reader)
    assert (tmp_path / "pipe").is_fifo()
    assert (tmp_path / "null").is_char_device()


def test_what_a_killed_process_was_writing_goes_and_what_is_young_stays(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    for name in ("deep/.file.abc.tmp", ".young.abc.tmp", "deep/file"):
        (tmp_path / name).write_text("x")
    for name in ("deep/.file.abc.tmp", "deep/file"):
        os.utime(tmp_path / name, (1000, 1000))
    assert remove_drafts(tmp_path, before=2000) == 1
    assert sorted(path.name for path in tmp_path.rglob("*") if path.is_file()) == [".young.abc.tmp", "file"]


def test_a_folder_that_another_removes_while_drafts_are_looked_for_is_no_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("gone", "there"):
        (tmp_path / name).mkdir()
        (tmp_path / name / ".file.abc.tmp").touch()
    look = os.scandir

    def scandir(path: str) -> Iterator[os.DirEntry]:
        if Path(path).name == "gone":
            (Path(path) / ".file.abc.tmp").unlink()
            os.rmdir(path)
        return look(path)

    monkeypatch.setattr(os, "scandir", scandir)
    assert remove_drafts(tmp_path, before=math.inf) == 1
    assert os.listdir(tmp_path) == ["there"]


@pytest.mark.parametrize("name", ["n" * 250, "ü" * 125, "東" * 85], ids=["one byte", "two bytes", "three bytes"])
def test_a_file_may_have_the_longest_name_that_there_is(name: str, tmp_path: Path) -> None:
    write_atomic(tmp_path / name, "text")
    assert os.listdir(tmp_path) == [name]


def test_a_write_never_touches_the_umask_which_another_thread_may_look_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, told = os.umask(0o027), []
    try:
        with monkeypatch.context() as patched:
            patched.setattr(os, "umask", told.append)
            write_atomic(tmp_path / "file", "text")
    finally:
        os.umask(before)
    assert told == []
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o640


def test_a_text_of_another_encoding_is_a_fault_with_its_line(tmp_path: Path) -> None:
    place = tmp_path / "gate.json"
    place.write_bytes(b'\xef\xbb\xbf{"critical":\n ["slice:h\xf6he"]}')
    with pytest.raises(OvertonError) as raised:
        read_text(place, "gate.bad-json")
    assert str(raised.value) == f"{place}:2: not UTF-8: byte 26 is 0xf6. Save the file as UTF-8 [gate.bad-json]"
    place.write_bytes(b"\xef\xbb\xbf{}")
    assert read_text(place, "gate.bad-json") == "{}"


def test_a_new_folder_is_there_whole_or_not_at_all(tmp_path: Path) -> None:
    with new_folder(tmp_path / "deep" / "new") as draft:
        (draft / "file").write_text("text")
        assert not (tmp_path / "deep" / "new").exists()
    assert (tmp_path / "deep" / "new" / "file").read_text() == "text"

    def half_written() -> None:
        with new_folder(tmp_path / "other") as draft:
            (draft / "file").write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        half_written()
    assert [path.name for path in tmp_path.iterdir()] == ["deep"]


def test_a_new_folder_may_take_the_place_of_an_empty_one_alone(tmp_path: Path) -> None:
    check_new_folder(tmp_path / "none", "kit.not-empty")
    check_new_folder(tmp_path, "kit.not-empty")
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    for taken in (tmp_path, tmp_path / "link"):
        with pytest.raises(OvertonError, match=r"kit\.not-empty"):
            check_new_folder(taken, "kit.not-empty")
