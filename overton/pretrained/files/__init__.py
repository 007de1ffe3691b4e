"""Pretrained inputs from disk: the names of a tuning to what is found under them."""

from collections.abc import Callable, Sequence
from pathlib import Path

from overton.base import Event, Observe, ignore
from overton.compile import Choices
from overton.pretrained.files.transformer import load_transformer
from overton.pretrained.files.vectors import load_vectors
from overton.pretrained.given import Given, Part

Texts = Callable[[str], Sequence[str]]


def load_pretrained(choices: Choices, folder: Path, texts: Texts, *, observe: Observe = ignore) -> Given:
    """What is pretrained of the embeddings.

    Args:
        choices: The choices; their `embedding` names what is pretrained.
        folder: Where names are looked for that are no absolute paths: the directory of the application.
        texts: Gives the different strings of a payload.
        observe: Told what was found.

    Raises:
        OvertonError: Where something cannot be found or read.
    """
    parts: dict[str, Part] = {}
    for payload, chosen in choices.payloads.items():
        kind, name = chosen.pretrained
        if kind == "vectors":
            parts[payload] = load_vectors(name, folder, texts(payload), tune=chosen.tune)
        elif kind == "hf":
            parts[payload] = load_transformer(name, folder, tune=chosen.tune)
        if kind:
            observe(Event("compile", f"{payload}: {parts[payload].note}"))
    return Given(parts)
