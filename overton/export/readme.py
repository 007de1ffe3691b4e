"""The README of an exported model: what each file is, how to run it, how the signature maps to tensors."""

from collections.abc import Mapping, Sequence
from typing import Any

from overton.artifact import Signature, Tensor

TITLES: Mapping[str, str] = {
    "onnx": "ONNX model",
    "torch": "`torch.export` program",
    "coreml": "Core ML model",
    "tensorflow": "TensorFlow SavedModel",
}
PACKAGES: Mapping[str, str] = {
    "onnx": "numpy safetensors onnxruntime",
    "torch": "numpy safetensors torch",
    "coreml": "'numpy<2.3' safetensors coremltools",
    "tensorflow": "numpy safetensors tensorflow",
}
LIMITS: Mapping[str, str] = {
    "onnx": "Every size whose name is a word in the tables is free.",
    "torch": "Every size whose name is a word in the tables is free. Inputs are handed over in the order of the table, "
    "outputs come in that of theirs. Recurrent layers are scans: compile the program (`torch.compile`, or "
    "`torch._inductor.aoti_compile_and_package`) where speed matters.",
    "coreml": "Sizes whose name is a word in the tables vary between bounds: at most 64 records of one call, at most "
    "`max_length` items of a payload. Numbers are float32 throughout, so that outputs could be held against those of "
    "the ONNX model; `coremltools.optimize` makes the model smaller.",
    "tensorflow": "The signature is `serving_default`; every size whose name is a word in the tables is free.",
}


def render_readme(to: str, inputs: Sequence[Tensor], signature: Signature, told: Mapping[str, Any]) -> str:
    """The content of `README.md`.

    Args:
        to: The runtime.
        inputs: What the model reads.
        signature: The signature of the version.
        told: The JSON value of `export.json`.
    """
    names = told["names"]
    parts = [
        f"# {TITLES[to]} of version {told['version']}",
        _checked(told),
        f"```\npip install {PACKAGES[to]}\npython run.py\n```",
        "It runs the golden records and compares tensors and labels with those written here; Overton is not needed. "
        "`python run.py RECORDS.jsonl` predicts the records of a data file: turning records into tensors needs "
        "`overton` (an installation for serving is enough: numpy, no torch), since words are hashed, cut and looked up "
        "by its code, the same in training and serving.",
        "## Files",
        _files(to, told),
        "## Inputs",
        _table(inputs, names),
        "A row is a record. `p.features` are hashed features of each token, text or id, 0 for padding; `p.length` is "
        "the number of items of each record; `p.range` the half-open span of each member; `p.rows` the row of a "
        "pretrained vector, 0 for padding and 1 for a string without one; `p.pieces` and `p.piece_tokens` pieces of "
        "words and the token that each is of; `p.grams` the hashed words, pairs of words and pieces of words of a "
        "text, in any order. Where a record has fewer items than the widest, zeros follow.",
        "## Outputs",
        _table(signature.outputs, names),
        _tasks(signature, told),
        LIMITS[to],
    ]
    return "\n\n".join(parts) + "\n"


def _checked(told: Mapping[str, Any]) -> str:
    checked = told["checked"]
    return (
        f"Checked on {checked['records']} golden records: {checked['how']}. Greatest difference {checked['worst']:.1g}."
    )


def _files(to: str, told: Mapping[str, Any]) -> str:
    rows = {
        told["model"]: f"the model: {TITLES[to]}",
        "run.py": "runs it; read it to see how inputs and outputs are handed over, and how outputs become labels",
        "signature.json": "every input and output with type and shape, every class, thresholds of bits",
        "export.json": "names of tensors in this runtime, their order, what was checked, with which libraries",
        "golden.jsonl": "real records with the labels that the version gives them",
        "golden.safetensors": "the same as tensors: `CALL/inputs/NAME`, `CALL/outputs/NAME`, `CALL/lengths/PAYLOAD`",
        "program.json": "the compiled program, which encoding follows",
    }
    rows |= {name: f"strings that encoding `{payload}` needs" for payload, name in told["strings"].items()}
    if told["chained_tasks"]:
        rows["transitions.safetensors"] = "what tasks with a chain score when one class follows another"
    return "\n".join(["| file | content |", "|---|---|", *(f"| `{name}` | {text} |" for name, text in rows.items())])


def _table(tensors: Sequence[Tensor], names: Mapping[str, str]) -> str:
    rows = [
        f"| `{tensor.name}` | `{names[tensor.name]}` | {tensor.type} | {', '.join(map(str, tensor.shape))} |"
        for tensor in tensors
    ]
    return "\n".join(["| signature | here | type | shape |", "|---|---|---|---|", *rows])


def _tasks(signature: Signature, told: Mapping[str, Any]) -> str:
    rows = []
    for task in signature.schema.learnable().tasks:
        rule = {
            "multiclass": "the class of the greatest logit",
            "bitvector": "classes whose sigmoid reaches their threshold (`signature.json`, else 0.5)",
            "select": "the member of the greatest logit among the record's own",
        }[task.type]
        if task.name in told["chained_tasks"]:
            rule = "the likeliest sequence of classes under `transitions.safetensors` (Viterbi; `overton.codec.chain`)"
        elif task.name not in told["plain_tasks"]:
            rule = "the greatest logit of each token, mended to a valid sequence of BIO classes (`overton.codec`)"
        rows.append(f"| {task.name} | `{signature.output_by_task[task.name]}` | {rule} |")
    table = "\n".join(["| task | output | label |", "|---|---|---|", *rows])
    beyond = "Items beyond the `max_length` of their payload are not read; the version answers null for each of them."
    return f"{table}\n\n{beyond}"
