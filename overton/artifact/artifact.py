"""The artefact: everything needed to run and explain one trained program, as files by name. No file runs code."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import msgspec
import safetensors.numpy
from numpy import ndarray

from overton.artifact.check import STRINGS, check_digests, check_formats, check_names, payload_of
from overton.artifact.manifest import MANIFEST, Manifest, make_manifest, parse_manifest
from overton.artifact.names import file_of, models_of, split_model
from overton.artifact.signature import Signature, parse_signature
from overton.base import OvertonError, Problem
from overton.codec import reads_pieces
from overton.compile import Program, parse_program
from overton.schema import Schema

LARGE = "large"  # the model of a version that has several: the one that is reported, compared and served by itself


@dataclass(frozen=True)
class Artifact:
    """One version as a value.

    Attributes:
        files: Content by name; `check.is_known` tells the names there are.
        created: When a store took it, as ISO 8601 text in UTC; empty before. No part of the identity.
    """

    files: Mapping[str, bytes] = field(repr=False)
    created: str = ""

    @cached_property
    def manifest(self) -> Manifest:
        """Digests of the files, and a summary."""
        return make_manifest(self.files, self.created, _summary(self))

    @property
    def id(self) -> str:
        """The id of the version, made from the content of its files."""
        return self.manifest.id

    @cached_property
    def program(self) -> Program:
        """The compiled program."""
        return parse_program(self.json("program.json"))

    @cached_property
    def signature(self) -> Signature:
        """The serving contract."""
        return parse_signature(self.json("signature.json"))

    @property
    def schema(self) -> Schema:
        """The schema with its classes told."""
        return self.signature.schema

    @property
    def strings(self) -> dict[str, str]:
        """What the codec has to know of strings for the pretrained part of embeddings, by name of payload."""
        payloads = {name: payload_of(name) for name in self.files}
        return {payload: self.files[name].decode() for name, payload in payloads.items() if payload}

    @property
    def models(self) -> tuple[str, ...]:
        """The names of its models, that of its own first; nothing where it has but one, which needs no name."""
        others = models_of(self.files)
        return (LARGE, *others) if others else ()

    def model(self, name: str) -> "Artifact":
        """One of its models as an artefact by itself, with the files of that model alone.

        Args:
            name: A name in `models`; empty for its own.

        Raises:
            OvertonError: Where it has none of that name.
        """
        if name and name not in self.models:
            hint = f"It has {' and '.join(self.models)}" if self.models else "It has one model, which needs no name"
            raise OvertonError(Problem(f"version {self.id} has no model {name!r}", "artifact.no-model", hint=hint))
        wanted = "" if name == LARGE else name
        parts = {full: split_model(full) for full in self.files}
        files = {inner: self.files[full] for full, (model, inner) in parts.items() if model == wanted}
        return replace(self, files=files)

    def with_model(self, name: str, artifact: "Artifact") -> "Artifact":
        """The same artefact with another model beside its own."""
        own = {file_of(name, file): content for file, content in artifact.files.items()}
        return replace(self, files={**self.files, **own})

    def json(self, name: str) -> Any:
        """The JSON value of a file."""
        return msgspec.json.decode(self.files[name])

    def weights(self) -> dict[str, ndarray]:
        """The weights of the model by name, to train on from them."""
        return safetensors.numpy.load(self.files["weights.safetensors"])

    def with_files(
        self,
        *,
        report: Mapping[str, Any],
        lineage: Mapping[str, Any],
        examples: bytes = b"",
        golden: bytes = b"",
        profile: Mapping[str, Any] | None = None,
        search: Mapping[str, Any] | None = None,
    ) -> "Artifact":
        """The same artefact with what is known only once the model runs.

        Args:
            report: The JSON value of `report.json`.
            lineage: The JSON value of `lineage.json`.
            examples: The content of `predictions.parquet`, if any.
            golden: Records to run before the first request is taken, as `golden.jsonl`, if any.
            profile: The JSON value of `profile.json`, if any.
            search: The JSON value of `search.json`, if any.
        """
        more = {"report.json": render_json(report), "lineage.json": render_json(lineage)}
        if examples:
            more["predictions.parquet"] = examples
        if golden:
            more["golden.jsonl"] = golden
        if profile:
            more["profile.json"] = msgspec.json.encode(profile) + b"\n"
        if search:
            more["search.json"] = render_json(search)
        return replace(self, files={**self.files, **more})

    def complete(self, created: str | None = None) -> dict[str, bytes]:
        """All files with the manifest, as they are kept.

        Args:
            created: When it was made, where it is to be said now.

        Raises:
            OvertonError: Where a file is missing that every version has.
        """
        problems = check_names(self.files)
        if problems:
            raise OvertonError(problems)
        kept = self if created is None else replace(self, created=created)
        return {**kept.files, MANIFEST: kept.manifest.to_bytes()}


def pack_artifact(
    *,
    onnx: bytes,
    weights: Mapping[str, ndarray],
    program: Program,
    choices: Mapping[str, Any],
    signature: Signature,
    strings: Mapping[str, str] | None = None,
) -> Artifact:
    """Pack a trained program: enough to run it. `Artifact.with_files` adds what makes it complete.

    Args:
        onnx: The model as one ONNX file.
        weights: The same weights by name, to train on from them.
        program: The compiled program.
        choices: The JSON value of the choices that it was compiled with.
        signature: The serving contract.
        strings: What the codec has to know of strings, by name of payload.
    """
    around = {payload: STRINGS[reads_pieces(program, payload)] for payload in strings or {}}
    named = {f"{around[name][0]}{name}{around[name][1]}": text.encode() for name, text in (strings or {}).items()}
    return Artifact(
        {
            "model.onnx": onnx,
            "weights.safetensors": safetensors.numpy.save(dict(sorted(weights.items()))),
            "program.json": render_json(program.to_json()),
            "choices.json": render_json(choices),
            "schema.json": render_json(signature.schema.to_json()),
            "signature.json": render_json(signature.to_json()),
            **named,
        }
    )


def open_artifact(files: Mapping[str, bytes], path: str = "") -> Artifact:
    """Check the files of an artefact, its manifest among them, and make it a value again.

    Args:
        files: Content by name.
        path: Where they come from, for the problems.

    Raises:
        OvertonError: With every fault: a file that is missing, unknown, changed, or not of its format; a model
            that reads from other files.
    """
    if MANIFEST not in files:
        raise OvertonError(
            Problem(
                message=f"there is no {MANIFEST}",
                code="artifact.missing-file",
                path=path,
                hint="Name the directory of an artefact, or a version of a store",
            )
        )
    manifest = parse_manifest(files[MANIFEST], f"{path}/{MANIFEST}" if path else MANIFEST)
    content = {name: files[name] for name in files if name != MANIFEST}
    problems = check_names(content, path) + check_digests(content, manifest, path) or check_formats(content, path)
    if problems:
        raise OvertonError(problems)
    artifact = Artifact(content, manifest.created)
    artifact.__dict__["manifest"] = manifest  # read and checked, it need not be made again
    for name in artifact.models or ("",):
        _check_contract(artifact.model(name), path)
    return artifact


def render_json(value: Any) -> bytes:
    """A JSON value as the content of a file, laid out for people too."""
    return msgspec.json.format(msgspec.json.encode(value), indent=2) + b"\n"


def _check_contract(artifact: Artifact, path: str) -> None:
    """Program and signature can be read and tell the same schema, so what a client sees is what runs."""
    try:
        fault = "" if artifact.program.schema == artifact.signature.schema else "do not have the same schema"
    except OvertonError as error:
        fault = f"cannot be read: {error.problems[0].message}"
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        fault = f"cannot be read: {error!r}"
    if fault:
        raise OvertonError(
            Problem(
                message=f"program.json and signature.json {fault}",
                code="artifact.damaged",
                path=path,
                hint="Use the Overton that wrote it, or build the version again",
            )
        )


def _summary(artifact: Artifact) -> dict[str, Any]:
    """The main metric of every task over the whole test split, or nothing where there is no report yet."""
    if "report.json" not in artifact.files:
        return {}
    report = artifact.json("report.json")
    main = report.get("main_metric", {})
    quality = {
        f"{row['task']} {row['metric']}": row["value"]
        for row in report.get("rows", ())
        if row["split"] == "test" and row["tag"] == "*" and main.get(row["task"]) == row["metric"]
    }
    return {"quality": quality}
