"""The server against its own OpenAPI document: what that allows, and what is near it, is answered as it says."""

import random
from collections import Counter
from copy import deepcopy
from typing import Any
from urllib.parse import quote

import msgspec
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.serve.document import Document
from tests.serve.fuzz import replace_within
from tests.serve.watched import Watched, watched

JSON, LINES = "application/json", "application/x-ndjson"
MANY = 100_000


class Asked:
    """How the operations of a document are asked, and what was answered."""

    def __init__(self, document: Document, call: Watched) -> None:
        self.document = document
        self.statuses: Counter[tuple[str, int]] = Counter()
        self._call = call
        self._choose = random.Random(0)
        self._operations = [
            (path, method, told, self._parameters(told), self._bodies(told))
            for path, method, told in document.operations()
        ]

    def _parameters(self, told: Any) -> list[tuple[str, str, st.SearchStrategy]]:
        return [(one["in"], one["name"], self.document.values(one["schema"])) for one in told["parameters"]]

    def _bodies(self, told: Any) -> dict[str, st.SearchStrategy]:
        kinds = told.get("requestBody", {}).get("content", {})
        bodies = {kind: self.document.values(one["schema"]) for kind, one in kinds.items() if kind == JSON}
        if LINES in kinds:
            bodies[LINES] = st.lists(self.document.values({"$ref": "#/components/schemas/Record"}), max_size=3)
        return bodies

    def one(self, data: st.DataObject, variants: int) -> None:
        """Draw a request, ask it and variants of it, and hold each answer against the document."""
        path, method, told, parameters, bodies = data.draw(st.sampled_from(self._operations))
        place, query, heads = path, [], []
        for where, name, values in parameters:
            value = data.draw(values)
            if where == "path":
                place = place.replace(f"{{{name}}}", quote(value, safe=""))
            elif data.draw(st.booleans()):
                text = str(value).lower() if isinstance(value, bool) else str(value)
                (query if where == "query" else heads).append((name.lower().encode(), text.encode()))
        asked = b"&".join(b"=".join(pair) for pair in query)
        if not bodies:
            self._check(path, told, *self._call(method.upper(), place, asked, heads, b""))
            return
        kind = data.draw(st.sampled_from(sorted(bodies)))
        value = data.draw(bodies[kind])
        heads.append((b"content-type", kind.encode()))
        requests = []
        for number in range(variants + 1):
            varied = deepcopy(value)
            for _ in range(self._choose.randint(1, 3) if number else 0):
                replace_within(varied, self._choose)
            body = b"\n".join(map(msgspec.json.encode, varied if kind == LINES else [varied]))
            requests.append((method.upper(), place, asked, heads, body))
        for status, said in self._call.ask(requests):
            self._check(path, told, status, said)

    def _check(self, path: str, told: Any, status: int, said: bytes) -> None:
        assert 200 <= status < 500, (path, status, said)
        assert str(status) in told["responses"], f"{path} answers {status}, of which the document knows nothing"
        self.statuses[path, status] += 1
        kinds = told["responses"][str(status)]["content"]
        if list(kinds) == ["text/plain"] or (LINES in kinds and status == 200 and not _is_one_value(said)):
            return
        assert self.document.fault(msgspec.json.decode(said), kinds[JSON]["schema"]) == ""


def _is_one_value(said: bytes) -> bool:
    """Whether an answer is JSON, and not a line for each of several records or none."""
    return said.endswith(b"}") and b"\n" not in said


def ask(examples: int, variants: int) -> Counter[tuple[str, int]]:
    """Ask as many drawn requests and variants of each, and count what was answered by path and status."""
    with watched() as call:
        _, told = call("GET", "/openapi.json", b"", [], b"")
        asked = Asked(Document(msgspec.json.decode(told)), call)

        @given(st.data())
        @settings(
            max_examples=examples, database=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck)
        )
        def run(data: st.DataObject) -> None:
            asked.one(data, variants)

        run()
        call.check_memory()
    return asked.statuses


def check(statuses: Counter[tuple[str, int]]) -> None:
    for path in ("/v1/signature", "/healthz", "/metrics", "/openapi.json", "/v2/health/live", "/v2/models/{model}"):
        assert {status for place, status in statuses if place == path} == {200}
    for path in ("/v1/predict", "/v2/models/{model}/infer", "/v2/models/{model}/versions/{version}/infer"):
        assert statuses[path, 400] + statuses[path, 422] > 0
    assert statuses["/v1/predict", 200] > 0


@pytest.mark.long
def test_what_the_document_allows_is_answered_as_it_says_and_leaves_nothing():
    check(ask(80, 4))


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_what_the_document_allows_is_answered_as_it_says_very_often():
    statuses = ask(8_000, 80)
    check(statuses)
    assert sum(statuses.values()) >= MANY
