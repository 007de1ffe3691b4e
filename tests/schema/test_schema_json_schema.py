import json
from pathlib import Path

import overton.schema
from overton.schema import PAYLOAD_TYPES, TASK_TYPES, json_schema
from overton.schema.keys import PAYLOAD_KEYS, TASK_KEYS

PUBLISHED = Path(overton.schema.__file__).parent / "schema.schema.json"


def test_the_published_file_is_in_step(update_golden):
    text = json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"
    if update_golden:
        PUBLISHED.write_text(text, encoding="utf-8")
    assert PUBLISHED.read_text(encoding="utf-8") == text


def test_every_key_is_described():
    sections = json_schema()["properties"]
    for section, keys in (("payloads", PAYLOAD_KEYS), ("tasks", TASK_KEYS)):
        properties = sections[section]["additionalProperties"]["properties"]
        assert list(properties) == list(keys)
        assert all(value["description"].endswith(".") for value in properties.values())


def test_the_types_are_those_that_exist():
    sections = json_schema()["properties"]
    for section, types in (("payloads", PAYLOAD_TYPES), ("tasks", TASK_TYPES)):
        entry = sections[section]["additionalProperties"]
        assert entry["properties"]["type"]["enum"] == list(types)
        assert "type" in entry["required"]
