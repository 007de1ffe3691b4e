import json
from dataclasses import replace

import msgspec
import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from overton.artifact import MANIFEST, Entry, Manifest, open_artifact, pack_artifact, parse_manifest, parse_signature
from overton.artifact.manifest import make_manifest
from overton.artifact.onnx_scan import scan_model
from overton.base import OvertonError
from tests.properties import examples
from tests.tiny_artifact import tiny_artifact


def files(**changed: bytes) -> dict[str, bytes]:
    """A whole artefact, as written; names with `_` for `.`."""
    return {
        **tiny_artifact().complete("2026-01-02T03:04:05+00:00"),
        **{name.replace("_", "."): content for name, content in changed.items()},
    }


def resealed(changed: dict[str, bytes]) -> dict[str, bytes]:
    """What an attacker can do: other content under a manifest that fits."""
    content = {name: value for name, value in {**files(), **changed}.items() if name != MANIFEST}
    return {**content, MANIFEST: make_manifest(content).to_bytes()}


def codes(broken: dict[str, bytes]) -> list[str]:
    with pytest.raises(OvertonError) as caught:
        open_artifact(broken, "place")
    assert all(problem.path.startswith("place") or problem.path.endswith(".json") for problem in caught.value.problems)
    return [problem.code for problem in caught.value.problems]


def test_what_is_written_opens_to_the_same_artefact():
    opened = open_artifact(files())
    assert opened.files == tiny_artifact().files
    assert opened.id == tiny_artifact().id
    assert opened.created == "2026-01-02T03:04:05+00:00"
    assert opened.program == tiny_artifact().program
    np.testing.assert_array_equal(opened.weights()["POS"], tiny_artifact().weights()["POS"])


def test_the_id_comes_from_the_content_and_not_from_the_time():
    early, late = tiny_artifact().complete("2026"), tiny_artifact().complete("2027")
    assert parse_manifest(early[MANIFEST]).id == parse_manifest(late[MANIFEST]).id == tiny_artifact().id
    assert tiny_artifact(1).id != tiny_artifact(0).id
    assert len(tiny_artifact().id) == 12


def test_the_manifest_shows_the_main_metric_of_each_task_on_test():
    assert parse_manifest(files()[MANIFEST]).summary == {"quality": {"Intent accuracy": 0.75}}


def test_the_signature_reads_back():
    signature = tiny_artifact().signature
    assert parse_signature(signature.to_json()) == signature
    assert parse_signature(msgspec.json.decode(msgspec.json.encode(signature.to_json()))) == signature
    assert {tensor.name: tensor.shape for tensor in signature.inputs} == {
        "tokens.features": ("row", "tokens", 6),
        "entities.features": ("row", "entities", 17),
    }
    assert {tensor.name: tensor.shape for tensor in signature.outputs} == {
        "EntityType.logits": ("row", "tokens", 2),
        "Intent.logits": ("row", 2),
        "IntentArg.logits": ("row", "entities"),
        "POS.logits": ("row", "tokens", 3),
    }


def test_a_signature_of_slices_that_no_output_tells_is_refused():
    value = {**tiny_artifact(slices=True).signature.to_json(), "outputs": []}
    with pytest.raises(OvertonError, match="slices, and no output that tells them"):
        parse_signature(value)


def test_a_draft_without_a_report_is_not_complete():
    artifact = tiny_artifact()
    draft = pack_artifact(
        onnx=artifact.files["model.onnx"],
        weights=artifact.weights(),
        program=artifact.program,
        choices={},
        signature=artifact.signature,
    )
    with pytest.raises(OvertonError, match=r"report\.json is missing"):
        draft.complete()


@pytest.mark.parametrize("name", sorted(tiny_artifact().files))
def test_a_flipped_byte_is_found_in_every_file(name):
    content = files()[name]
    for place in {0, len(content) // 2, len(content) - 1}:
        changed = content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]
        assert codes({**files(), name: changed}) == ["artifact.digest"]


def test_a_flipped_byte_is_found_anywhere_in_the_manifest():
    content = files()[MANIFEST]
    for place in range(len(content)):
        changed = content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]
        if msgspec_value(changed) != msgspec_value(content):  # white space for white space changes nothing
            assert codes({**files(), MANIFEST: changed})[0] in ("artifact.manifest", "artifact.format")


def msgspec_value(content: bytes) -> object:
    try:
        return msgspec.json.decode(content)
    except msgspec.DecodeError:
        return None


def test_every_missing_file_is_told_at_once():
    some = files()
    del some["model.onnx"], some["report.json"]
    assert codes(some) == ["artifact.missing-file"] * 2 + ["artifact.digest"] * 2


@pytest.mark.parametrize("name", ["weights.pkl", "../evil.json", "model.onnx.data", "code.py"])
def test_a_file_that_no_artefact_has_is_refused(name):
    assert "artifact.unknown-file" in codes({**files(), name: b"{}"})


def test_no_manifest_is_no_artefact():
    assert codes({}) == ["artifact.missing-file"]


def test_a_manifest_of_a_later_format_is_refused_by_its_number():
    value = {**msgspec.json.decode(files()[MANIFEST]), "format": 2}
    assert codes({**files(), MANIFEST: msgspec.json.encode(value)}) == ["artifact.format"]


def test_a_program_of_a_later_format_is_refused_by_its_number():
    program = {**tiny_artifact().json("program.json"), "format": 2}
    with pytest.raises(OvertonError, match="not a program of format 1, but of format 2"):
        open_artifact(resealed({"program.json": msgspec.json.encode(program)}))


