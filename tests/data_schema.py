"""A schema with all seven kinds of task and every kind of payload, for the tests of data."""

import json

from overton.schema import parse_schema

DECLARED = {
    "payloads": {
        "tokens": {"type": "sequence", "max_length": 4},
        "query": {"type": "singleton", "base": ["tokens"]},
        "entities": {"type": "set", "range": "tokens", "max_length": 3},
        "labels": {"type": "set"},
        "title": {"type": "singleton", "max_length": 5},
    },
    "tasks": {
        "POS": {"payload": "tokens", "type": "multiclass"},
        "Type": {"payload": "tokens", "type": "bitvector", "classes": ["k", "l", "m"]},
        "Intent": {"payload": "query", "type": "multiclass", "classes": ["age", "height"]},
        "Topics": {"payload": "title", "type": "bitvector", "classes": ["x", "y"]},
        "Kind": {"payload": "entities", "type": "multiclass"},
        "Bits": {"payload": "entities", "type": "bitvector"},
        "Arg": {"payload": "entities", "type": "select"},
    },
}
SCHEMA = parse_schema(json.dumps(DECLARED))
