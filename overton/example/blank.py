"""The application to start from: a small schema and a few records, each there to be replaced."""

import json

from overton.example.application import ExampleApplication

SCHEMA = """\
{
  "payloads": {
    "tokens": {"type": "sequence", "max_length": 64},
    "query":  {"type": "singleton", "base": ["tokens"]}
  },
  "tasks": {
    "Topic": {"payload": "query", "type": "multiclass"}
  }
}
"""

README = """\
# A new application

- `schema.json` says what the model computes: here one task, the topic of a query.
- `data/records.jsonl` has one record a line: what came in (`payloads`), what each source says (`tasks`), and `tags`.
  `rules` and `annotator` are sources, and you choose their names. `gold` is the truth to evaluate against.

Put your own tasks and records in their place, then:

    overton check .      every fault of schema and data, with its line
    overton sources .    how far the sources cover the data, agree and are right
    overton build .      combine the sources, train, evaluate, keep a version
    overton report .     quality by task, tag and slice

`overton init DIR --example factoid` writes a larger application to look around in.
"""

# Split, query, what the rules say (empty where they say nothing), and the topic.
RECORDS = (
    ("train", "will it rain in oslo tomorrow", "weather", "weather"),
    ("train", "how cold is it outside", "", "weather"),
    ("train", "is there snow on the road to bergen", "weather", "weather"),
    ("train", "wake me at seven", "alarm", "alarm"),
    ("train", "cancel my alarm for monday", "alarm", "alarm"),
    ("train", "set a timer for the rain to stop", "weather", "alarm"),
    ("train", "play some jazz", "music", "music"),
    ("train", "turn the music up", "music", "music"),
    ("train", "what is this song", "", "music"),
    ("dev", "do i need an umbrella today", "", "weather"),
    ("dev", "wake me when the music stops", "music", "alarm"),
    ("dev", "play purple rain", "weather", "music"),
    ("test", "is it sunny in rome", "", "weather"),
    ("test", "remind me in ten minutes", "", "alarm"),
    ("test", "play the next song", "music", "music"),
)


def blank(n_records: int = 0, seed: int = 0) -> ExampleApplication:
    """The blank application. It is the same for every number of records and every seed."""
    lines = [_render(place, *record) for place, record in enumerate(RECORDS, start=1)]
    return ExampleApplication({"schema.json": SCHEMA, "README.md": README, "data/records.jsonl": "".join(lines)})


def _render(place: int, split: str, query: str, rules: str, topic: str) -> str:
    labels = {"rules": rules or None, "gold" if split != "train" else "annotator": topic}
    record = {
        "id": f"example-{place}",
        "payloads": {"tokens": query.split(), "query": query},
        "tasks": {"Topic": {source: label for source, label in labels.items() if label}},
        "tags": [split],
    }
    return json.dumps(record) + "\n"
