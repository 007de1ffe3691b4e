"""Whether the files of an artefact are all there, unchanged, and what their names say. Checking runs none of them."""

from collections.abc import Iterable, Mapping

import msgspec
import safetensors

from overton.artifact.manifest import Manifest
from overton.artifact.names import MODELS, models_of, split_model
from overton.artifact.onnx_scan import EXTERNAL, scan_model
from overton.base import Problem, digest_bytes, is_name

REQUIRED = (
    "choices.json",
    "lineage.json",
    "model.onnx",
    "program.json",
    "report.json",
    "schema.json",
    "signature.json",
    "weights.safetensors",
)
OPTIONAL = ("golden.jsonl", "predictions.parquet", "profile.json", "search.json")
# Around the name of a payload whose embedding has a pretrained part: its words, its tokenizer.
STRINGS = (("strings.", ".txt"), ("tokenizer.", ".json"))
HINT = "Fetch it again from where it came, or build the version again"


def check_names(names: Iterable[str], path: str = "") -> list[Problem]:
    """Whether an artefact of those files has all that it must have, and nothing else."""
    names = set(names)
    unknown = sorted(name for name in names if not is_known(name))
    required = [f"{MODELS}{model}/{name}" for model in models_of(names) for name in REQUIRED]
    return [
        *(
            Problem(
                message=f"{name!r} is not a file of an artefact", code="artifact.unknown-file", path=path, hint=HINT
            )
            for name in unknown
        ),
        *(
            Problem(message=f"{name} is missing", code="artifact.missing-file", path=path, hint=HINT)
            for name in (*REQUIRED, *required)
            if name not in names
        ),
    ]


def is_known(name: str) -> bool:
    """Whether an artefact may have a file of that name."""
    name = split_model(name)[1]
    return name in REQUIRED or name in OPTIONAL or payload_of(name) != ""


def payload_of(name: str) -> str:
    """The payload whose strings a file holds; nothing where it is another file."""
    for before, after in STRINGS:
        payload = name.removeprefix(before).removesuffix(after)
        if name == f"{before}{payload}{after}" and is_name(payload):
            return payload
    return ""


def check_digests(content: Mapping[str, bytes], manifest: Manifest, path: str = "") -> list[Problem]:
    """Whether the files are those that the manifest lists, with the content that it tells."""
    problems = []
    for name in sorted({*content, *manifest.files}):
        message = ""
        if name not in content:
            message = f"{name} is missing, though the manifest lists it"
        elif name not in manifest.files:
            message = f"{name} is not in the manifest"
        elif manifest.files[name].size != len(content[name]):
            message = f"{name} has {len(content[name]):,} bytes, the manifest says {manifest.files[name].size:,}"
        elif manifest.files[name].sha256 != digest_bytes(content[name]):
            message = f"{name} was changed: its digest is not that of the manifest"
        if message:
            problems.append(Problem(message=message, code="artifact.digest", path=path, hint=HINT))
    return problems


def check_formats(content: Mapping[str, bytes], path: str = "") -> list[Problem]:
    """Whether each file is what its name says, and the model keeps to itself."""
    problems = []
    for name in sorted(content):
        try:
            reason = _read(name, content[name])
        except (ValueError, RecursionError, safetensors.SafetensorError) as error:
            message = f"{name} cannot be read: {error}"
            problems.append(Problem(message=message, code="artifact.damaged", path=path, hint=HINT))
            continue
        if reason:
            hint = "It was not loaded. Only a model that keeps to itself, in a single file, is opened: export it as one"
            code = "artifact.external-data" if reason == EXTERNAL else "artifact.unsafe-model"
            problems.append(Problem(message=f"{name} {reason}", code=code, path=path, hint=hint))
    return problems


def _read(name: str, content: bytes) -> str:
    """Read a file as far as its name tells how; why it must not be loaded all the same, or nothing."""
    name = split_model(name)[1]
    if name == "weights.safetensors":
        safetensors.deserialize(content)  # type: ignore[no-untyped-call]  # it ships no types
    if name.endswith(".json") and not isinstance(msgspec.json.decode(content), dict):
        raise ValueError("not a JSON object")
    if payload_of(name):
        content.decode()
    if name.endswith(".parquet") and not (content[:4] == content[-4:] == b"PAR1"):
        raise ValueError("not a Parquet file")
    return scan_model(content) if name == "model.onnx" else ""
