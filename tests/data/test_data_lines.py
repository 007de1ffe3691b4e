import gzip
import io
import os
import sys
import time
import zlib

import pytest
import zstandard

from overton.base import OvertonError
from overton.data.files import STANDARD, data_files, read_lines
from overton.data.files.lines import BLOCK, blocks_of, read_blocks

LINES = [b'{"id": "%d"}' % number for number in range(5000)]


def read(path):
    found = [
        (number, line) for block in read_blocks(path) for number, line in zip(block.numbers, block.lines, strict=True)
    ]
    return [number for number, _ in found], [line for _, line in found]


def compress(content, suffix):
    if suffix == ".jsonl":
        return content
    return (
        gzip.compress(content, 1)
        if suffix == ".jsonl.gz"
        else zstandard.ZstdCompressor(write_checksum=True).compress(content)
    )


every_form = pytest.mark.parametrize("suffix", [".jsonl", ".jsonl.gz", ".jsonl.zst"])


@every_form
@pytest.mark.parametrize("end", [b"", b"\n"])
def test_the_lines_of_a_file_are_read_with_their_numbers(tmp_path, suffix, end):
    path = tmp_path / f"d{suffix}"
    path.write_bytes(compress(b"\n".join(LINES) + end, suffix))
    assert read(path) == (list(range(1, 5001)), LINES)


@every_form
def test_lines_longer_than_a_block_are_read_whole(tmp_path, suffix):
    lines = [b'{"id": "%s"}' % (b"x" * (3 * BLOCK)), b"{}", b"y" * (BLOCK + 1)]
    path = tmp_path / f"d{suffix}"
    path.write_bytes(compress(b"\n".join(lines), suffix))
    assert read(path) == ([1, 2, 3], lines)


def test_blank_lines_are_left_out_and_counted(tmp_path):
    path = tmp_path / "d.jsonl"
    path.write_bytes(b"\n{}\n  \t\n\r\n[]\n\n")
    assert read(path) == ([2, 5], [b"{}", b"[]"])


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (gzip.compress(b"{}\n"), "gzip"),
        (zstandard.ZstdCompressor().compress(b"{}\n"), "Zstandard"),
        (b"PAR1\x15\x04\n", "Parquet"),
        (b"PK\x03\x04\n", "ZIP"),
    ],
    ids=["gzip", "zstd", "parquet", "zip"],
)
def test_what_is_no_text_is_told_once_and_not_line_by_line(tmp_path, content, told):
    path = tmp_path / "d.jsonl"
    path.write_bytes(content)
    with pytest.raises(OvertonError, match=rf"no lines of JSON, but .*{told}.*\[data.unreadable\]"):
        read(path)


def test_a_file_that_was_compressed_with_more_memory_than_there_is_for_one_is_not_told_to_be_broken(tmp_path):
    path = tmp_path / "train.jsonl.zst"
    wide = zstandard.ZstdCompressionParameters(window_log=28, enable_ldm=True)
    stream = zstandard.ZstdCompressor(
        compression_params=wide
    ).compressobj()  # as of a pipe, of which none knows the size
    path.write_bytes(stream.compress(b"{}\n") + stream.flush())
    with pytest.raises(OvertonError, match="128 MB") as caught:
        list(read_blocks(path))
    assert "broken" not in str(caught.value)
    assert "--long=31" in caught.value.problems[0].hint


@pytest.mark.parametrize("suffix", [".jsonl.gz", ".jsonl.zst"])
def test_a_compressed_file_of_no_bytes_is_one_that_was_cut_off(tmp_path, suffix):
    path = tmp_path / f"d{suffix}"
    path.write_bytes(compress(b"", suffix))
    assert read(path) == ([], [])
    path.write_bytes(b"")
    with pytest.raises(OvertonError, match=r"ends too early.*\[data.unreadable\]"):
        read(path)


def test_standard_input_is_read_as_a_file_is(monkeypatch):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"\xef\xbb\xbf{}\r\n\n[]")))
    assert [(number, line.strip()) for number, line in read_lines(STANDARD)] == [(1, b"{}"), (3, b"[]")]


def test_a_line_of_stdin_is_read_while_its_writer_goes_on(monkeypatch):
    ours, theirs = os.pipe()
    with os.fdopen(ours, "rb") as reader, os.fdopen(theirs, "wb", buffering=0) as writer:
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(reader))
        writer.write(b'{"id": "a"}\n')
        lines = read_lines(STANDARD)
        assert next(lines) == (1, b'{"id": "a"}')
        writer.write(b'{"id": "b"}\n')
        assert next(lines) == (2, b'{"id": "b"}')


def test_a_byte_order_mark_is_no_part_of_the_first_line(tmp_path):
    path = tmp_path / "d.jsonl"
    path.write_bytes(b"\xef\xbb\xbf{}\n\xef\xbb\xbf{}\n")
    assert read(path)[1] == [b"{}", b"\xef\xbb\xbf{}"]


@pytest.mark.parametrize("suffix", [".jsonl.gz", ".jsonl.zst"])
def test_several_compressed_streams_make_one_file(tmp_path, suffix):
    path = tmp_path / f"d{suffix}"
    path.write_bytes(compress(b"\n".join(LINES[:9]) + b"\n", suffix) + compress(b"\n".join(LINES[9:]), suffix))
    assert read(path)[1] == LINES


