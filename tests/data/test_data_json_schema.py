import json
from pathlib import Path

import overton.data
from overton.data import record_json_schema
from overton.schema import parse_schema

PUBLISHED = Path(overton.data.__file__).parent / "record.schema.json"


def test_the_published_file_is_in_step(update_golden):
    text = json.dumps(record_json_schema(), indent=2, ensure_ascii=False) + "\n"
    if update_golden:
        PUBLISHED.write_text(text, encoding="utf-8")
    assert PUBLISHED.read_text(encoding="utf-8") == text


def test_the_tasks_of_an_application_are_named_in_its_own_form():
    schema = parse_schema(
        '{"payloads": {"q": {"type": "singleton"}},'
        ' "tasks": {"Intent": {"payload": "q", "type": "multiclass", "classes": ["a", "b"]}}}'
    )
    text = json.dumps(record_json_schema(schema))
    assert '"Intent"' in text
    assert '"a"' in text
