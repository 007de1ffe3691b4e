"""Labels and errors as a person reads them."""

import json
from collections.abc import Mapping
from typing import Any

from overton.base import count_of, percent_text


def label_text(label: Any) -> str:
    """A label of a data file as text.

    Example:
        >>> [label_text(label) for label in ("height", ["a", "b"], 3, None, {"x": 0.75, "y": 0.25})]
        ['height', 'a, b', '3', 'nothing', 'x 0.75, y 0.25']
    """
    if label is None:
        return "nothing"
    if isinstance(label, Mapping):
        return ", ".join(f"{name} {share:.2f}" for name, share in label.items())
    if isinstance(label, list | tuple):
        return ", ".join(label_text(one) for one in label) or "none"
    return label if isinstance(label, str) else json.dumps(label, ensure_ascii=False)


def wrong_of(error_rate: float, n: int, unit: str) -> str:
    """How much is wrong of some records, of which a task may label tokens or members.

    Example:
        >>> wrong_of(0.2, 11, "record"), wrong_of(0.2, 11, "token")
        ('20.0% wrong of 11 records', '20.0% of tokens wrong in 11 records')
    """
    if unit == "record":
        return f"{percent_text(error_rate, 1)} wrong of {count_of(n, 'record')}"
    return f"{percent_text(error_rate, 1)} of {unit}s wrong in {count_of(n, 'record')}"