def test_a_manifest_cannot_point_out_of_the_store():
    value = msgspec.json.decode(files()[MANIFEST])
    for name, digest in (("../../etc/passwd", "0" * 64), ("model.onnx", "../../../etc/passwd")):
        value["files"] = {name: {"sha256": digest, "size": 1}}
        with pytest.raises(OvertonError, match="is not a file of an artefact"):
            parse_manifest(msgspec.json.encode(value))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("model.onnx", b"junk"),
        ("model.onnx", b""),
        ("weights.safetensors", b"\x80\x04\x95pickle"),
        ("report.json", b"{"),
        ("report.json", b"[" * 100_000),
        ("lineage.json", b"[]"),
        ("program.json", b"{}"),
        ("program.json", b'{"format": 1, "schema": 7}'),
        ("signature.json", b"{}"),
        ("signature.json", b'{"format": 1, "payloads": {}, "tasks": {}, "inputs": 3}'),
        ("predictions.parquet", b"not parquet"),
    ],
)
def test_a_file_that_is_not_what_its_name_says_is_refused_even_under_a_manifest_that_fits(name, content):
    assert codes(resealed({name: content}))[0] in ("artifact.damaged", "artifact.signature")


def external_model(where: str) -> bytes:
    """The tiny model with one tensor in another file, in one of the places where a tensor can stand."""
    model = onnx.load_from_string(tiny_artifact().files["model.onnx"])
    if where == "initializer":
        tensor = model.graph.initializer[0]
    elif where == "sparse":
        tensor = model.graph.sparse_initializer.add().values
    elif where == "attribute":
        tensor = model.graph.node[0].attribute.add(name="value").t
    elif where == "subgraph":
        tensor = model.graph.node[0].attribute.add(name="body").g.initializer.add()
    elif where == "function":
        tensor = model.functions.add(name="f").node.add().attribute.add(name="value").tensors.add()
    else:
        tensor = model.training_info.add().algorithm.initializer.add()
    tensor.name = "stolen"
    tensor.dims[:] = [1]
    tensor.data_type = onnx.TensorProto.FLOAT
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../../etc/passwd")
    return model.SerializeToString()


@pytest.mark.parametrize("where", ["initializer", "sparse", "attribute", "subgraph", "function", "training"])
def test_a_model_that_reads_other_files_is_refused(where):
    assert codes(resealed({"model.onnx": external_model(where)})) == ["artifact.external-data"]


def large_model(where: str) -> bytes:
    """The tiny model with one tensor that tells a size which its values do not have."""
    model = onnx.load_from_string(tiny_artifact().files["model.onnx"])
    if where == "sparse":
        sparse = model.graph.sparse_initializer.add()
        sparse.dims[:] = [1 << 40]
        sparse.values.name = "spread"
        return model.SerializeToString()
    tensor = model.graph.initializer[0] if where == "initializer" else model.graph.node[0].attribute.add(name="v").t
    tensor.dims[:] = {"initializer": [1 << 40], "attribute": [1 << 20, 1 << 20, 1 << 20]}.get(where, [-1])
    return model.SerializeToString()


@pytest.mark.parametrize("where", ["sparse", "initializer", "attribute", "negative"])
def test_a_model_that_tells_sizes_which_it_does_not_have_is_refused_before_it_is_loaded(where):
    assert codes(resealed({"model.onnx": large_model(where)})) == ["artifact.unsafe-model"]


def test_weights_that_tell_sizes_which_they_do_not_have_are_refused():
    header = b'{"a":{"dtype":"F32","shape":[1099511627776],"data_offsets":[0,4]}}'
    content = len(header).to_bytes(8, "little") + header + bytes(4)
    assert codes(resealed({"weights.safetensors": content})) == ["artifact.damaged"]
    content = (1 << 60).to_bytes(8, "little") + header
    assert codes(resealed({"weights.safetensors": content})) == ["artifact.damaged"]


@pytest.mark.parametrize("size", [5 << 30, 1 << 40, -1, 1 << 200])
def test_a_manifest_that_tells_a_size_which_no_file_has_is_refused(size):
    manifest = parse_manifest(files()[MANIFEST])
    entry = manifest.files["model.onnx"]
    huge = replace(manifest, files={**manifest.files, "model.onnx": replace(entry, size=size)})
    content = json.dumps(huge.to_json()).encode()
    with pytest.raises(OvertonError) as caught:
        parse_manifest(content)
    assert caught.value.problems[0].code == "artifact.manifest"


def test_a_manifest_with_files_that_are_huge_together_or_that_is_huge_itself_is_refused():
    entries = {f"strings.p{number}.txt": Entry("0" * 64, 4 << 30) for number in range(5)}
    for content in (Manifest(files=entries).to_bytes(), b" " * (5 << 20)):
        with pytest.raises(OvertonError) as caught:
            parse_manifest(content)
        assert caught.value.problems[0].code == "artifact.manifest"


@given(st.binary(max_size=200))
@examples(80)
def test_any_bytes_are_scanned_or_refused(junk):
    try:
        scan_model(junk)
    except ValueError as error:
        assert str(error)  # noqa: PT017  either outcome is fine, any other error is not


@given(st.integers(0, 10_000), st.integers(0, 255))
@examples(60)
def test_a_damaged_model_is_scanned_or_refused(place, byte):
    model = bytearray(tiny_artifact().files["model.onnx"])
    model[place % len(model)] = byte
    try:
        scan_model(bytes(model))
    except ValueError as error:
        assert str(error)  # noqa: PT017
