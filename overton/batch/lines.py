"""The lines of a piece: those that begin within its range of bytes, some thousands at a time.

Where a piece does not begin its input, reading begins a byte before it: what stands there up to the first line end
belongs to the piece before, which reads its last line to the end. So every line is in one piece, wherever the cuts are.
"""

from codecs import BOM_UTF8
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from overton.base import OvertonError
from overton.batch.plan import WHOLE, Piece

LONGEST = 1 << 26  # bytes of a line
CHUNK_LINES, CHUNK_BYTES = 4096, 1 << 22  # read at a time; the same for everyone, since batches are made within


@dataclass(frozen=True, slots=True)
class Lines:
    """Some lines of a piece, blank ones left out.

    Attributes:
        lines: Their bytes, without line ends.
        numbers: The number of each in its input, from 1.
        too_long: Numbers of lines that are longer than any may be, and were not kept.
        n_bytes: How many bytes of the input they are.
        next: The number of the line behind them.
    """

    lines: list[bytes]
    numbers: list[int]
    too_long: list[int]
    n_bytes: int
    next: int


def read_lines(contents: Iterable[bytes], piece: Piece) -> Iterator[Lines]:
    """The lines of a piece.

    Args:
        contents: What the input holds from the byte before the piece on, or from its begin where that is its first.
        piece: The piece.

    Raises:
        OvertonError: Where the input cannot be read on: behind the last whole line before that.
    """
    lines: list[bytes] = []
    numbers: list[int] = []
    too_long: list[int] = []
    n_bytes = size = number = 0
    broken: OvertonError | None = None
    try:
        for number, line, length in _lines(contents, piece):
            n_bytes += length
            if line is None:
                too_long.append(number)
            elif line and not line.isspace():
                lines.append(line)
                numbers.append(number)
                size += length
            if len(lines) == CHUNK_LINES or size >= CHUNK_BYTES:
                yield Lines(lines, numbers, too_long, n_bytes, number + 1)
                lines, numbers, too_long, n_bytes, size = [], [], [], 0, 0
    except OvertonError as error:
        broken = error
    if lines or too_long or n_bytes:
        yield Lines(lines, numbers, too_long, n_bytes, number + 1)
    if broken:
        raise broken


def _lines(contents: Iterable[bytes], piece: Piece) -> Iterator[tuple[int, bytes | None, int]]:
    """Number, bytes and length of each line; None for the bytes of one that is too long."""
    number, place = piece.newlines + 1, max(piece.begin - 1, 0)  # `place` is where the line begins
    is_mine, is_first = piece.begin == 0, piece.begin == 0
    rest: list[bytes] = []  # parts of a line that is not over: put together once, not with every part
    held = dropped = 0
    for content in contents:
        if is_first and content.startswith(BOM_UTF8):
            content, place = content[len(BOM_UTF8) :], place + len(BOM_UTF8)
        is_first = False
        rest.append(content)
        held += len(content)
        whole: list[bytes] = []
        if b"\n" in content:
            *whole, last = b"".join(rest).split(b"\n")
            rest, held = [last], len(last)
        for line in whole:
            if is_mine:
                if piece.end != WHOLE and place >= piece.end:
                    return
                yield number, line if dropped + len(line) <= LONGEST else None, dropped + len(line) + 1
            place += dropped + len(line) + 1
            number, is_mine, dropped = number + 1, True, 0
        if held > LONGEST:
            rest, held, dropped = [], 0, dropped + held
    if is_mine and (held or dropped) and (piece.end == WHOLE or place < piece.end):
        yield number, b"".join(rest) if dropped + held <= LONGEST else None, dropped + held
