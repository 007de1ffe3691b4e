"""A version as a folder for another runtime: the model, proved to compute the same, and all that it takes to use it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version as version_of
from pathlib import Path
from typing import Any

import msgspec
import safetensors.numpy

from overton import __version__
from overton.artifact import Artifact, Runtime, Tensor, render_json
from overton.base import Event, Observe, OvertonError, Problem, ignore
from overton.base.files import check_new_folder, new_folder
from overton.codec import chained_tasks, find_bio, input_specs, reads_pieces, transitions_name
from overton.export.golden import Case, Run, golden_cases, load_onnx, render_cases, worst_difference
from overton.export.names import tensor_names
from overton.export.readme import render_readme
from overton.export.scripts import render_script
from overton.schema import Task

TARGETS = ("onnx", "torch", "coreml", "tensorflow")
MODELS: Mapping[str, str] = {
    "onnx": "model.onnx",
    "torch": "model.pt2",
    "coreml": "model.mlpackage",
    "tensorflow": "saved_model",
}
LIBRARIES: Mapping[str, tuple[str, ...]] = {
    "onnx": ("onnxruntime",),
    "torch": ("torch",),
    "coreml": ("coremltools", "torch"),
    "tensorflow": ("tensorflow", "tensorflow-cpu"),
}
HOW: Mapping[str, str] = {
    "onnx": "onnxruntime runs the copy in this folder as the version itself runs",
    "torch": "the program in this folder, run by torch, against the version's ONNX model",
    "coreml": "Core ML itself runs on macOS alone, so the program in this folder was evaluated operator by operator in "
    "numpy, against the version's ONNX model, and names, types and axes of its inputs and outputs against the "
    "signature; what Apple's runtime makes of it was not seen",
    "tensorflow": "the SavedModel in this folder, run by TensorFlow, against the version's ONNX model",
}
IN_FLOAT32 = "; both are in float32, from the version's weights, while the version itself serves in int8"
TOLERANCE = 1e-4  # of an output up to 1, beyond that by its size
FORMAT = 1


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written.

    Attributes:
        directory: The folder.
        n_records: Golden records on which it was checked.
        worst: Greatest difference from the outputs of the version's ONNX model.
        how: What was run to know.
        n_bytes: Size of the model.
    """

    directory: Path
    n_records: int
    worst: float
    how: str
    n_bytes: int


def export_version(
    artifact: Artifact, to: str, directory: Path, *, name: str = "", observe: Observe = ignore
) -> Exported:
    """Write a version for another runtime into a new folder: whole and checked, or not at all.

    Args:
        artifact: The version.
        to: One of `TARGETS`.
        directory: A folder that does not exist, or is empty.
        name: What the version is called, such as one of its models; its id where empty.
        observe: Told of the progress.

    Raises:
        OvertonError: Where the folder holds something, the runtime's package is not installed, the version has no
            golden records, or the exported model does not compute the same.
    """
    check_new_folder(directory, "export.not-empty")
    with new_folder(directory) as draft:
        exported = _write(artifact, to, draft, name or artifact.id, observe)
    n_bytes = sum(file.stat().st_size for file in _files_of(directory / MODELS[to]))
    return Exported(directory, exported["records"], exported["worst"], exported["how"], n_bytes)


def _write(artifact: Artifact, to: str, draft: Path, name: str, observe: Observe) -> Mapping[str, Any]:
    reference = _reference(artifact, to)
    cases = golden_cases(artifact, reference)
    observe(Event("export", f"writing {MODELS[to]}"))
    run = _save_model(artifact, to, reference, draft / MODELS[to])
    worst = worst_difference(run, cases)
    n_records = sum(len(case.records) for case in cases)
    if not worst <= TOLERANCE:
        hint = "This is a fault of Overton, not of the data; nothing was written. Export to onnx is always exact"
        message = f"the exported model is off by {worst:.2g} from the version's own"
        raise OvertonError(Problem(message, "export.parity", hint=hint))
    told = _told(artifact, to, name, n_records, worst, quantised=reference != artifact.files["model.onnx"])
    files = {
        "README.md": render_readme(to, _inputs(artifact, to), artifact.signature, told).encode(),
        "run.py": render_script(to).encode(),
        "export.json": render_json(told),
        "golden.jsonl": _golden_lines(artifact, name, reference, cases),
        "golden.safetensors": render_cases(cases),
        **{name: artifact.files[name] for name in ("program.json", "signature.json", *told["strings"].values())},
        **_transitions(artifact),
    }
    for name, content in files.items():
        (draft / name).write_bytes(content)
    checked: Mapping[str, Any] = told["checked"]
    return checked


