"""Labels as a person reads them."""

import json
from collections.abc import Mapping
from typing import Any


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
