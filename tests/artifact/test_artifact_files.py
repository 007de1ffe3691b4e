import os

import pytest

from overton.artifact import files
from overton.artifact.files import load_artifact, save_artifact
from overton.base import OvertonError
from overton.version import Version
from tests.tiny_artifact import tiny_artifact


def code(call, *arguments) -> str:
    with pytest.raises(OvertonError) as caught:
        call(*arguments)
    return caught.value.problems[0].code


def test_an_artefact_is_saved_and_loaded(tmp_path):
    save_artifact(tiny_artifact(), tmp_path / "deep" / "version")
    loaded = load_artifact(tmp_path / "deep" / "version")
    assert loaded.files == tiny_artifact().files
    assert loaded.id == tiny_artifact().id
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["version"]


def test_nothing_is_ever_overwritten(tmp_path):
    (tmp_path / "file").write_text("mine")
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    for name in ("file", "folder", "link"):
        assert code(save_artifact, tiny_artifact(), tmp_path / name) == "artifact.exists"
    assert (tmp_path / "file").read_text() == "mine"


def test_a_save_that_is_interrupted_leaves_nothing(tmp_path, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("pathlib.Path.rename", interrupted)
    with pytest.raises(KeyboardInterrupt):
        save_artifact(tiny_artifact(), tmp_path / "version")
    assert list(tmp_path.iterdir()) == []


def test_a_link_is_not_followed(tmp_path):
    save_artifact(tiny_artifact(), tmp_path / "version")
    outside = tmp_path / "report.json"
    os.replace(tmp_path / "version" / "report.json", outside)
    (tmp_path / "version" / "report.json").symlink_to(outside)
    assert code(load_artifact, tmp_path / "version") == "artifact.not-plain"


def test_a_directory_within_is_refused(tmp_path):
    save_artifact(tiny_artifact(), tmp_path / "version")
    (tmp_path / "version" / "more").mkdir()
    assert code(load_artifact, tmp_path / "version") == "artifact.not-plain"


def test_a_file_too_many_is_refused(tmp_path):
    save_artifact(tiny_artifact(), tmp_path / "version")
    (tmp_path / "version" / "weights.pkl").write_bytes(b"\x80")
    assert code(load_artifact, tmp_path / "version") == "artifact.unknown-file"


def test_a_directory_that_is_not_there_or_holds_no_artefact_is_told(tmp_path):
    assert code(load_artifact, tmp_path / "none") == "artifact.not-found"
    assert code(load_artifact, tmp_path) == "artifact.missing-file"


def test_a_file_that_is_longer_than_its_manifest_says_is_not_read(tmp_path, monkeypatch):
    save_artifact(tiny_artifact(), tmp_path / "v")
    with (tmp_path / "v" / "model.onnx").open("r+b") as file:
        file.truncate(1 << 40)  # a terabyte of nothing, which would take all memory
    assert code(load_artifact, tmp_path / "v") == "artifact.digest"
    with (tmp_path / "v" / "manifest.json").open("r+b") as file:
        file.truncate(1 << 40)
    assert code(load_artifact, tmp_path / "v") == "artifact.manifest"


def test_a_link_that_comes_in_after_the_look_is_not_followed(tmp_path, monkeypatch):
    """Between the look at the directory and the reading of a file somebody may put a link in its place."""
    save_artifact(tiny_artifact(), tmp_path / "v")
    look = files._plain_files

    def looked(directory):
        found = list(look(directory))
        (directory / "model.onnx").rename(tmp_path / "outside")
        (directory / "model.onnx").symlink_to(tmp_path / "outside")
        return found

    monkeypatch.setattr(files, "_plain_files", looked)
    assert code(load_artifact, tmp_path / "v") == "artifact.not-plain"


def test_a_pipe_is_refused_and_nobody_waits_for_it(tmp_path):
    save_artifact(tiny_artifact(), tmp_path / "v")
    (tmp_path / "v" / "model.onnx").unlink()
    os.mkfifo(tmp_path / "v" / "model.onnx")
    assert code(load_artifact, tmp_path / "v") == "artifact.not-plain"


def test_a_version_is_told_apart_in_a_line_without_its_content():
    artifact = tiny_artifact()
    version = Version(artifact.id, artifact)
    assert artifact.id in repr(version)
    assert len(repr(version)) < 2000
