"""A record as Python values: what one line of a data file says."""

from typing import Any

import msgspec

SUM_TOLERANCE = 0.02  # probabilities "add up to about one": three classes at 0.33 do
HIGHEST_INDEX = 2**31 - 1  # stands for any index that no set has


class Record(msgspec.Struct):
    """One record, checked against a schema by `RecordParser`.

    Attributes:
        id: Its name; None where the line gives none.
        payloads: Values by field; None for a record that only adds labels and tags to another.
        tasks: Labels by task, then by source.
        tags: Splits, slices and other tags, in the order of the line.
    """

    id: str | None = None
    payloads: dict[str, Any] | None = None
    tasks: dict[str, dict[str, Any]] = {}
    tags: list[str] = []


class Member(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """One member of a set that points into no sequence."""

    id: str


class RangedMember(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """One member of a set that points into a sequence; without a range it points nowhere."""

    id: str
    range: tuple[int, int] | msgspec.UnsetType | None = msgspec.UNSET


def member_index(text: str) -> int:
    """The member that a key names, in a set written as an object or a soft `select` label; -1 where it is no index.

    Example:
        >>> member_index("12"), member_index("01"), member_index("x")
        (12, -1, -1)
    """
    if text.isascii() and text.isdigit() and (text == "0" or text[0] != "0"):
        return int(text) if len(text) < len(str(HIGHEST_INDEX)) else HIGHEST_INDEX
    return -1