@pytest.mark.parametrize("suffix", [".jsonl.gz", ".jsonl.zst"])
@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (
            lambda content: content[: len(content) // 2],
            "its compressed stream ends too early, as if the file were cut off",
        ),
        (lambda content: b"{}" + content, "its compressed stream is broken: "),
        (lambda content: content[:99] + b"\xff" * 99 + content[198:], "its compressed stream is broken: "),
    ],
    ids=["cut off", "not compressed", "overwritten"],
)
def test_a_broken_stream_is_one_clear_fault(tmp_path, suffix, spoil, message):
    path = tmp_path / f"d{suffix}"
    path.write_bytes(spoil(compress(b"\n".join(LINES), suffix)))
    with pytest.raises(OvertonError) as error:
        read(path)
    (problem,) = error.value.problems
    assert (problem.code, problem.path) == ("data.unreadable", str(path))
    assert problem.message.startswith(f"the file cannot be read: {message}")


@pytest.mark.parametrize(("content", "line"), [(b"{}\n{}\n{", 3), (b"{}\n{}\n", 3), (b"{", 1), (b"", 0)])
def test_where_a_file_breaks_off_is_told_by_the_line_that_is_not_whole(tmp_path, content, line):
    stream, path = zlib.compressobj(wbits=31), tmp_path / "d.jsonl.gz"
    path.write_bytes(stream.compress(content) + stream.flush(zlib.Z_FULL_FLUSH))
    with pytest.raises(OvertonError, match="ends too early") as error:
        read(path)
    assert [problem.line for problem in error.value.problems] == [line]


@pytest.mark.parametrize("n_bytes", [0, 3, 1 << 21, (1 << 22) + 5])
def test_gzip_is_read_whatever_its_length_and_with_what_fills_it_up(tmp_path, n_bytes):
    path = tmp_path / "d.jsonl.gz"
    path.write_bytes(gzip.compress(b"x" * n_bytes) + gzip.compress(b"y\n") + bytes(600))
    assert read(path)[1] == [b"x" * n_bytes + b"y"]


def test_a_line_of_very_many_parts_is_put_together_once():
    start = time.process_time()
    *_, block = blocks_of([b"{}\n", *[b"x" * 1000] * 10_000])
    assert (block.numbers, [len(line) for line in block.lines]) == ([2], [10_000_000])
    assert time.process_time() - start < 2  # with every part anew it takes longer by far


def test_an_empty_file_has_no_line(tmp_path):
    (tmp_path / "d.jsonl").write_bytes(b"")
    assert read(tmp_path / "d.jsonl") == ([], [])


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere names of files are text")
def test_a_data_file_whose_name_is_no_text_is_told(tmp_path):
    """Ids of records and the row store would have to hold it."""
    for name in (b"caf\xe9.jsonl", b"r\xe9sum\xe9.txt", b"ca\xcc\x81fe.jsonl"):
        (tmp_path / os.fsdecode(name)).touch()
    with pytest.raises(OvertonError) as error:
        data_files(tmp_path)
    (problem,) = error.value.problems
    assert (problem.code, problem.path) == ("data.file-name", f"{tmp_path}/caf\\xe9.jsonl")


def test_data_files_are_those_with_a_known_ending_by_name(tmp_path):
    for name in ("b.jsonl", "a.jsonl.zst", "c.jsonl.gz", "notes.txt", "d.json", ".b.jsonl.x.tmp"):
        (tmp_path / name).touch()
    assert [path.name for path in data_files(tmp_path)] == ["a.jsonl.zst", "b.jsonl", "c.jsonl.gz"]


def test_what_an_editor_keeps_beside_a_data_file_that_it_changes_is_none(tmp_path):
    (tmp_path / "train.jsonl").touch()
    (tmp_path / "._train.jsonl").touch()
    (tmp_path / ".#train.jsonl").symlink_to("ann@host.123:1")
    assert [path.name for path in data_files(tmp_path)] == ["train.jsonl"]


def test_edits_of_a_day_are_read_after_all_other_files(tmp_path):
    for name in ("train.jsonl", "edits-2026-03-01.jsonl.gz", "edits-more.jsonl", "edits-2026-02-28.jsonl", "a.jsonl"):
        (tmp_path / name).touch()
    assert [path.name for path in data_files(tmp_path)] == [
        "a.jsonl",
        "edits-more.jsonl",
        "train.jsonl",
        "edits-2026-02-28.jsonl",
        "edits-2026-03-01.jsonl.gz",
    ]


def test_a_folder_without_data_files_is_told(tmp_path):
    for folder, message in ((tmp_path, "there is no data file"), (tmp_path / "x", "there is no folder of data files")):
        with pytest.raises(OvertonError, match=rf"{message}.*\[data.no-files\]"):
            data_files(folder)


def test_a_folder_without_data_files_is_told_with_what_stands_there(tmp_path):
    for name in ("a.json", ".b.jsonl", "c.csv"):
        (tmp_path / name).touch()
    (tmp_path / "sub").mkdir()
    with pytest.raises(
        OvertonError, match=r"there is no data file, only 'a.json', 'c.csv', 'sub/'\. Put records there"
    ):
        data_files(tmp_path)
    (tmp_path / "d.txt").touch()
    with pytest.raises(OvertonError, match=r"only 'a.json', 'c.csv', 'd.txt', \.\.\.\. Put"):
        data_files(tmp_path)


def test_a_file_that_is_not_there_is_told(tmp_path):
    with pytest.raises(OvertonError, match=r"cannot be read: no such file or directory.*\[data.unreadable\]"):
        read(tmp_path / "d.jsonl")
