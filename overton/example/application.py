"""What `overton init` writes: the files of an application, as text."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ExampleApplication:
    """A complete application.

    Attributes:
        files: The text of each file, by its path relative to the folder of the application.
    """

    files: Mapping[str, str]
