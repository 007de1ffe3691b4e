"""The seven kinds of task and the odd records, from data file to served answer."""

import asyncio

import httpx
import pytest

from overton import Version
from overton.serve import create_app
from tests.kinds import ODD, SCHEMA


@pytest.fixture
def version(kinds_application) -> Version:
    return kinds_application.version()


@pytest.mark.parametrize("task", SCHEMA["tasks"])
def test_every_kind_of_task_is_learned_and_reported(version: Version, task: str) -> None:
    """The rule behind every task is simple, so that a model that learns at all beats the most frequent class."""
    report = version.report()
    row = report.row(task, "test", "*", report.main_metric[task])
    assert row.n > 20
    assert row.value > 0.6


@pytest.mark.parametrize("name", ODD)
def test_an_odd_record_is_predicted_alone_as_in_a_batch(version: Version, name: str) -> None:
    """What stands beside a record in a batch must not change its prediction."""
    plain = {"tokens": ["red", "apple", "big"], "title": "red apple", "entities": [{"id": "apple", "range": [1, 2]}]}
    alone = version.predict([{"payloads": ODD[name]}], probabilities=True)[0]
    beside = version.predict([{"payloads": plain}, {"payloads": ODD[name]}], probabilities=True)[1]
    assert set(alone) == set(SCHEMA["tasks"])
    for task, label in alone.items():
        assert _flat(label) == pytest.approx(_flat(beside[task]), abs=2e-3), task


def test_the_order_of_candidates_does_not_change_which_is_chosen(version: Version) -> None:
    """Members of a set have no order: turned about, the same one is chosen, as likely as before."""
    tokens = ["red", "apple", "pear", "car", "green"]
    members = [{"id": word, "range": [place, place + 1]} for place, word in enumerate(tokens)]
    payloads = {"tokens": tokens, "title": " ".join(tokens)}
    turned = [2, 4, 0, 3, 1]
    first, second = version.predict(
        [{"payloads": {**payloads, "entities": [members[place] for place in order]}} for order in (range(5), turned)],
        probabilities=True,
    )
    assert second["Pick"] == pytest.approx(
        {str(turned.index(int(key))): value for key, value in first["Pick"].items()}, abs=2e-4
    )
    assert second["Member"] == [pytest.approx(first["Member"][place], abs=2e-4) for place in turned]
    assert second["Record"] == pytest.approx(first["Record"], abs=2e-4)


def test_every_record_is_served(version: Version) -> None:
    """The server answers what `predict` answers."""

    async def ask() -> dict:
        transport = httpx.ASGITransport(app=create_app(version.runtime, version.id))
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            answer = await client.post("/v1/predict", json={"records": [{"payloads": value} for value in ODD.values()]})
            assert answer.status_code == 200, answer.text
            return answer.json()

    answer = asyncio.run(ask())
    expected = version.predict([{"payloads": value} for value in ODD.values()])
    assert [record["tasks"] for record in answer["records"]] == expected


def _flat(label: object) -> list[float]:
    """The probabilities of a label in a fixed order, whatever its shape."""
    if isinstance(label, dict):
        return [label.get(key, 0.0) for key in sorted(label) if label[key] > 0.01]
    if isinstance(label, list):
        return [number for part in label for number in _flat(part)]
    return [] if label is None else [float(label)]


def test_slices_have_capacity_where_there_are_enough_members_and_the_version_tells(version: Version) -> None:
    assert version.artifact.program.slices == ("slice:big",)
    assert version.artifact.signature.slices == ("slice:big",)
    assert version.artifact.signature.outputs[-1].name == "slice:membership"
    assert set(version.artifact.json("lineage.json")["slices"]["modelled"]) == {"slice:big"}
