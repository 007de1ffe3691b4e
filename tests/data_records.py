"""Strategies that draw records of the schema of `data_schema`, right ones and wrong ones."""

import json
from itertools import pairwise

from hypothesis import strategies as st

from tests.data_schema import SCHEMA

SOURCES = ("gold", "r1", "crowd", "überprüft")
TAGS = ("lang:en", "slice:rare", "slice:long", "batch:1")
CLASSES = {"POS": ("N", "V", "X"), "Type": ("k", "l", "m"), "Intent": ("age", "height"), "Topics": ("x", "y")}
CLASSES |= {"Kind": ("p", "q"), "Bits": ("b1", "b2", "b3")}
words = st.sampled_from(["how", "tall", "is", "東京", "it", "?", '":', " :", "\\", '"', "", "é", "\u2028", "a b"])


@st.composite
def members(draw, n_tokens, *, ranged):
    member = {"id": draw(st.sampled_from(["Q1", "Q2", "Q3", "E_(x)"]))}
    if ranged and n_tokens and draw(st.booleans()):
        start = draw(st.integers(0, n_tokens - 1))
        member["range"] = [start, draw(st.integers(start + 1, n_tokens))]
    elif ranged and draw(st.booleans()):
        member["range"] = None
    return member


@st.composite
def payload_values(draw):
    tokens = draw(st.none() | st.lists(words, max_size=6))
    n_tokens = len(tokens or ())
    entities = draw(st.none() | st.lists(members(n_tokens, ranged=True), max_size=4))
    if entities is not None and draw(st.booleans()):
        entities = {str(number): member for number, member in enumerate(entities)}
    values = {
        "tokens": tokens,
        "query": draw(st.none() | st.text(max_size=8)),
        "entities": entities,
        "labels": draw(st.none() | st.lists(members(0, ranged=False), max_size=2)),
        "title": draw(st.none() | st.sampled_from(["", "A title.", "one two three four five six", "東京 9.5"])),
    }
    return {name: value for name, value in values.items() if value is not None or draw(st.booleans())}


def soft(names, *, adds_up):
    if adds_up:
        return st.sampled_from([0.25, 0.5]).map(lambda share: {names[0]: share, names[-1]: 1 - share})
    return st.dictionaries(st.sampled_from(names), st.sampled_from([0.0, 0.25, 0.75, 1.0]), max_size=2)


@st.composite
def label_values(draw, task, sizes):
    """A label of one source: for each unit of the record, or for the record as a whole."""
    size = sizes.get(task.payload)
    if task.type == "select":
        if not size:
            return None
        indexes = [str(number) for number in range(size)]
        choice = st.none() | st.integers(0, size - 1)
        return draw(choice | soft(indexes, adds_up=True) if size > 1 else choice)
    names = CLASSES[task.name]
    if task.type == "multiclass":
        one = st.none() | st.sampled_from(names) | soft(names, adds_up=True)
    else:
        one = st.none() | st.lists(st.sampled_from(names), max_size=3) | soft(names, adds_up=False)
    if SCHEMA.unit(task) == "record":
        return draw(one)
    if size is None:
        return None
    return draw(st.none() | st.lists(one, min_size=size, max_size=size))


@st.composite
def task_values(draw, sizes):
    tasks = {}
    for task in SCHEMA.tasks:
        if draw(st.booleans()):
            sources = draw(st.lists(st.sampled_from(SOURCES), unique=True, max_size=3))
            tasks[task.name] = {source: draw(label_values(task, sizes)) for source in sources}
    return tasks


def sizes_of(payloads):
    return {
        name: None if payloads.get(name) is None else len(payloads[name]) for name in ("tokens", "entities", "labels")
    }


@st.composite
def records(draw, number=0):
    payloads = draw(payload_values())
    split = draw(st.sampled_from([[], ["train"], ["dev"], ["test"]]))
    record = {
        "id": draw(st.sampled_from([f"r{number}", f"æ{number}", None])),
        "payloads": payloads,
        "tasks": draw(task_values(sizes_of(payloads))),
        "tags": split + draw(st.lists(st.sampled_from(TAGS), max_size=2)),
    }
    return {key: value for key, value in record.items() if value or key == "payloads"}


@st.composite
def data_sets(draw, max_files=3):
    """Some files: lists of records with payloads, and of records that add to them."""
    n = draw(st.integers(1, 6))
    every = [draw(records(number)) for number in range(n)]
    named = [record for record in every if record.get("id")]
    late = []
    for _ in range(draw(st.integers(0, 3)) if named else 0):
        record = draw(st.sampled_from(named))
        tasks = draw(task_values(sizes_of(record["payloads"])))
        late.append({"id": record["id"], "tasks": tasks, "tags": draw(st.lists(st.sampled_from(TAGS), max_size=1))})
    lines = draw(st.permutations(every + late))
    cuts = sorted(draw(st.lists(st.integers(0, len(lines)), max_size=max_files - 1)))
    bounds = [0, *cuts, len(lines)]
    return [lines[low:high] for low, high in pairwise(bounds)]


ODD = [
    None,
    True,
    0,
    1,
    -1,
    7,
    2.5,
    "",
    "x",
    "gold",
    [],
    ["x"],
    [["k"], 3],
    [0, 1],
    {},
    {"0": 1},
    {"age": 1.0},
    {"id": "A"},
]


@st.composite
def odd_lines(draw):
    """A line that is most often wrong: a right one in which something was put, taken or said twice."""
    record = draw(records())
    places = list(_places(record))
    holder, key = draw(st.sampled_from(places))
    action = draw(st.sampled_from(["put", "put", "add", "drop", "text"]))
    odd = draw(st.sampled_from(ODD))
    if action == "put":
        holder[key] = odd
    elif action == "add" and isinstance(holder, dict):
        holder[draw(st.sampled_from(["x", "Test", "tags", "gold", "0", "3", "range", "POS", "k"]))] = odd
    elif action == "add":
        holder.append(odd)
    elif action == "drop":
        del holder[key]
    spaced = draw(st.booleans())
    text = json.dumps(record, ensure_ascii=draw(st.booleans()), separators=(" , ", " : ") if spaced else None)
    if action == "text":
        place = draw(st.integers(0, len(text)))
        text = (
            text[:place]
            + draw(st.sampled_from(["", '"', ",", "}", "NaN", ":", '"id": "q", ', '"s": null, ']))
            + text[place:]
        )
    return text.replace("\n", " ").encode()


def _places(value):
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in list(pairs):
        yield value, key
        yield from _places(inner)
