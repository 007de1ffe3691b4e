"""How inputs are cut, named and pinned: every line is in one piece, wherever the cuts are."""

import gzip
import os
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overton.base import OvertonError, Problem
from overton.base.files import draft_of
from overton.batch import lines as lines_module
from overton.batch.files import Output, count_newlines, find_inputs, is_one_file, opened
from overton.batch.lines import read_lines
from overton.batch.plan import WHOLE, Asked, Input, Piece, make_plan, parse_plan

ASKED = Asked("predict", "abc", "jsonl", shard_bytes=10)


def planned(*sizes: int, names: tuple[str, ...] = ()):
    names = names or tuple(f"{number}.jsonl" for number in range(len(sizes)))
    return make_plan(ASKED, [Input(name, f"/{name}", size, "x") for name, size in zip(names, sizes, strict=True)])


@given(
    st.lists(st.sampled_from([b"", b"a", b"bb", b"ccc ccc", b" ", b"\xc3\xa4" * 5]), max_size=12),
    st.booleans(),
    st.integers(1, 9),
    st.integers(1, 5),
)
def test_every_line_is_in_one_piece_with_its_number(lines, ends, shard_bytes, block):
    content = b"\n".join(lines) + (b"\n" if ends else b"")
    plan = make_plan(Asked("predict", "v", "jsonl", shard_bytes=shard_bytes), [Input("a", "/a", len(content), "")])
    found, newlines = [], 0
    for piece in plan.pieces:
        start = max(piece.begin - 1, 0)
        piece = Piece(piece.name, 0, piece.begin, piece.end, newlines)
        newlines += content[start : max(piece.end - 1, 0)].count(b"\n")
        blocks = [content[at : at + block] for at in range(start, len(content), block)]
        for some in read_lines(blocks, piece):
            found += zip(some.numbers, some.lines, strict=True)
    assert found == [(number, line) for number, line in enumerate(content.split(b"\n"), 1) if line.strip()]


