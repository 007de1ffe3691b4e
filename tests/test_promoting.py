"""Promotion while others promote: who loses the race is weighed again, beside what the winner has put there."""

from types import SimpleNamespace

import pytest
from obstore.store import MemoryStore

from overton.artifact import Artifact
from overton.base import Event, OvertonError, Problem
from overton.promoting import Promoted, Weighed, promote_weighed
from overton.store import Store, gate_text
from overton.version import Version
from tests.stores import NOON, promote, put, refusal
from tests.tiny_artifact import tiny_artifact

NO = Problem("slice:rare fell", "gate.regressed")
BREAKS = Problem("the class height is gone", "application.incompatible")
NO_RECORDS = Problem("there is no test record to compare on", "compare.no-records")


class Comparison:
    """What a promotion needs of a comparison."""

    def __init__(self, old: str, refusals: tuple[Problem, ...] = (), new: str = "") -> None:
        self.old, self.new, self.refusals, self.records = old, new, refusals, 490
        self.rows = [SimpleNamespace(verdict="regressed" if refusals else "ok")]

    def to_json(self) -> dict[str, str]:
        return {"old": self.old}


@pytest.fixture
def store() -> Store:
    return Store("memory", backend=MemoryStore())


def weigher(asked: list[str], *, meanwhile=None, refuses: str = ""):
    """Weighs versions, and lets something happen while it is at it."""

    def weigh(before: str) -> Weighed:
        asked.append(before)
        if meanwhile:
            meanwhile(before)
        refusals = (NO,) if before == refuses else ()
        return Weighed(Comparison(before, refusals), refusals)

    return weigh


def test_the_first_version_of_an_alias_has_nothing_to_keep_to(store):
    version, asked = put(store), []
    done = promote_weighed(store, "live", version, weigher(asked), why="first")
    assert (done.before, done.entry, asked) == (None, store.history("live")[0], [])
    assert promote_weighed(store, "live", version, weigher(asked)) == Promoted(version)


def test_the_log_keeps_what_the_gate_said(store):
    first, second = put(store, 0), put(store, 1)
    promote(store, "live", first, None)
    promote_weighed(store, "live", second, weigher([]))
    gate = store.history("live")[-1].gate
    assert (gate.outcome, gate.old, gate.records, gate.verdicts) == ("passed", first, 490, {"ok": 1})
    assert len(gate.digest) == 64


def test_what_the_gate_refuses_is_not_promoted(store):
    first, second = put(store, 0), put(store, 1)
    promote(store, "live", first, None)
    done = promote_weighed(store, "live", second, weigher([], refuses=first))
    assert (done.refusals, done.entry) == ((NO,), None)
    assert store.current("live") == first


def test_who_loses_the_race_is_weighed_again_beside_the_winner(store):
    first, second, third = (put(store, seed) for seed in range(3))
    promote(store, "live", first, None)
    asked: list[str] = []
    events: list[Event] = []

    def meanwhile(before: str) -> None:
        if before == first:
            promote(store, "live", second, first)

    done = promote_weighed(store, "live", third, weigher(asked, meanwhile=meanwhile), observe=events.append)
    assert asked == [first, second]
    assert (done.before, done.comparison.old, done.entry.gate.old) == (second, second, second)
    assert [entry.version for entry in store.history("live")] == [first, second, third]
    assert second in events[0].message


def test_who_loses_the_race_and_is_worse_than_the_winner_is_refused(store):
    first, second, third = (put(store, seed) for seed in range(3))
    promote(store, "live", first, None)

    def meanwhile(before: str) -> None:
        if before == first:
            promote(store, "live", second, first)

    done = promote_weighed(store, "live", third, weigher([], meanwhile=meanwhile, refuses=second))
    assert (done.before, done.refusals) == (second, (NO,))
    assert store.current("live") == second


def test_who_loses_again_and_again_is_told(store):
    first, second, third = (put(store, seed) for seed in range(3))
    promote(store, "live", first, None)
    asked: list[str] = []

    def meanwhile(before: str) -> None:
        promote(store, "live", second if before == first else first, before)

    assert refusal(promote_weighed, store, "live", third, weigher(asked, meanwhile=meanwhile)) == "store.lost-race"
    assert len(asked) == 5


