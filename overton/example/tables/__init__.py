"""The tables behind the factoid application: facts, question templates, word classes. One CSV file each.

The facts are common knowledge, written down for this project: rounded, and meant for asking, not for citing.
"""

import csv
from importlib import resources

__all__ = ["read_table"]


def read_table(name: str) -> list[dict[str, str]]:
    """The rows of `<name>.csv`, each a mapping from column to text; an unknown fact is the empty text."""
    text = resources.files(__name__).joinpath(f"{name}.csv").read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))