def test_a_line_that_is_too_long_is_told_and_not_kept(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(lines_module, "LONGEST", 8)
    content = [b"one\n" + b"x" * 7, b"y" * 7, b"z\ntwo\n", b"w" * 30]
    (found,) = read_lines(content, Piece("p", 0, 0, WHOLE))
    assert (found.lines, found.numbers, found.too_long) == ([b"one", b"two"], [1, 3], [2, 4])


def test_a_byte_order_mark_is_no_part_of_the_first_line():
    (found,) = read_lines([b"\xef\xbb\xbf{}\n{}"], Piece("p", 0, 0, WHOLE))
    assert found.lines == [b"{}", b"{}"]


@pytest.mark.parametrize("shard_bytes", range(4, 10))
def test_a_byte_order_mark_puts_no_line_into_two_pieces(shard_bytes: int):
    content = b"\xef\xbb\xbf{}\n[1]\n[2]\n[3]"
    plan = make_plan(Asked("predict", "v", "jsonl", shard_bytes=shard_bytes), [Input("a", "/a", len(content), "")])
    found = [some.lines for piece in plan.pieces for some in read_lines([content[max(piece.begin - 1, 0) :]], piece)]
    assert [line for lines in found for line in lines] == [b"{}", b"[1]", b"[2]", b"[3]"]


def test_chunks_do_not_depend_on_how_a_file_is_read():
    content = b"".join(b"%d\n" % number for number in range(10_000))
    piece = Piece("p", 0, 0, len(content))
    whole = [some.lines for some in read_lines([content], piece)]
    torn = [some.lines for some in read_lines([content[at : at + 777] for at in range(0, len(content), 777)], piece)]
    assert whole == torn
    assert [len(lines) for lines in whole] == [4096, 4096, 1808]


def test_pieces_are_named_after_their_input_and_not_after_their_place_in_the_list():
    plan = planned(25, 5, names=("in/b.jsonl", "in/a.jsonl.gz"))
    assert [(piece.name, piece.begin, piece.end) for piece in plan.pieces] == [
        ("in.b-00000", 0, 10),
        ("in.b-00001", 10, 20),
        ("in.b-00002", 20, 25),
        ("in.a-00000", 0, WHOLE),
    ]


def test_names_that_would_be_the_same_are_told_apart_by_the_place():
    plan = planned(1, 1, 1, names=("a b.jsonl", "a+b.jsonl", "c.jsonl"))
    names = [piece.name for piece in plan.pieces]
    assert len(set(names)) == 3
    assert names[2] == "c-00000"
    assert all(name.startswith("a-b-") for name in names[:2])


def test_no_shard_is_named_so_that_readers_of_folders_pass_over_it():
    plan = planned(1, 1, 1, names=("_in/a.jsonl", "./_.b.jsonl", "__.jsonl"))
    assert [piece.name for piece in plan.pieces][:2] == ["in.a-00000", "b-00000"]
    assert not plan.pieces[2].name.startswith(("_", "."))


def test_a_plan_is_read_as_it_was_written():
    plan = planned(25, 5, 0)
    assert parse_plan(plan.to_json()) == plan


@pytest.mark.parametrize("content", [b"", b"{", b"{}", b'{"format": 2}', b'{"format": 1, "asked": {}}'])
def test_a_plan_that_cannot_be_read_is_told(content: bytes):
    with pytest.raises(OvertonError) as raised:
        parse_plan(content, "out/_plan.json")
    assert raised.value.problems[0].code == "batch.bad-plan"


def test_what_differs_between_plans_is_told_in_words():
    plan = planned(25, 5)
    other = make_plan(
        Asked("predict", "def", "jsonl", shard_bytes=10),
        [Input("0.jsonl", "/0.jsonl", 26, "x"), Input("2.jsonl", "/2.jsonl", 5, "x")],
    )
    assert plan.differences(other) == [
        "version 'abc', not 'def'",
        "0.jsonl has changed since",
        "2.jsonl is not among its inputs",
        "1.jsonl is among its inputs",
    ]
    assert plan.differences(plan) == []
    moved = replace(plan, pieces=(replace(plan.pieces[0], end=9), *plan.pieces[1:]))
    assert plan.differences(moved) == ["its inputs are cut in another way"]
    elsewhere = replace(plan, inputs=(replace(plan.inputs[0], name="in/0.jsonl"), *plan.inputs[1:]))
    assert plan.differences(elsewhere) == ["0.jsonl is named in/0.jsonl now"]


def test_inputs_are_files_folders_and_patterns(tmp_path: Path):
    for name in ("a.jsonl", "sub/b.jsonl.gz", "sub/c.txt", ".hidden.jsonl", "_errors/d.jsonl"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"{}\n")
    told = [Path(one.place).relative_to(tmp_path).as_posix() for one in find_inputs([str(tmp_path)])]
    assert told == ["a.jsonl", "sub/b.jsonl.gz"]
    pattern, file = str(tmp_path / "*" / "*.gz"), str(tmp_path / "sub" / "c.txt")
    assert [Path(one.place).name for one in find_inputs([pattern, file, file])] == ["b.jsonl.gz", "c.txt"]
    assert find_inputs([f"file://{file}"])[0].size == 3


@pytest.mark.parametrize("text", ["nothing.jsonl", "no/*.jsonl", "."])
def test_an_input_that_names_nothing_is_refused(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(OvertonError) as raised:
        find_inputs([text])
    assert raised.value.problems[0].code == "batch.no-input"


def test_an_input_that_changed_is_refused(tmp_path: Path):
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"1\n2\n")
    (one,) = find_inputs([str(path)])
    assert count_newlines(one, Piece("p", 0, 2, 4)) == 1
    path.write_bytes(b"1\n2\n3\n")
    with pytest.raises(OvertonError, match="has changed"), opened(one, Piece("p", 0, 0, 4)):
        pass


@pytest.mark.parametrize("mode", ["ab", "wb"])
@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz"])
def test_an_input_that_changes_while_it_is_read_is_refused(name: str, mode: str, tmp_path: Path):
    path = tmp_path / name
    path.write_bytes(gzip.compress(b"1\n2\n") if name.endswith(".gz") else b"1\n2\n")
    (one,) = find_inputs([str(path)])

    def read(contents: Iterator[bytes]) -> None:
        assert next(contents) == b"1\n2\n"
        with path.open(mode) as file:
            file.write(b"3\n")

    with pytest.raises(OvertonError, match="has changed"), opened(one, Piece("p", 0, 0, WHOLE)) as contents:
        read(contents)


def test_what_cannot_be_read_since_it_was_changed_is_told_to_have_changed(tmp_path: Path):
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"1\n")
    (one,) = find_inputs([str(path)])

    def read() -> None:
        path.write_bytes(b"1\n2\n")
        raise OvertonError(Problem("its compressed stream is broken", "data.unreadable"))

    with pytest.raises(OvertonError, match="has changed"), opened(one, Piece("p", 0, 0, WHOLE)):
        read()


