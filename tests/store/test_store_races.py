"""Two who promote at once: one wins, every time, and the log tells all of it."""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from obstore.store import MemoryStore

from overton.base import OvertonError
from overton.store import Promotion, Store
from tests.stores import promote, put, refusal

RACES = 200


def race(stores: list[Store], races: int = RACES) -> tuple[Promotion, ...]:
    """Let as many promoters as there are stores race for one alias, again and again; the log that they left."""
    versions = [put(stores[0], seed) for seed in range(len(stores) + 1)]
    live = None
    start = Barrier(len(stores))

    def attempt(store: Store, version: str, expected: str | None) -> str:
        start.wait()
        try:
            promote(store, "live", version, expected)
        except OvertonError as error:
            return error.problems[0].code
        return "won"

    with ThreadPoolExecutor(len(stores)) as pool:
        for number in range(races):
            candidates = [version for version in versions if version != live][: len(stores)]
            outcomes = list(pool.map(attempt, stores, candidates, [live] * len(stores)))
            assert sorted(outcomes) == ["store.lost-race"] * (len(stores) - 1) + ["won"], number
            live = candidates[outcomes.index("won")]
            assert stores[-1].current("live") == live
    return stores[-1].history("live")


def check(history: Iterable[Promotion], races: int = RACES) -> None:
    history = list(history)
    assert len(history) == races
    assert [entry.expected_prev for entry in history] == [None, *(entry.version for entry in history[:-1])]


@pytest.mark.long
@pytest.mark.parametrize("kind", ["disk", "memory"])
def test_of_two_who_promote_at_once_exactly_one_wins_and_the_log_is_whole(kind, tmp_path):
    backend = None if kind == "disk" else MemoryStore()
    check(race([Store(str(tmp_path), backend=backend) for _ in range(2)]))


class Answers:
    """A store whose server does what it is told, and whose answer is lost on the way."""

    def __init__(self, store: Store, *, done: bool) -> None:
        self.create, self.done = store.blobs.create, done

    def __call__(self, path: str, content: bytes) -> bool:
        if not path.startswith("aliases/"):
            return self.create(path, content)
        if self.done:
            self.create(path, content)
        raise OvertonError(refused())


def refused():
    from overton.base import Problem

    return Problem("the server does not answer", "store.unreachable")


def test_a_promotion_whose_answer_was_lost_is_known_by_its_entry(monkeypatch):
    store = Store("memory", backend=MemoryStore())
    version = put(store)
    monkeypatch.setattr(store.blobs, "create", Answers(store, done=False))
    assert refusal(promote, store, "live", version, None) == "store.unreachable"
    monkeypatch.undo()
    assert store.aliases() == {}
    monkeypatch.setattr(store.blobs, "create", Answers(store, done=True))
    assert promote(store, "live", version, None) == store.history("live")[0]


def test_a_write_that_is_repeated_after_it_was_done_is_no_lost_race(monkeypatch):
    """As a client does whose connection broke: the second time, the object is there, and it is its own."""
    store = Store("memory", backend=MemoryStore())
    version = put(store)
    create = store.blobs.create

    def twice(path: str, content: bytes) -> bool:
        create(path, content)
        return create(path, content)

    monkeypatch.setattr(store.blobs, "create", twice)
    assert promote(store, "live", version, None).version == version
    assert store.current("live") == version


def test_a_server_that_replaces_what_it_should_only_create_is_refused(monkeypatch):
    store = Store("memory", backend=MemoryStore())
    version = put(store)

    def replaces(path: str, content: bytes) -> bool:
        store.blobs.replace(path, content)
        return True

    monkeypatch.setattr(store.blobs, "create", replaces)
    assert refusal(promote, store, "live", version, None) == "store.not-atomic"
    assert store.aliases() == {}
