import os
import shutil
from pathlib import Path

import msgspec
import pytest
from obstore.store import MemoryStore

from overton.store import GateOutcome, Promotion, Store
from overton.store.log import earlier_version, parse_promotion, render_promotion
from tests.stores import LATER, NOON, promote, put, refusal, rollback

FIRST = Path(__file__).parents[1] / "cases" / "store" / "first"
GATE = GateOutcome("passed", old="0123456789ab", digest="d" * 64, records=490, verdicts={"ok": 27})


@pytest.fixture
def store() -> Store:
    return Store("memory", backend=MemoryStore())


def test_an_entry_reads_back_with_all_that_it_says():
    entry = Promotion("a1", "b2", "ann", NOON, "why", "rollback", forced=True, gate=GATE, token="t")
    assert parse_promotion(render_promotion(entry), "x") == entry


def test_the_log_says_who_when_why_from_which_version_and_what_the_gate_said(store):
    first, second = put(store, 0), put(store, 1)
    promote(store, "live", first, None)
    store.promote("live", second, who="bob", when=LATER, why="better", expected=first, gate=GATE)
    entry = store.history("live")[-1]
    assert (entry.who, entry.when, entry.why, entry.expected_prev, entry.gate) == ("bob", LATER, "better", first, GATE)
    assert not entry.forced


def test_a_reason_in_another_encoding_is_kept_by_its_numbers(store):
    version = put(store)
    made = promote(store, "live", version, None, why=os.fsdecode(b"caf\xe9"))
    assert store.history("live")[-1] == made
    assert made.why == "caf\\udce9"


def test_a_flipped_byte_anywhere_in_an_entry_is_found():
    content = render_promotion(Promotion("a1", None, "ann", NOON, "because", gate=GATE, token="t"))
    for place in range(len(content)):
        flipped = content[:place] + bytes([content[place] ^ 0x01]) + content[place + 1 :]
        assert refusal(parse_promotion, flipped, "x") in ("store.damaged", "store.format"), content[place:]


def test_an_entry_of_a_later_format_is_refused_by_its_number():
    assert refusal(parse_promotion, b'{"format": 3, "who": "ann"}', "x") == "store.format"


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b"\xff", b'{"format": []}', b"[" * 100_000, b'{"version": 1}'])
def test_what_is_no_entry_is_told(content):
    assert refusal(parse_promotion, content, "x") in ("store.damaged", "store.format")


def test_an_entry_that_is_missing_is_told(tmp_path):
    store = Store(str(tmp_path))
    versions = [put(store, seed) for seed in range(3)]
    for before, version in zip([None, *versions], versions, strict=False):
        promote(store, "live", version, before)
    log = tmp_path / "aliases" / "live"
    (log / "000000000002.json").rename(tmp_path / "kept")
    assert refusal(store.history, "live") == "store.damaged"
    os.replace(tmp_path / "kept", log / "000000000002.json")
    assert len(store.history("live")) == 3


def test_an_entry_in_the_place_of_another_is_told(tmp_path):
    store = Store(str(tmp_path))
    first, second = put(store, 0), put(store, 1)
    promote(store, "live", first, None)
    promote(store, "live", second, first)
    log = tmp_path / "aliases" / "live"
    shutil.copy(log / "000000000001.json", log / "000000000002.json")
    assert refusal(store.history, "live") == "store.damaged"


def test_a_store_from_before_there_was_a_format_is_read_and_goes_on(tmp_path):
    shutil.copytree(FIRST, tmp_path / "store")
    store = Store(str(tmp_path / "store"))
    new, old = (version.id for version in store.versions())
    assert [(entry.version, entry.why) for entry in store.history("live")] == [
        (old, "first"),
        (new, "forced: gold is wrong"),
    ]
    assert store.get("e0e8556458a1").schema.tasks
    assert rollback(store, "live").version == old
    assert [entry.action for entry in store.history("live")] == ["promote", "promote", "rollback"]
    assert store.gc(keep=0, who="ann", when="2030-01-01T00:00:00+00:00", delete=True).removed == {}
    assert {version.id for version in store.versions()} == {old, new}


def test_a_store_of_a_later_format_is_refused_and_left_alone(tmp_path):
    (tmp_path / "store.json").write_bytes(msgspec.json.encode({"format": 2}))
    for call in (lambda store: put(store), Store.versions, Store.aliases, lambda store: store.get("0123456789ab")):
        assert refusal(call, Store(str(tmp_path))) == "store.format"
    assert [path.name for path in tmp_path.iterdir()] == ["store.json"]


# ------------------------------------------------------------------------------------------------------------ rollback


def test_a_rollback_names_the_version_before_and_another_goes_back_further(store):
    versions = [put(store, seed) for seed in range(3)]
    for before, version in zip([None, *versions], versions, strict=False):
        promote(store, "live", version, before)
    assert rollback(store, "live").version == versions[1]
    assert rollback(store, "live").version == versions[0]
    assert refusal(rollback, store, "live") == "store.no-rollback"
    assert store.current("live") == versions[0]
    assert len(store.history("live")) == 5
    assert rollback(store, "live", versions[2]).version == versions[2]


def test_what_a_rollback_goes_back_to():
    def log(*entries: str) -> list[Promotion]:
        return [
            Promotion(entry[-1], None, "", "", "", action="rollback" if entry[0] == "<" else "promote")
            for entry in entries
        ]

    assert earlier_version(log()) is None
    assert earlier_version(log("a")) is None
    assert earlier_version(log("a", "b")) == "a"
    assert earlier_version(log("a", "b", "a", "c", "<a")) == "b"
    assert earlier_version(log("a", "b", "c", "<b", "d")) == "b"
    assert earlier_version(log("a", "b", "c", "<a")) is None
    assert earlier_version(log("a", "b", "c", "<a", "<c")) == "a"


def test_a_rollback_goes_only_where_the_alias_has_been(store):
    first, second, other = (put(store, seed) for seed in range(3))
    assert refusal(rollback, store, "live") == "store.no-rollback"
    promote(store, "live", first, None)
    promote(store, "live", second, first)
    assert refusal(rollback, store, "live", other) == "store.no-rollback"
    assert refusal(rollback, store, "live", second) == "store.no-rollback"
    assert len(store.history("live")) == 2


def test_a_rollback_to_a_damaged_version_is_refused(tmp_path):
    store = Store(str(tmp_path))
    first, second = put(store, 0), put(store, 1)
    promote(store, "live", first, None)
    promote(store, "live", second, first)
    digest = store.manifest(first).files["model.onnx"].sha256
    (tmp_path / "blobs" / "sha256" / digest).write_bytes(b"\0" * store.manifest(first).files["model.onnx"].size)
    assert refusal(rollback, store, "live") == "artifact.digest"
    assert store.current("live") == second
