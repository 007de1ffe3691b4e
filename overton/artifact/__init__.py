"""The artefact: everything needed to run and explain one trained program, and how to run it."""

from overton.artifact.artifact import LARGE, Artifact, open_artifact, pack_artifact, render_json
from overton.artifact.golden import golden_records, replay_golden, sample_records
from overton.artifact.latency import p99_ms
from overton.artifact.manifest import MANIFEST, Entry, Manifest, parse_manifest
from overton.artifact.names import file_of, split_model
from overton.artifact.runtime import Runtime, by_size, made_up_record, open_session, signature_of
from overton.artifact.signature import Signature, Tensor, parse_signature
from overton.artifact.tally import Tally

__all__ = [
    "LARGE",
    "MANIFEST",
    "Artifact",
    "Entry",
    "Manifest",
    "Runtime",
    "Signature",
    "Tally",
    "Tensor",
    "by_size",
    "file_of",
    "golden_records",
    "made_up_record",
    "open_artifact",
    "open_session",
    "p99_ms",
    "pack_artifact",
    "parse_manifest",
    "parse_signature",
    "render_json",
    "replay_golden",
    "sample_records",
    "signature_of",
    "split_model",
]