def test_what_takes_the_place_of_an_input_is_not_what_is_read(tmp_path: Path):
    path, other = tmp_path / "a.jsonl", tmp_path / "other"
    path.write_bytes(b"1\n2\n")
    other.write_bytes(b"3\n")
    (one,) = find_inputs([str(path)])
    with opened(one, Piece("p", 0, 0, WHOLE)) as contents:
        other.replace(path)
        assert b"".join(contents) == b"1\n2\n"


def test_a_compressed_input_is_read_uncompressed(tmp_path: Path):
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(gzip.compress(b"1\n2\n"))
    (one,) = find_inputs([str(path)])
    with opened(one, Piece("p", 0, 0, WHOLE)) as contents:
        assert b"".join(contents) == b"1\n2\n"


def test_a_piece_that_begins_as_another_kind_of_file_does_is_text_all_the_same(tmp_path: Path):
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"a": "PAR1"}\n{}\n')
    (one,) = find_inputs([str(path)])
    cut = path.read_bytes().index(b"PAR1") + 1
    with opened(one, Piece("p", 0, cut, one.size)) as contents:
        assert b"".join(contents) == b'PAR1"}\n{}\n'
    path.write_bytes(b"PAR1")
    (one,) = find_inputs([str(path)])
    with opened(one, Piece("p", 0, 0, one.size)) as contents, pytest.raises(OvertonError, match="but Parquet"):
        next(contents)


def test_one_file_or_shards_is_told_by_inputs_and_output(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    Path("a.jsonl").touch()
    Path("b[1].jsonl").touch()
    Path("folder").mkdir()
    assert is_one_file(["a.jsonl"], "out.jsonl")
    assert is_one_file(["b[1].jsonl"], "out.jsonl")
    assert is_one_file(["-"], "-")
    assert is_one_file(["missing"], "anything")
    for inputs, output in (
        (["a.jsonl"], "out/"),
        (["a.jsonl"], "folder"),
        (["a.jsonl"], "s3://bucket/out"),
        (["folder"], "out"),
        (["*.jsonl"], "out"),
        (["s3://bucket/in.jsonl"], "out"),
        (["a.jsonl", "a.jsonl"], "out"),
    ):
        assert not is_one_file(inputs, output)
    with pytest.raises(OvertonError) as raised:
        is_one_file(["a.jsonl", "c.jsonl"], "out.jsonl")
    assert raised.value.problems[0].code == "batch.output-not-folder"


def test_a_shard_has_its_name_only_once_it_is_on_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    done: list[str] = []
    fsync, link = os.fsync, os.link
    monkeypatch.setattr(os, "fsync", lambda handle: (done.append("on the disk"), fsync(handle)))
    monkeypatch.setattr(os, "link", lambda draft, path: (done.append("named"), link(draft, path)))
    Output(str(tmp_path)).create("a", b"first")
    assert done == ["on the disk", "named"]


def test_what_is_created_once_is_never_written_again(tmp_path: Path):
    output = Output(str(tmp_path / "out"))
    assert output.names() == set()
    assert output.read("a") is None
    assert output.create("sub/a", b"first")
    assert not output.create("sub/a", b"second")
    assert output.read("sub/a") == b"first"
    with pytest.raises(ZeroDivisionError), output.creating("b") as draft:
        draft.file.write(b"%d" % (1 // 0))
    assert output.names() == {"sub/a"}
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["sub"]


def test_what_killed_workers_left_goes_and_nothing_else_that_is_hidden(tmp_path: Path):
    left = [draft_of(tmp_path / "a.jsonl"), draft_of(tmp_path / "_errors" / "a.errors.jsonl")]
    kept = [tmp_path / ".notes.tmp", draft_of(tmp_path / "other" / "b.jsonl"), tmp_path / "_errors" / ".x.tmp"]
    for path in (*left, *kept):
        path.parent.mkdir(exist_ok=True)
        path.touch()
    Output(str(tmp_path)).remove_drafts()
    assert [path.exists() for path in left] == [False, False]
    assert all(path.exists() for path in kept)


def test_a_line_of_very_many_parts_is_put_together_once():
    start = time.process_time()
    (found,) = read_lines([b"{}\n", *[b"x" * 1000] * 10_000], Piece("p", 0, 0, WHOLE))
    assert (found.numbers, [len(line) for line in found.lines], found.next) == ([1, 2], [2, 10_000_000], 3)
    assert time.process_time() - start < 2  # with every part anew it takes longer by far
