"""Pretrained inputs from disk: the names of a tuning to what is found under them."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from overton.base import Event, Observe, OvertonError, Problem, ignore, json_path
from overton.base.files import digest_file
from overton.compile import Choices, Tuning
from overton.compile.files import placed_faults
from overton.pretrained.files.at_hand import vectors_at_hand
from overton.pretrained.files.transformer import (
    find_transformer,
    load_transformer,
    may_be_fetched,
    need_packages,
)
from overton.pretrained.files.vectors import find_vectors, load_vectors
from overton.pretrained.given import Given, Part

__all__ = [
    "Texts",
    "check_pretrained",
    "digests_of",
    "embeddings_of",
    "load_pretrained",
    "named_files",
    "vectors_at_hand",
]

Texts = Callable[[str], Sequence[str]]


def check_pretrained(tuning: Tuning, folder: Path) -> list[Problem]:
    """What the embeddings of a tuning name and cannot be found; nothing is read, and nothing asked of the network.

    A name that may be one of the hub is left to the build.

    Args:
        tuning: The tuning, with what its models have of their own.
        folder: The directory of the application: a fault is told with its line of `tuning.json`.
    """
    problems: list[Problem] = []
    for field, text in _named(tuning):
        kind, _, name = text.partition(":")
        try:
            if kind == "vectors":
                find_vectors(name, folder)
            elif kind == "hf":
                need_packages()
                find_transformer(name, folder, fetch=False)
        except OvertonError as error:
            if not (kind == "hf" and error.problems[0].code == "pretrained.not-found" and may_be_fetched(name)):
                problems.extend(replace(problem, field=field) for problem in error.problems)
    return placed_faults(folder / "tuning.json", problems)


def named_files(tuning: Tuning, folder: Path) -> list[Path]:
    """Where the files and folders would lie that the embeddings of a tuning name, whether they are there or not."""
    return [folder / text.partition(":")[2] for text in embeddings_of(tuning) if ":" in text]


def digests_of(embeddings: Iterable[str], folder: Path) -> dict[str, str]:
    """Digest of the files and folders that some embeddings name, by name, as far as they lie there.

    What a package or the hub holds under a name is taken to stay.

    Args:
        embeddings: The embeddings, as in a tuning.
        folder: The directory of the application.
    """
    found: dict[str, str] = {}
    for text in sorted({text for text in embeddings if ":" in text}):
        place = folder / text.partition(":")[2]
        files = sorted(place.iterdir()) if place.is_dir() else [place, place.with_name(f"{place.name}.gz")]
        content = [digest_file(file) for file in files if file.is_file()]
        found |= {text: "".join(content)} if content else {}
    return found


def embeddings_of(tuning: Tuning) -> list[str]:
    """The embeddings that a tuning names for a model."""
    return [text for _, text in _named(tuning)]


def _named(tuning: Tuning) -> Iterator[tuple[str, str]]:
    """Every embedding that a tuning names for a model, after the JSON path of the item, as if it were of a list."""
    own = {f"$.models.{name}": model for name, model in tuning.models.items()}
    for at, one in {"$": tuning, **own}.items():
        for payload, settings in one.payloads.items():
            others = [model.payloads.get(payload, {}) for model in own.values()]
            if one is tuning and others and all("embedding" in other for other in others):
                continue  # no model takes what is said for all
            for place, name in enumerate(settings.get("embedding", ())):
                yield f"{at}{json_path(['payloads', payload, 'embedding', place])[1:]}", str(name)


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
        try:
            if kind == "vectors":
                parts[payload] = load_vectors(name, folder, texts(payload), tune=chosen.tune)
            elif kind == "hf":
                parts[payload] = load_transformer(name, folder, tune=chosen.tune)
        except OvertonError as error:
            at = json_path(["payloads", payload, "embedding"])
            raise OvertonError(replace(problem, field=problem.field or at) for problem in error.problems) from None
        if kind:
            observe(Event("compile", f"{payload}: {parts[payload].note}"))
    return Given(parts)
