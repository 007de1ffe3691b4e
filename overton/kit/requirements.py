"""What serving needs to be installed, pinned to what is installed here."""

import re
from collections.abc import Callable, Iterable, Sequence

from overton.artifact import split_model
from overton.base import OvertonError, Problem

# What a server imports of what Overton depends on; tests/kit proves that it starts and answers with these alone.
SERVING = (
    "httptools",
    "msgspec",
    "numpy",
    "obstore",
    "onnxruntime",
    "safetensors",
    "starlette",
    "uvicorn",
    "uvloop",
)
PIECES = "tokenizers"  # where a version reads pieces of words
# The model is loaded from a file and predicts on a CPU: what tokenizers could download with stays out.
NOT_SERVING = ("huggingface-hub",)
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")

# Version and requirements of an installed distribution by its name; None where it is not installed.
Look = Callable[[str], tuple[str, Sequence[str]] | None]


def serving_roots(files: Iterable[str]) -> tuple[str, ...]:
    """The distributions that the server of an artefact imports, by the names of its files."""
    reads_pieces = any(split_model(name)[1].startswith("tokenizer.") for name in files)
    return (*SERVING, PIECES) if reads_pieces else SERVING


def pinned(roots: Iterable[str], look: Look) -> dict[str, str]:
    """The version of each distribution that some need, their own requirements among them, by name.

    What a distribution requires for a platform or a Python other than this one is not installed here and left out, and
    so is what it requires for an extra.

    Args:
        roots: Names of distributions.
        look: Tells of an installed one.

    Raises:
        OvertonError: Where one of the roots is not installed that every platform has.
    """
    found: dict[str, str] = {}
    waiting = [canonical(name) for name in roots]
    for name in waiting:
        if look(name) is None and name not in ("httptools", "uvloop"):  # Windows has neither
            message = f"serving needs the package {name}, which is not installed here"
            raise OvertonError(Problem(message, "kit.not-installed", hint=f"pip install {name}"))
    while waiting:
        name = waiting.pop()
        seen = look(name)
        if name in found or seen is None:
            continue
        version, requirements = seen
        found[name] = version.partition("+")[0]  # which build of a release it was is of this machine
        waiting += [needed for needed in map(_name_of, requirements) if needed and needed not in NOT_SERVING]
    return dict(sorted(found.items()))


def canonical(name: str) -> str:
    """A name of a distribution as all tools compare it.

    Example:
        >>> canonical("Typing_Extensions")
        'typing-extensions'
    """
    return re.sub(r"[-_.]+", "-", name).lower()


def _name_of(requirement: str) -> str:
    """The distribution that a line of requirements names; nothing where it is for an extra."""
    what, _, marker = requirement.partition(";")
    matched = NAME.match(what)
    return "" if "extra" in marker or not matched else canonical(matched.group())
