"""A version of two models: one artefact, whose digest covers both, read, written and divided again."""

import pytest

from overton.artifact import Runtime, open_artifact
from overton.artifact.files import load_artifact, save_artifact
from overton.base import OvertonError
from tests.tiny_artifact import RECORD, tiny_artifact


def test_a_version_of_two_models_is_one_artefact_and_each_model_answers_by_itself(tmp_path) -> None:
    large, small = tiny_artifact(0), tiny_artifact(1)
    both = large.with_model("small", small)
    assert (large.models, both.models) == ((), ("large", "small"))
    assert both.id not in (large.id, small.id)
    save_artifact(both, tmp_path / "both")
    assert (tmp_path / "both" / "models" / "small" / "model.onnx").read_bytes() == small.files["model.onnx"]
    read = load_artifact(tmp_path / "both")
    assert (read.id, read.models) == (both.id, both.models)
    for name, alone in (("", large), ("large", large), ("small", small)):
        part = read.model(name)
        assert dict(part.files) == dict(alone.files)
        said, expected = (Runtime(one).predict([], probabilities=True) for one in (part, alone))
        assert said == expected
    assert RECORD["id"] not in str(read.models)


def test_a_model_that_is_not_there_is_named_with_those_that_are() -> None:
    both = tiny_artifact(0).with_model("small", tiny_artifact(1))
    with pytest.raises(OvertonError, match="large and small"):
        both.model("tiny")
    with pytest.raises(OvertonError, match="needs no name"):
        tiny_artifact(0).model("small")


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("models/small/unknown.bin", "artifact.unknown-file"),
        ("models/../model.onnx", "artifact.unknown-file"),
        ("models/small/deeper/model.onnx", "artifact.unknown-file"),
        ("models/tiny/model.onnx", "artifact.missing-file"),
    ],
)
def test_files_of_models_are_checked_as_all_others(name: str, code: str) -> None:
    both = tiny_artifact(0).with_model("small", tiny_artifact(1))
    with pytest.raises(OvertonError) as caught:
        type(both)({**both.files, name: b"x"}).complete()
    assert {problem.code for problem in caught.value.problems} == {code}


def test_a_changed_byte_of_a_model_is_found() -> None:
    files = tiny_artifact(0).with_model("small", tiny_artifact(1)).complete()
    files["models/small/choices.json"] = files["models/small/choices.json"][:-1] + b" "
    with pytest.raises(OvertonError, match=r"artifact\.digest"):
        open_artifact(files)


def test_a_model_whose_contract_is_not_that_of_its_program_is_refused() -> None:
    both = tiny_artifact(0).with_model("small", tiny_artifact(1))
    name = "models/small/signature.json"
    other = type(both)({**both.files, name: both.files[name].replace(b'"height"', b'"size"')})
    with pytest.raises(OvertonError, match="do not have the same schema"):
        open_artifact(other.complete())


def test_links_and_folders_that_no_artefact_has_are_refused(tmp_path) -> None:
    save_artifact(tiny_artifact(0).with_model("small", tiny_artifact(1)), tmp_path / "both")
    (tmp_path / "both" / "models" / "small" / "more").mkdir()
    with pytest.raises(OvertonError, match=r"artifact\.not-plain"):
        load_artifact(tmp_path / "both")
    (tmp_path / "both" / "models" / "small" / "more").rmdir()
    (tmp_path / "both" / "models" / "linked").symlink_to(tmp_path / "both" / "models" / "small")
    with pytest.raises(OvertonError, match=r"artifact\.not-plain"):
        load_artifact(tmp_path / "both")
