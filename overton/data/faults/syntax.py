"""The faults that a line has before any schema is asked: bytes that are no text, text that is no JSON, and so on."""

import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec

from overton.base import Problem, json_fault, json_path, writable

Path = tuple[str | int, ...]
_VALUES = re.compile(r"'[^']*'|[\d.,]+|\[.*\]|\{.*\}")
MOST_FAULTS = 1_000
_CONSTANTS = ("NaN", "Infinity", "-Infinity")
_SHORT = 40  # characters of a value that are shown


class TooManyFaults(Exception):  # noqa: N818
    """Raised to leave a line that has more faults than anybody reads."""


@dataclass(slots=True)
class Faults:
    """Collects the faults of one line, at most `MOST_FAULTS`: a line of a megabyte could have half a million.

    Attributes:
        path: File of the line.
        line: Its number.
        found: The faults so far.
    """

    path: str
    line: int
    found: list[Problem] = field(default_factory=list)

    def add(self, code: str, at: Path, message: str, hint: str = "", kind: str = "") -> None:
        """Add a fault.

        Args:
            code: Its code.
            at: Keys and indexes that lead to the value; empty for the line as a whole.
            message: What was seen and what was expected.
            hint: What to do.
            kind: What makes it one of many; where empty the task or payload and the message without its values.

        Raises:
            TooManyFaults: This one and those before it are enough.
        """
        where = json_path(at) if at else ""
        self.found.append(
            Problem(
                writable(message),
                code,
                self.path,
                self.line,
                where,
                writable(hint),
                writable(kind or ".".join(map(str, at[:2])) + _VALUES.sub("", message)),
            )
        )
        if len(self.found) >= MOST_FAULTS:
            raise TooManyFaults


@dataclass(frozen=True, slots=True)
class Wrong:
    """Stands for a value whose fault is told already, such as NaN."""

    text: str


class _Object(dict[str, Any]):
    """An object that remembers which keys stood twice."""

    __slots__ = ("repeated",)

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        self.repeated: list[str] = []
        if len(self) < len(pairs):
            seen: set[str] = set()
            for key, _ in pairs:
                if key in seen and key not in self.repeated:
                    self.repeated.append(key)
                seen.add(key)


_OF_A_LIST = ("[", "]", "],")
_NO_OBJECT = "A record is one JSON object on one line"
_NO_LIST = "Write one record a line, with no brackets around and no commas between them, as `jq -c '.[]'` does"


def parse_json(line: bytes, faults: Faults) -> Any:
    """The JSON value of a line, its faults told; None where nothing can be made of it.

    NaN, the infinities and numbers out of range become `Wrong`; of a key that stands twice the last counts, as
    everywhere.
    """
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError as error:
        byte = line[error.start]
        hint = "Save the file as UTF-8" + ("; this one looks like UTF-16" if b"\x00" in line else "")
        faults.add(
            "record.not-utf8", (), f"byte {error.start + 1} of the line is {byte:#04x}, which is not UTF-8", hint
        )
        return None
    try:
        value = json.loads(text, object_pairs_hook=_Object, parse_constant=Wrong, parse_float=_number)
        oddities = list(_walk(value, ()))
    except json.JSONDecodeError as error:
        _add_syntax(text, error, faults)
        return None
    except RecursionError:
        faults.add("record.bad-json", (), "objects or lists are nested too deeply")
        return None
    except ValueError as error:  # a number of thousands of digits
        faults.add("record.bad-json", (), f"not JSON that can be read: {error}")
        return None
    for at, odd in oddities:
        if isinstance(odd, Wrong) and odd.text in _CONSTANTS:
            faults.add("record.nan", at, f"{odd.text} is not JSON", "Write null where there is no value")
        elif isinstance(odd, Wrong):
            faults.add(
                "record.bad-json", at, f"not JSON that can be read: the number {odd.text[:_SHORT]} is out of range"
            )
        else:
            faults.add(
                "record.duplicate-key", at, f"the key {at[-1]!r} appears twice", "Keep one of the two", str(at[-2:])
            )
    if not faults.found:
        _add_strict(line, faults)
    return value if isinstance(value, dict) else _not_object(value, faults)


def _number(text: str) -> Any:
    value = float(text)
    return Wrong(text) if math.isinf(value) else value


def _not_object(value: Any, faults: Faults) -> None:
    is_list = isinstance(value, list) and any(isinstance(one, dict) for one in value)
    hint = _NO_LIST if is_list else _NO_OBJECT
    faults.add("record.bad-json", (), f"expected an object, got {show(value)}", hint, "list" if is_list else "")


def _add_syntax(text: str, error: json.JSONDecodeError, faults: Faults) -> None:
    if text.strip() in _OF_A_LIST or (error.msg.startswith("Extra data") and text[error.pos :].strip() == ","):
        faults.add("record.bad-json", (), "the records of this file stand in a list", _NO_LIST, "list")
        return
    ends_early = error.pos >= len(text.rstrip()) or error.msg.startswith("Unterminated string")
    if ends_early:
        hint = "Was the file cut off? A record stands on one line, without line breaks inside"
        faults.add("record.truncated", (), "the line ends in the middle of the record", hint)
    else:
        message, at = json_fault(error)
        seen = text[max(at - 12, 0) : at + 12]
        hint = "" if text.lstrip()[:1] in ("{", "[") else _NO_OBJECT
        faults.add("record.bad-json", (), f"not JSON: {message} at column {at + 1}, near {seen!r}", hint)


def _add_strict(line: bytes, faults: Faults) -> None:
    """What Python's reader lets pass and the decoder of records does not: half characters, numbers out of range."""
    try:
        msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        is_half = "\\ud" in line.decode().lower()
        message = "a \\u escape is half of a character" if is_half else _small(str(error).partition(" - at ")[0])
        faults.add("record.bad-json", (), f"not JSON: {message}")


def _small(sentence: str) -> str:
    return sentence[:1].lower() + sentence[1:]


def _walk(value: Any, at: Path) -> Iterator[tuple[Path, Any]]:
    if isinstance(value, Wrong):
        yield at, value
    elif isinstance(value, _Object):
        for key in value.repeated:
            yield (*at, key), key
        for key, inner in value.items():
            yield from _walk(inner, (*at, key))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            if not isinstance(inner, str):
                yield from _walk(inner, (*at, number))


def show(value: Any) -> str:
    """A JSON value in the words of a message: small ones as they are, large ones by what they are."""
    if isinstance(value, str):
        return repr(value if len(value) <= _SHORT else value[: _SHORT - 3] + "...")
    try:
        text = as_json(value)
    except RecursionError:  # it could just be read
        text = ""
    if 0 < len(text) <= _SHORT:
        return text
    return (
        f"an object of {len(value)} keys"
        if isinstance(value, dict)
        else f"a list of {len(value)}"
        if isinstance(value, list)
        else text[:_SHORT]
    )


def as_json(value: Any) -> str:
    """A value as it would be written in a data file."""
    return json.dumps(value, ensure_ascii=False, default=lambda wrong: wrong.text)
