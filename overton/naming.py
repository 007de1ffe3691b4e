"""What a word of the command line that names a version means, before anything is read of that version."""

from dataclasses import dataclass
from pathlib import Path

from overton.base import OvertonError, Problem, is_name

LATEST = "latest"


@dataclass(frozen=True, slots=True)
class Named:
    """What a word names: a path to an artefact, APP@ID, APP@ALIAS, or APP, each with `:MODEL` behind it or not.

    Attributes:
        path: The directory of the artefact, or of the application.
        is_artifact: Whether it is that of an artefact.
        reference: The version of the application: an id, the beginning of one, an alias, or `latest`.
        model: The one of its models that is meant; empty for all.
    """

    path: Path
    is_artifact: bool
    reference: str = LATEST
    model: str = ""

    @property
    def is_by_name(self) -> bool:
        """Whether the version was named, and is not just the newest."""
        return not self.is_artifact and self.reference != LATEST


def parse_named(text: str) -> Named:
    """Look at a word, and at what lies where it points."""
    path = Path(text)
    whole, colon, model = text.rpartition(":")
    if not (colon and is_name(model) and not path.exists()):
        whole, model = text, ""
    path = Path(whole)
    if (path / "manifest.json").is_file():
        return Named(path, is_artifact=True, model=model)
    directory, _, reference = whole.rpartition("@")
    if path.is_dir() or not directory:
        return Named(path, is_artifact=False, model=model)
    return Named(Path(directory), is_artifact=False, reference=reference, model=model)


def check_whole(model: str, message: str) -> None:
    """Refuse the name of one of the models of a version where all of them are meant.

    Args:
        model: The name; empty for all.
        message: What a version is needed whole for.

    Raises:
        OvertonError: Where it is one of them.
    """
    if model:
        raise OvertonError(Problem(message, "application.one-model", hint=f"Leave out ':{model}'"))


def store_words(url: str | None, directory: Path) -> list[str]:
    """What a command has to be told of the store that versions of an application lie in.

    Args:
        url: The store; None for the application's own.
        directory: The application.

    Example:
        >>> store_words("s3://bucket/demo", Path("demo")), store_words("demo/store", Path("demo"))
        (['--store', 's3://bucket/demo'], [])
    """
    is_own = not url or ("://" not in url and Path(url).resolve() == (directory / "store").resolve())
    return [] if is_own or not url else ["--store", url]
