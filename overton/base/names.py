"""Names that may become part of a path or a URL: versions, aliases, payloads, tasks, sources."""

import re

from overton.base.errors import OvertonError, Problem

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
NAME_HINT = "Use letters, digits, '.', '_' and '-', at most 64, beginning with a letter or a digit"


def is_name(text: str) -> bool:
    """Whether a text is a safe name."""
    return NAME.fullmatch(text) is not None


def check_name(text: str, what: str) -> str:
    """Return the text where it is a name.

    Raises:
        OvertonError: Where it is not.
    """
    if is_name(text):
        return text
    raise OvertonError(
        Problem(
            message=f"{text!r} is not a valid name of {what}",
            code="base.bad-name",
            hint=NAME_HINT,
        )
    )
