"""Lines to records, one at a time: for requests, and for reading data files as records."""

from typing import Any

from overton.base import OvertonError, Problem
from overton.data.encode.decoder import UNDECODABLE, line_decoder
from overton.data.faults.line import line_faults
from overton.data.plain import PlainCheck
from overton.data.record import Record
from overton.schema import Schema


class RecordParser:
    """Parses lines of a data file of one schema.

    Args:
        schema: What a record should be.
        closed: A record must stand for itself, as in a request: one without payloads is refused. It is there to be
            predicted from, so that its labels may name classes that the schema, of an older version, does not have.
    """

    def __init__(self, schema: Schema, *, closed: bool = False) -> None:
        schema = schema.without_classes() if closed else schema
        self._schema = schema
        self._closed = closed
        self._decode = line_decoder(schema).decode
        self._plain = PlainCheck(schema)

    def parse(self, line: bytes) -> Record:
        """The record of a line.

        Raises:
            OvertonError: With every fault of the line.
        """
        found: Any = None
        try:
            found = self._decode(line)
            is_plain = self._plain.is_plain(found, line)
        except UNDECODABLE:
            is_plain = False
        if not is_plain:
            problems = self.faults(line)
            if problems:
                raise OvertonError(problems)
        payloads = found.payloads if isinstance(found.payloads, dict) else None
        return Record(found.id or None, payloads, found.tasks or {}, found.tags or [])

    def faults(self, line: bytes, path: str = "", line_number: int = 0) -> list[Problem]:
        """Every fault of a line.

        Args:
            line: The line.
            path: Its file, for messages.
            line_number: Its number there.
        """
        return line_faults(line, self._schema, path, line_number, closed=self._closed)
