"""Requests that nobody should send: records of the wrong form, bytes that were hit, heads that mean nothing."""

import asyncio
import random
from collections.abc import Iterator
from contextlib import closing, contextmanager
from copy import deepcopy
from typing import Any

import msgspec
from hypothesis import strategies as st

from tests.tiny_artifact import RECORD

words = st.text(max_size=5)
plain = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | words
anything = st.recursive(
    plain, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(words, inner, max_size=4), max_leaves=8
)
members = st.lists(st.fixed_dictionaries({}, optional={"id": anything, "range": anything, "x": plain}), max_size=3)
payloads = st.fixed_dictionaries(
    {},
    optional={
        "tokens": st.lists(words, max_size=20) | anything,
        "query": words | anything,
        "entities": members | anything,
    },
)
records = st.fixed_dictionaries(
    {}, optional={"id": anything, "payloads": payloads, "tasks": anything, "tags": anything}
)
requests = records | st.fixed_dictionaries({"records": st.lists(records, max_size=3)}) | anything

PATHS = (
    "/v1/predict",
    "/v1/predict",
    "/v1/predict",
    "/v1/signature",
    "/healthz",
    "/readyz",
    "/metrics",
    "/openapi.json",
    "/docs",
    "/v2",
    "/v2/models/overton",
    "/v2/models/overton/infer",
    "/v2/models/overton/versions/v1/infer",
    "/v2/models/../../etc/passwd/infer",
    "/v1/../v1/predict",
    "//v1/predict",
    "/v1/predict/",
    "/%00",
    "",
)
LENGTH = b"inference-header-content-length"
METHODS = ("POST", "POST", "POST", "GET", "HEAD", "PUT", "DELETE", "OPTIONS", "X")
TYPES = (b"application/json", b"application/x-ndjson", b"", b"text/plain", b"application/json; charset=utf-7", b"\xff")
QUERIES = (
    b"",
    b"",
    b"probabilities=true",
    b"probabilities=1",
    b"a=%ff&b",
    b"=&&=",
    b"probabilities=true&probabilities=false",
)
headers = st.lists(
    st.tuples(
        st.sampled_from([LENGTH, b"x-request-id", b"authorization", b"content-length", b"accept", b"expect", b"x"]),
        st.binary(max_size=20),
    ),
    max_size=3,
)
WHOLE = {**RECORD, "tasks": {"Intent": {"crowd": "age", "gold": {"age": 0.5}}}, "tags": ["train", "slice:x", "lang:en"]}
ODD: tuple[Any, ...] = (
    None,
    True,
    0,
    -1,
    1e300,
    2**63,
    "",
    "\u0000",
    "a" * 5000,
    [],
    {},
    [[]],
    {"": None},
    "\ud800"[:0],
    ["a"] * 300,
)


@contextmanager
def calls(app: Any) -> Iterator[Any]:
    """A function that sends one request to an application and gives the status and the body."""

    async def ask(
        method: str, path: str, query: bytes, heads: list[tuple[bytes, bytes]], body: bytes
    ) -> tuple[int, bytes]:
        told: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: dict[str, Any]) -> None:
            told.append(message)

        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "raw_path": path.encode(),
            "root_path": "",
            "scheme": "http",
            "query_string": query,
            "headers": heads,
            "server": ("test", 80),
            "client": ("127.0.0.1", 1),
        }
        await app(scope, receive, send)
        return told[0]["status"], b"".join(message.get("body", b"") for message in told[1:])

    with closing(asyncio.new_event_loop()) as loop:
        yield lambda *parts: loop.run_until_complete(ask(*parts))


def mutated(choose: random.Random) -> Iterator[tuple[str, str, bytes, list[tuple[bytes, bytes]], bytes]]:
    """Requests without end: a good one with some of its values replaced, or some of its bytes."""
    while True:
        value: Any = msgspec.json.decode(msgspec.json.encode(WHOLE))
        for _ in range(choose.randint(0, 3)):
            replace_within(value, choose)
        form = choose.randrange(6)
        if form == 0:
            value = {"records": [value] * choose.randint(0, 4)}
        elif form == 1:
            text = msgspec.json.encode(value).decode()
            value = {"inputs": [{"name": "record", "shape": [1], "datatype": "BYTES", "data": [text]}]}
            replace_within(value, choose)
        body, heads = bytearray(msgspec.json.encode(value)), []
        if form == 2:
            body, heads = as_bytes(value)
        for _ in range(choose.choice((0, 0, 0, 1, 5))):
            place = choose.randrange(len(body))
            if choose.random() < 0.5:
                body[place] = choose.randrange(256)
            else:
                del body[place : place + choose.randint(1, 30)]
                body = body or bytearray(b" ")
        kind = choose.choice(TYPES) if choose.random() < 0.2 else b"application/json"
        usual = "/v2/models/overton/infer" if form in (1, 2) else "/v1/predict"
        path = usual if choose.random() < 0.7 else choose.choice(PATHS)
        method = choose.choice(METHODS) if choose.random() < 0.2 else "POST"
        heads += [(b"content-type", kind), (b"x-request-id", str(choose.random()).encode())]
        yield method, path, choose.choice(QUERIES), heads, bytes(body)


def as_bytes(value: Any) -> tuple[bytearray, list[tuple[bytes, bytes]]]:
    """An inference request whose tensor stands behind the JSON, and the header that says where."""
    text = msgspec.json.encode(value)
    given = {"name": "record", "shape": [1], "datatype": "BYTES", "parameters": {"binary_data_size": len(text) + 4}}
    head = msgspec.json.encode({"inputs": [given], "parameters": {"binary_data_output": True}})
    return bytearray(head + len(text).to_bytes(4, "little") + text), [(LENGTH, str(len(head)).encode())]


def replace_within(value: Any, choose: random.Random) -> None:
    """Replace a value somewhere within, take it away, or give it another name."""
    while True:
        keys = list(value) if isinstance(value, dict) else list(range(len(value)))
        if not keys:
            return
        key = choose.choice(keys)
        inner = value[key]
        if isinstance(inner, dict | list) and inner and choose.random() < 0.7:
            value = inner
            continue
        act = choose.randrange(3)
        if act == 0:
            value[key] = deepcopy(choose.choice(ODD))
        elif act == 1 and isinstance(value, dict):
            value[choose.choice(("x", "tokens", "id", "records", "", "range"))] = value.pop(key)
        else:
            del value[key]
        return
