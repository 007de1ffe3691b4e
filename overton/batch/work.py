"""The work on one piece: its lines read, its shard made and created; what went wrong is told beside it.

A shard gets its name last: by then its errors and its counts are told in files of their own. Where a shard is, all is.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from typing import IO, Any

import msgspec

from overton.base import Event, Observe, OvertonError, Problem, count_of
from overton.batch.files import Output, opened
from overton.batch.lines import LONGEST, Lines, read_lines
from overton.batch.plan import COUNTED, WHOLE, Piece, Plan
from overton.batch.sinks import Sink
from overton.data import BadLine, LineReader, Records, without_collection
from overton.schema import Schema

ERRORS, DONE = "_errors", "_done"


@dataclass(frozen=True, slots=True)
class Counts:
    """What became of some lines.

    Attributes:
        records: Good lines with payloads: those that something is made of.
        errors: Lines that are not in the output, each told in a side file with its reason.
        bytes: Bytes of input, uncompressed.
        empty: Good lines with payloads of which no task could be predicted.
        amending: Good lines without payloads, which only add labels or tags to other records.
    """

    records: int = 0
    errors: int = 0
    bytes: int = 0
    empty: int = 0
    amending: int = 0

    def __add__(self, other: "Counts") -> "Counts":
        """Both together."""
        return Counts(
            self.records + other.records,
            self.errors + other.errors,
            self.bytes + other.bytes,
            self.empty + other.empty,
            self.amending + other.amending,
        )

    @property
    def remarks(self) -> str:
        """What was there that nothing could be made of, in words; empty where all is well."""
        empty = [f"{count_of(self.empty, 'record')} had nothing to predict from"] if self.empty else []
        amending = [f"{count_of(self.amending, 'line')} only for other records"] if self.amending else []
        return "; ".join(empty + amending)


@dataclass(frozen=True, slots=True)
class Made:
    """What was made of some records.

    Attributes:
        parts: What a sink takes, part by part; it may be made only when it is asked for.
        empty: How many of them had nothing to predict from.
    """

    parts: Iterable[Any]
    empty: int = 0


@dataclass(frozen=True)
class Verb:
    """What is made of records.

    Attributes:
        schema: What a record should be.
        make: What is written for some records, of them and what ids of records without one begin with.
        sink: Opens a file to take it.
    """

    schema: Schema
    make: Callable[[Records, str], Made]
    sink: Callable[[IO[bytes]], AbstractContextManager[Sink]]


def make_work(plan: Plan, output: str, verb: Callable[[], Verb]) -> Callable[[Piece, Observe], Counts]:
    """The work on the pieces of a plan, for an engine.

    Args:
        plan: The plan.
        output: Where shards go.
        verb: Makes what is made of records; called once.
    """
    made, place = verb(), Output(output)
    reader = LineReader(made.schema)

    def work(piece: Piece, observe: Observe) -> Counts:
        return _make_shard(plan, piece, made, reader, place, observe)

    return work


def shard_name(plan: Plan, piece: Piece) -> str:
    """Name of the shard of a piece."""
    return COUNTED.format(name=piece.name) if plan.asked.words else f"{piece.name}.{plan.asked.format}"


def done_before(plan: Plan, output: Output, there: set[str], piece: Piece) -> Counts | None:
    """What became of a piece whose shard is there already; None where it is not.

    Raises:
        OvertonError: Where the shard is there, but not what was counted of it.
    """
    if shard_name(plan, piece) not in there:
        return None
    told = output.read(f"{DONE}/{piece.name}.json")
    try:
        return msgspec.json.decode(told or b"", type=Counts)
    except msgspec.MsgspecError:
        hint = "Remove the shard, and it is made again"
        message = f"the shard {shard_name(plan, piece)} is there, but not what was counted of it"
        raise OvertonError(Problem(message, "batch.damaged-output", output.text, hint=hint)) from None


def _make_shard(plan: Plan, piece: Piece, verb: Verb, reader: LineReader, output: Output, observe: Observe) -> Counts:
    one, counts, n_read = plan.inputs[piece.input], Counts(), 0
    with output.creating(shard_name(plan, piece)) as draft, without_collection():
        errors = _errors(output, f"{ERRORS}/{piece.name}.errors.jsonl")
        with errors as tell, verb.sink(draft.file) as write:
            for lines, n_read, broken in _read(plan, piece):
                records = reader.read(lines.lines, lines.numbers, one.name)
                made = verb.make(records, one.name) if records.lines else None
                for part in made.parts if made else ():
                    write(part)
                bad = [*records.bad, *_too_long(lines, one.name), *broken]
                tell(sorted(bad, key=lambda line: line.number))
                counts += Counts(errors=len(bad), bytes=lines.n_bytes) + counts_of(records, made)
                observe(_told(plan, piece, counts, n_read))
        output.create(f"{DONE}/{piece.name}.json", msgspec.json.encode(counts) + b"\n")
    observe(_told(plan, piece, counts, n_read))
    return counts


def _told(plan: Plan, piece: Piece, counts: Counts, n_read: int) -> Event:
    """What became of a piece so far, and how many bytes of its input were read for it, as they lie there."""
    return Event(plan.asked.verb, values={"piece": piece.name, "counts": counts, "read": n_read})


def counts_of(records: Records, made: Made | None) -> Counts:
    """What became of some good lines."""
    return Counts(records.n_rows, empty=made.empty if made else 0, amending=len(records.lines) - records.n_rows)


@contextmanager
def _errors(output: Output, name: str) -> Iterator[Callable[[Sequence[BadLine]], None]]:
    """Writes bad lines to a side file, as they come: of a file of another schema every line is one.

    The file gets its name when the block ends well; there is none where no line is bad.
    """
    with ExitStack() as until_told:
        file: IO[bytes] | None = None

        def tell(bad: Sequence[BadLine]) -> None:
            nonlocal file
            if not bad:
                return
            if file is None:
                file = until_told.enter_context(output.creating(name)).file
            file.writelines(line.render() for line in bad)

        yield tell


def _read(plan: Plan, piece: Piece) -> Iterator[tuple[Lines, int, list[BadLine]]]:
    """The lines of a piece, and how many bytes were read by then of what the plan has as its size.

    Where the input cannot be read on, that is an error behind the last line before it.
    """
    one, number, n_read = plan.inputs[piece.input], piece.newlines + 1, 0
    try:
        with opened(one, piece) as contents:
            for lines in read_lines(contents, piece):
                n_read = contents.position() if piece.end == WHOLE else n_read + lines.n_bytes
                yield lines, n_read, []
                number = lines.next
    except OvertonError as error:
        if any(problem.code != "data.unreadable" for problem in error.problems):
            raise
        yield Lines([], [], [], 0, number), n_read, [BadLine(one.name, number, b"", error.problems)]


def _too_long(lines: Lines, name: str) -> list[BadLine]:
    message = f"the line has more than {LONGEST:,} bytes"
    return [
        BadLine(name, number, b"", (Problem(message, "record.too-long", name, number),)) for number in lines.too_long
    ]


def faults_of(records: Records) -> Iterator[Problem]:
    """The faults of the lines that have any, in the order of the lines."""
    for line in sorted(records.bad, key=lambda one: one.number):
        yield from line.problems
