from pathlib import Path

import pytest

from overton.data.files import ignored_files


def write(directory: Path, *names: str) -> Path:
    for name in ("schema.json", "data/a.jsonl", *names):
        place = directory / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text("{}")
    return directory


def test_files_that_nobody_reads_are_told_in_one_line(tmp_path: Path) -> None:
    names = ("b.json", "c.JSONL", "d.csv", "sub/e.jsonl", "f.jsonl.bz2")
    write(tmp_path, "tunning.json", "gates.json", *(f"data/{name}" for name in names))
    (problem,) = ignored_files(tmp_path)
    assert problem.message == ("ignored: gates.json, tunning.json, data/b.json, data/c.JSONL, data/d.csv and 2 more")
    assert "*.jsonl, *.jsonl.gz, *.jsonl.zst in data/ itself" in problem.hint


@pytest.mark.parametrize(
    "name",
    [
        "data/a2.jsonl.gz",
        "data/.hidden.csv",
        "data/.cache/x.jsonl",
        "data/README.md",
        "data/README.json",
        "data/notes.txt",
        "data/to_annotate.jsonl.txt",
        "data/vectors/words.npy",
        ".overton/x.json",
        "store/y.json",
        "resources/kb.json",
        "tuning.json",
        "gate.json",
        "package.json",
        "schema_old.json",
    ],
)
def test_what_is_no_data_or_is_read_is_not(name: str, tmp_path: Path) -> None:
    assert not ignored_files(write(tmp_path, name))


def test_a_copy_beside_the_file_that_is_read_is_not(tmp_path: Path) -> None:
    assert not ignored_files(write(tmp_path, "tuning.json", "tuning2.json"))


def test_what_the_tuning_names_is_not(tmp_path: Path) -> None:
    write(tmp_path, "data/vectors.csv", "data/model/tokenizer.json", "data/other.csv")
    (problem,) = ignored_files(tmp_path, [tmp_path / "data" / "vectors.csv", tmp_path / "data" / "model"])
    assert problem.message == "ignored: data/other.csv"
