"""Lines to records, one at a time: for requests, and for reading data files as records."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import msgspec

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

    def parse_values(self, values: object) -> list[Record]:
        """The records of JSON values, as they are given from Python.

        Args:
            values: A list of them, or whatever else gives one after the other.

        Raises:
            OvertonError: Where it is a single record or a frame; with every fault of every record, by its number.
        """
        if isinstance(values, Mapping | str | bytes) or not isinstance(values, Iterable) or hasattr(values, "columns"):
            hint = "Put a single record into a list; turn the rows of a frame into records first"
            message = f"expected a list of records, got a value of type {type(values).__name__}"
            raise OvertonError(Problem(message, "record.not-a-list", hint=hint))
        records: list[Record] = []
        problems: list[Problem] = []
        for number, value in enumerate(values):
            try:
                records.append(self.parse(msgspec.json.encode(value, enc_hook=_as_list)))
            except OvertonError as error:
                problems += [replace(problem, path=f"records[{number}]") for problem in error.problems]
            except (TypeError, UnicodeEncodeError) as error:
                told = str(error)[:1].lower() + str(error)[1:]
                problems.append(Problem(f"not a JSON value: {told}", "record.bad-json", path=f"records[{number}]"))
        if problems:
            raise OvertonError(problems)
        return records

    def faults(self, line: bytes, path: str = "", line_number: int = 0) -> list[Problem]:
        """Every fault of a line.

        Args:
            line: The line.
            path: Its file, for messages.
            line_number: Its number there.
        """
        return line_faults(line, self._schema, path, line_number, closed=self._closed)


def _as_list(value: Any) -> Any:
    """An array or number of numpy as JSON has it, as where the rows of a frame become records."""
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"a value of type {type(value).__name__}")