def _reference(artifact: Artifact, to: str) -> bytes:
    """The ONNX model to hold an export against: its own, or that of its weights where its own was quantised."""
    model = artifact.files["model.onnx"]
    if to == "onnx" or artifact.json("lineage.json").get("precision", {}).get("chosen", "fp32") == "fp32":
        return model
    from overton.export.onnx import to_onnx

    return to_onnx(artifact.program, artifact.weights())


def _save_model(artifact: Artifact, to: str, reference: bytes, place: Path) -> Run:
    """Write the model, and load what was written."""
    program, names = artifact.program, tensor_names(artifact.program, artifact.signature)
    if to == "onnx":
        place.write_bytes(reference)
        return load_onnx(place.read_bytes())
    if to == "torch":
        from overton.export.torch_program import load_torch, save_torch

        save_torch(program, artifact.weights(), str(place))
        return load_torch(str(place), program)
    if to == "tensorflow":
        from overton.export.tensorflow import load_tensorflow, save_tensorflow

        save_tensorflow(reference, names, str(place))
        return load_tensorflow(str(place), names)
    from overton.export.coreml import coreml_faults, load_coreml, save_coreml

    save_coreml(program, artifact.weights(), names, str(place))
    faults = coreml_faults(str(place), artifact.signature, names)
    assert not faults, f"the Core ML model is not that of the signature: {'; '.join(faults)}"
    return load_coreml(str(place), names)


def _told(artifact: Artifact, to: str, name: str, n_records: int, worst: float, *, quantised: bool) -> dict[str, Any]:
    """The JSON value of `export.json`."""
    program, signature = artifact.program, artifact.signature
    names = tensor_names(program, signature)
    plain = to in ("coreml", "tensorflow")
    chained = chained_tasks(program)
    tasks = signature.schema.learnable().tasks
    return {
        "format": FORMAT,
        "version": name,
        "overton": __version__,
        "to": to,
        "model": MODELS[to],
        "names": names if plain else {name: name for name in names},
        "input_order": [tensor.name for tensor in _inputs(artifact, to)],
        "output_order": [tensor.name for tensor in signature.outputs],
        "plain_tasks": [task.name for task in tasks if not (task.name in chained or _is_mended(task))],
        "chained_tasks": list(chained),
        "strings": {
            payload: f"tokenizer.{payload}.json" if reads_pieces(program, payload) else f"strings.{payload}.txt"
            for payload in artifact.strings
        },
        "checked": {"records": n_records, "worst": worst, "how": HOW[to] + IN_FLOAT32 * quantised},
        "libraries": _versions(LIBRARIES[to]),
    }


def _inputs(artifact: Artifact, to: str) -> tuple[Tensor, ...]:
    """What the model reads: a graph does without inputs that change nothing, a traced module has them all."""
    if to in ("onnx", "tensorflow"):
        return artifact.signature.inputs
    return tuple(Tensor(spec.name, spec.type, spec.shape) for spec in input_specs(artifact.program))


def _is_mended(task: Task) -> bool:
    """Whether the classes of its tokens are brought into a valid sequence."""
    return task.type == "multiclass" and find_bio(task.classes) is not None


def _versions(names: Sequence[str]) -> dict[str, str]:
    found = {}
    for name in names:
        try:
            found[name] = version_of(name)
        except ModuleNotFoundError:
            continue  # one of several names of one library
    return found


def _golden_lines(artifact: Artifact, name: str, reference: bytes, cases: Sequence[Case]) -> bytes:
    """The golden records as a data file, with the labels of the model that is the reference as the version's."""
    runtime = Runtime(replace(artifact, files={**artifact.files, "model.onnx": reference}))
    lines, source = iter(artifact.files["golden.jsonl"].splitlines()), f"overton@{name}"
    written = []
    for case in cases:  # call by call: in int8 of older releases an answer may depend on the others of a call
        for labels in runtime.predict(case.records):
            tasks = {task: {source: label} for task, label in labels.items()}
            written.append(msgspec.json.encode({**msgspec.json.decode(next(lines)), "tasks": tasks}) + b"\n")
    return b"".join(written)


def _transitions(artifact: Artifact) -> dict[str, bytes]:
    """The transitions of tasks that have a chain: decoding needs them beside the model."""
    names = [transitions_name(artifact.program.outputs[task]) for task in chained_tasks(artifact.program)]
    weights = artifact.weights() if names else {}
    return {"transitions.safetensors": safetensors.numpy.save({name: weights[name] for name in names})} if names else {}


def _files_of(place: Path) -> list[Path]:
    return [place] if place.is_file() else [path for path in place.rglob("*") if path.is_file()]
