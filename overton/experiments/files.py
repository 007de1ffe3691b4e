"""Experiments on disk: a file for each point that was measured, and the document and drawing of an outcome."""

import json
from collections.abc import Callable
from pathlib import Path

from overton.base.files import digest_file, write_atomic
from overton.compile import Choices
from overton.experiments.baseline import Baseline
from overton.experiments.curves import Curves
from overton.experiments.figures import draw
from overton.experiments.points import Measured, parse_measured
from overton.pretrained.files.transformer import find_transformer, need_packages
from overton.pretrained.files.vectors import find_vectors


def point_store(folder: Path) -> tuple[Callable[[str], Measured | None], Callable[[str, Measured], None]]:
    """How points are loaded and saved by their keys, one file each, written whole or not at all."""

    def load(key: str) -> Measured | None:
        try:
            return parse_measured(json.loads((folder / f"{key}.json").read_text(encoding="utf-8")))
        except (FileNotFoundError, ValueError):
            return None

    def save(key: str, measured: Measured) -> None:
        write_atomic(folder / f"{key}.json", json.dumps(measured.to_json(), ensure_ascii=False) + "\n")

    return load, save


def write_outcome(outcome: Curves | Baseline, folder: Path) -> tuple[Path, Path]:
    """Write `<kind>.json` and `<kind>.svg`, each whole or not at all, and return their paths."""
    document, drawing = folder / f"{outcome.kind}.json", folder / f"{outcome.kind}.svg"
    write_atomic(document, json.dumps(outcome.to_json(), ensure_ascii=False, indent=2) + "\n")
    write_atomic(drawing, draw(outcome))
    return document, drawing


def digest_pretrained(choices: Choices, folder: Path) -> dict[str, str]:
    """Digest of the content of what is pretrained, by payload: a file of the same name may hold something else.

    Raises:
        OvertonError: Where something cannot be found.
    """
    digests = {}
    for payload, chosen in sorted(choices.payloads.items()):
        kind, name = chosen.pretrained
        if kind == "vectors":
            digests[payload] = digest_file(find_vectors(name, folder))
        elif kind == "hf":
            need_packages()
            place = find_transformer(name, folder)
            digests[payload] = "".join(digest_file(path) for path in sorted(place.iterdir()) if path.is_file())
    return digests
