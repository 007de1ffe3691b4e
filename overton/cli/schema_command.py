"""`overton schema`: print a schema as Overton understands it, or the JSON Schemas of our file formats."""

import argparse
from typing import TYPE_CHECKING, Any

from overton.cli import console

if TYPE_CHECKING:
    from overton.application import Application

HELP = "print an application's schema, or the JSON Schemas of the file formats for an editor"
EXAMPLE = "  overton schema demo\n  overton schema --json-schema record > record.schema.json"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    console.add_app(parser, optional=True)
    parser.add_argument(
        "--json-schema",
        choices=("schema", "record", "tuning", "gate"),
        nargs="?",
        const="schema",
        metavar="FORMAT",
        help="JSON Schema of a format: schema (default), record (with APP, of its own records), tuning or gate",
    )


def run(options: argparse.Namespace) -> int:
    """Print."""
    from overton.application import load

    if options.json_schema:
        console.write_json(json_schema_of(options.json_schema, load(options.app) if options.app else None))
        return 0
    if options.app is None:
        console.note("overton schema: name an application, or --json-schema")
        return 2
    console.write_json(load(options.app).schema.to_json())
    return 0


def json_schema_of(name: str, application: "Application | None" = None) -> dict[str, Any]:
    """The JSON Schema of `schema`, `record`, `tuning` or `gate`; of an application's own records where it is given."""
    from overton.compile import tuning_json_schema
    from overton.data import record_json_schema
    from overton.evaluate import gate_json_schema
    from overton.schema import json_schema

    schema = application.schema if application else None
    if name == "record":
        return record_json_schema(schema)
    return {"schema": json_schema, "tuning": tuning_json_schema, "gate": gate_json_schema}[name]()
