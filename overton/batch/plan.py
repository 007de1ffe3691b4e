"""What a batch run does, pinned before it begins: which version, which inputs, and how they are cut into pieces.

A piece is an input file, or some of its bytes where it can be cut, and makes one shard of the output. Its name comes
from its input and its number there, and from nothing else, so that whoever does a piece again makes the same shard.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import msgspec

from overton.base import OvertonError, Problem, digest_bytes

FORMAT = 1
PREDICT, EMBED = "predict", "embed"
COMPRESSED = (".gz", ".zst")
COUNTED = "_words/{name}.jsonl"  # the counted strings of a piece, which readers of folders pass over
UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")
ENDING = re.compile(r"\.jsonl(\.gz|\.zst)?$")
LONGEST_STEM = 100
HIDDEN = "-._"  # no shard begins with these: readers of folders pass over what does
WHOLE = -1  # the end of a piece that is read to its end, however long that is


@dataclass(frozen=True, slots=True)
class Input:
    """A data file to read.

    Attributes:
        name: How it was named: what messages, and ids of records that have none, tell.
        place: An absolute path or a URL.
        size: Its bytes.
        stamp: What shows that it has changed: its time of change, or what an object store tells of its content.
    """

    name: str
    place: str
    size: int
    stamp: str


@dataclass(frozen=True, slots=True)
class Piece:
    """Some lines of an input: those that begin within a range of its bytes.

    Attributes:
        name: Of its shard, without an ending.
        input: Number of its input.
        begin: First byte of the range.
        end: The byte behind its last; `WHOLE` for a compressed file.
        newlines: Line ends that the input has before the byte before `begin`; -1 where nobody has counted.
    """

    name: str
    input: int
    begin: int
    end: int
    newlines: int = 0


@dataclass(frozen=True, slots=True)
class Asked:
    """What is wanted of every record.

    Attributes:
        verb: `predict` or `embed`.
        version: Id of the version.
        format: How shards are written, as `overton.batch.sinks` names it.
        probabilities: Of predictions: class -> probability in place of labels.
        payload: Of embeddings: whose.
        shard_bytes: Most bytes of an input that make one shard.
        words: Of embeddings: of each different string by itself. Shards are counts, and one file is made of them.
        least: Of words: how often one must be there.
    """

    verb: str
    version: str
    format: str
    probabilities: bool = False
    payload: str = ""
    shard_bytes: int = 0
    words: bool = False
    least: int = 1


@dataclass(frozen=True, slots=True)
class Plan:
    """What is wanted, of which inputs, in which pieces."""

    asked: Asked
    inputs: tuple[Input, ...]
    pieces: tuple[Piece, ...]

    def to_json(self) -> bytes:
        """The content of `_plan.json`."""
        value = {
            "format": FORMAT,
            "asked": asdict(self.asked),
            "inputs": [asdict(one) for one in self.inputs],
            "pieces": [[one.name, one.input, one.begin, one.end, one.newlines] for one in self.pieces],
        }
        return msgspec.json.encode(value) + b"\n"

    def size(self, piece: Piece) -> int:
        """Bytes of the input that a piece reads."""
        return (self.inputs[piece.input].size if piece.end == WHOLE else piece.end) - piece.begin

    def differences(self, other: "Plan") -> list[str]:
        """What another plan wants that this one does not, in words; how lines are counted aside."""
        ours, theirs = asdict(self.asked), asdict(other.asked)
        told = [f"{key} {ours[key]!r}, not {theirs[key]!r}" for key in ours if ours[key] != theirs[key]]
        by_place = {one.place: one for one in self.inputs}
        for one in other.inputs:
            known = by_place.pop(one.place, None)
            if known is None:
                told.append(f"{one.name} is not among its inputs")
            elif (known.size, known.stamp) != (one.size, one.stamp):
                told.append(f"{one.name} has changed since")
            elif known.name != one.name:  # which names its shards, and records that have no id
                told.append(f"{known.name} is named {one.name} now")
        told += [f"{one.name} is among its inputs" for one in by_place.values()]
        if not told and [replace(one, newlines=0) for one in self.pieces] != [
            replace(one, newlines=0) for one in other.pieces
        ]:
            told.append("its inputs are cut in another way")
        return told


def make_plan(asked: Asked, inputs: Sequence[Input]) -> Plan:
    """Cut inputs into pieces; lines before those that are not the first of their input are still to be counted."""
    pieces = []
    for number, (one, stem) in enumerate(zip(inputs, _stems(inputs), strict=True)):
        whole = one.name.endswith(COMPRESSED) or one.size <= asked.shard_bytes
        for part, begin in enumerate([0] if whole else range(0, one.size, asked.shard_bytes)):
            end = WHOLE if one.name.endswith(COMPRESSED) else min(begin + asked.shard_bytes, one.size)
            end = one.size if whole and end != WHOLE else end
            pieces.append(Piece(f"{stem}-{part:05}", number, begin, end, -1 if begin else 0))
    return Plan(asked, tuple(inputs), tuple(pieces))


def parse_plan(content: bytes, path: str = "") -> Plan:
    """The plan that a `_plan.json` holds.

    Raises:
        OvertonError: Where it holds none.
    """
    try:
        value: Mapping[str, Any] = msgspec.json.decode(content)
        if value["format"] != FORMAT:
            raise ValueError(f"it has format {value['format']}; this Overton reads format {FORMAT}")
        return Plan(
            asked=msgspec.convert(value["asked"], Asked),
            inputs=msgspec.convert(value["inputs"], tuple[Input, ...]),
            pieces=tuple(Piece(*msgspec.convert(one, tuple[str, int, int, int, int])) for one in value["pieces"]),
        )
    except (msgspec.MsgspecError, KeyError, TypeError, ValueError) as error:
        hint = "Name another folder, or use the Overton that wrote it"
        raise OvertonError(
            Problem(f"the plan of this output cannot be read: {error}", "batch.bad-plan", path, hint=hint)
        ) from None


def _stems(inputs: Sequence[Input]) -> list[str]:
    """How the shards of each input begin: its name made safe, and a digest of its place where that is not enough."""
    plain = [UNSAFE.sub("-", ENDING.sub("", one.name.strip("/.").replace("/", "."))) for one in inputs]
    plain = [stem.lstrip(HIDDEN).rstrip("-.") for stem in plain]
    often = {stem: plain.count(stem) for stem in set(plain)} if len(set(plain)) < len(plain) else {}
    return [
        stem
        if often.get(stem, 1) == 1 and 0 < len(stem) <= LONGEST_STEM
        else f"{stem[:LONGEST_STEM]}-{_short(one.place)}"
        for stem, one in zip(plain, inputs, strict=True)
    ]


def _short(place: str) -> str:
    return digest_bytes(place.encode())[:8]
