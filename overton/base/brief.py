"""Values of many fields in a line, for who types their name: each can be shown in full otherwise."""

from collections.abc import Sized
from dataclasses import fields
from typing import Any

_LONGEST = 60  # characters of a value
_FEW = 8
_PLAIN = (str, bool, int, float, type(None))


def brief(self: Any) -> str:
    """The `__repr__` of a dataclass that holds much: how many of what, and what is short as it is.

    Example:
        >>> from dataclasses import dataclass
        >>> @dataclass
        ... class Page:
        ...     task: str
        ...     tags: tuple[str, ...]
        ...     rows: list[float]
        ...     __repr__ = brief
        >>> Page("Intent", ("a", "b"), [0.5] * 900)
        Page(task='Intent', tags=('a', 'b'), rows=<900>)
    """
    told = (f"{field.name}={_short(getattr(self, field.name))}" for field in fields(self) if field.repr)
    return f"{type(self).__name__}({', '.join(told)})"


def _short(value: object) -> str:
    if isinstance(value, _PLAIN):
        text = repr(value)
        return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."
    if isinstance(value, tuple | dict) and len(value) <= _FEW:
        inner = [*value, *value.values()] if isinstance(value, dict) else value
        text = repr(value) if all(isinstance(one, _PLAIN) for one in inner) else ""
        if text and len(text) <= _LONGEST:
            return text
    return f"<{len(value)}>" if isinstance(value, Sized) else f"<{type(value).__name__}>"