def test_force_stays_in_the_log_and_does_not_win_over_what_it_has_not_seen(store, monkeypatch):
    first, second, third = (put(store, seed) for seed in range(3))
    promote(store, "live", first, None)
    done = promote_weighed(store, "live", second, weigher([], refuses=first), force=True, why="ticket 7")
    entry = store.history("live")[-1]
    assert done.refusals == ()
    assert (entry.version, entry.forced, entry.why) == (second, True, "ticket 7")
    assert (entry.gate.outcome, entry.gate.verdicts, entry.gate.refused) == ("refused", {"regressed": 1}, (NO.message,))
    assert gate_text(entry) == "forced, refused (1 regressed)"
    monkeypatch.setattr(store, "current", lambda _: first)
    assert refusal(promote_weighed, store, "live", third, weigher([]), force=True, why="now") == "store.lost-race"
    assert refusal(promote_weighed, store, "live", third, weigher([]), force=True, why=" ") == "application.no-reason"


def test_force_is_asked_again_where_another_was_promoted_meanwhile(store):
    first, second, third = (put(store, seed) for seed in range(3))
    promote(store, "live", first, None)
    asked: list[str] = []

    def meanwhile(before: str) -> None:
        if before == first:
            promote(store, "live", second, first)

    weigh = weigher(asked, meanwhile=meanwhile)
    assert refusal(promote_weighed, store, "live", third, weigh, force=True, why="ticket 7") == "store.lost-race"
    assert (asked, store.current("live")) == ([first], second)


def test_the_log_keeps_twenty_of_many_reasons_of_a_gate(store):
    first, second = put(store, 0), put(store, 1)
    promote(store, "live", first, None)
    many = tuple(Problem(f"slice:{number} fell", "gate.regressed") for number in range(21))
    promote_weighed(store, "live", second, lambda _: Weighed(None, many), force=True, why="ticket 7")
    assert store.history("live")[-1].gate.refused == tuple(problem.message for problem in many[:20])


@pytest.mark.parametrize("breaks", [False, True])
def test_force_tells_why_nothing_was_compared(store, breaks):
    first, second = put(store, 0), put(store, 1)
    promote(store, "live", first, None)

    def weigh(_: str) -> Weighed:
        if breaks:
            return Weighed(None, (BREAKS,))
        raise OvertonError(NO_RECORDS)

    if not breaks:
        assert refusal(promote_weighed, store, "live", second, weigh) == NO_RECORDS.code
    promote_weighed(store, "live", second, weigh, force=True, why="gold is to come")
    gate = store.history("live")[-1].gate
    assert (gate.outcome, gate.old, gate.digest) == ("refused" if breaks else "unknown", first, "")
    assert gate.refused == ((BREAKS if breaks else NO_RECORDS).message,)


def test_a_comparison_counts_only_beside_the_version_that_it_is_of(store, monkeypatch):
    """As where another was promoted between the comparison and the promotion."""
    first, second, third = (put(store, seed) for seed in range(3))
    then, now = Comparison(first, new=third), Comparison(second, (NO,), new=third)
    monkeypatch.setattr(Version, "compare", lambda *_, **__: now)
    version = Version(third, store.get(third), None, store)
    assert version.weigh("live", first, compared=then).comparison is then
    assert version.weigh("live", second, compared=then).refusals == (NO,)


def test_what_breaks_clients_is_refused_whatever_its_comparison_says(store):
    old = put(store)
    signature = store.get(old).files["signature.json"].replace(b'"height"', b'"size"')
    new = Artifact({**store.get(old).files, "signature.json": signature})
    weighed = Version(new.id, new, None, store).weigh("live", old, compared=Comparison(old, new=new.id))
    assert [refusal.code for refusal in weighed.refusals] == ["application.incompatible"]


def test_a_version_without_a_model_that_clients_name_is_refused(store):
    both, one = tiny_artifact(0).with_model("small", tiny_artifact(1)), store.get(put(store))
    store.put(both, when=NOON)
    weighed = Version(one.id, one, None, store).weigh("live", both.id, compared=Comparison(both.id, new=one.id))
    assert {problem.code for problem in weighed.refusals} == {"application.incompatible"}
    assert [problem.message.partition(":")[0] for problem in weighed.refusals] == [
        "the model 'large' is gone",
        "the model 'small' is gone",
    ]
    assert (
        not Version(both.id, both, None, store).weigh("live", one.id, compared=Comparison(one.id, new=both.id)).refusals
    )
