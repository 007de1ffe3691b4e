"""Where the values of a JSON text stand: its lines by JSON path, and the keys that stand twice."""

import re
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from json import JSONDecodeError, loads

TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\]:,]|[^\s{}\[\]:,"]+')
PLAIN_KEY = re.compile(r"[A-Za-z_$][A-Za-z0-9_$-]*")


@dataclass(frozen=True, slots=True)
class Positions:
    """Lines of a JSON text.

    Attributes:
        lines: Line, from 1, of the key or item at each JSON path; of a key that stands twice, the first.
        duplicates: Path and line of every key that an object already has.
    """

    lines: Mapping[str, int]
    duplicates: tuple[tuple[str, int], ...]


def json_path(parts: Iterable[str | int]) -> str:
    """The JSON path of a value.

    Example:
        >>> json_path(["payloads", "query", "base", 0])
        '$.payloads.query.base[0]'
        >>> json_path(["tasks", "a.b"])
        "$.tasks['a.b']"
    """
    return "$" + "".join(_step(part) for part in parts)


def locate_json(text: str) -> Positions:
    r"""The lines of a text that is valid JSON.

    Example:
        >>> locate_json('{"a": 1,\n "b": [2,\n 3]}').lines
        {'$': 1, '$.a': 1, '$.b': 2, '$.b[0]': 2, '$.b[1]': 3}
    """
    newlines = [match.start() for match in re.finditer("\n", text)]
    lines: dict[str, int] = {}
    duplicates: list[tuple[str, int]] = []
    open_paths: list[str] = []  # of the objects and lists around the token
    indexes: list[int] = []  # next index of each of them; -1 for an object
    keys: list[set[str]] = []  # keys that each of them has so far
    here = "$"  # path of the value that comes next
    for token in TOKEN.finditer(text):
        word, line = token.group(), bisect_right(newlines, token.start()) + 1
        expects_key = bool(indexes) and indexes[-1] < 0 and here == open_paths[-1]
        if word in "]}":
            open_paths.pop()
            indexes.pop()
            keys.pop()
        elif word == ",":
            here = open_paths[-1]
        elif expects_key:
            here = open_paths[-1] + _step(loads(word))
            if here in keys[-1]:
                duplicates.append((here, line))
            keys[-1].add(here)
            lines.setdefault(here, line)
        elif word != ":":
            if indexes and indexes[-1] >= 0:
                here = f"{open_paths[-1]}[{indexes[-1]}]"
                indexes[-1] += 1
            lines.setdefault(here, line)
            if word in "[{":
                open_paths.append(here)
                indexes.append(0 if word == "[" else -1)
                keys.append(set())
    return Positions(lines, tuple(duplicates))


def json_fault(error: JSONDecodeError) -> tuple[str, int]:
    """What keeps a text from being JSON, in the same words in every version of Python, and the offset where.

    Python 3.13 tells of a comma before a closing bracket where others tell of the bracket.

    Example:
        >>> try:
        ...     loads('{"a": [1, ]}')
        ... except JSONDecodeError as error:
        ...     json_fault(error)
        ('a comma before a closing bracket', 8)
    """
    before = error.doc[: error.pos].rstrip()
    if error.doc[error.pos : error.pos + 1] in ("]", "}") and before.endswith(","):
        return "a comma before a closing bracket", len(before) - 1
    if error.msg.startswith("Illegal trailing comma"):
        return "a comma before a closing bracket", error.pos
    return error.msg[:1].lower() + error.msg[1:], error.pos


def _step(part: str | int) -> str:
    if isinstance(part, int):
        return f"[{part}]"
    return f".{part}" if PLAIN_KEY.fullmatch(part) else f"[{part!r}]"
