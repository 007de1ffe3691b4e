"""That a manifest is read once, and that what changes in a store is seen all the same: by requests, never by time."""

import os
from collections import Counter

import obstore
import pytest
from obstore.store import MemoryStore

from overton.artifact import MANIFEST
from overton.base import digest_bytes
from overton.store import Store
from overton.store.blobs import Blobs
from tests.stores import LATER, NOON, promote, put, refusal, rollback

MUCH_LATER = "2100-01-01T12:00:00+00:00"  # nothing is so young then that it has to stay


@pytest.fixture(params=["disk", "remote"])
def opened(request, tmp_path):
    """Opens the same store again, as another process would."""
    if request.param == "disk":
        return lambda: Store(str(tmp_path / "store"))
    backend = MemoryStore()
    return lambda: Store("memory", backend=backend)


@pytest.fixture
def reads(monkeypatch) -> Counter[str]:
    """How often each object is read."""
    counts: Counter[str] = Counter()
    get = obstore.get

    def counted(backend, path):
        counts[path] += 1
        return get(backend, path)

    monkeypatch.setattr(obstore, "get", counted)
    return counts


def manifests_in(reads: Counter[str]) -> int:
    return sum(count for path, count in reads.items() if path.endswith(MANIFEST))


def test_the_manifest_of_a_version_is_read_once(opened, reads):
    ids = [put(opened(), seed, f"2026-01-0{seed + 1}T12:00:00+00:00") for seed in range(3)]
    store = opened()
    reads.clear()
    for _ in range(3):
        assert [version.id for version in store.versions()] == ids[::-1]
        assert store.resolve("latest") == ids[-1]
        assert store.json(ids[0], "report.json") == store.json(ids[0], "report.json")
    assert manifests_in(reads) == 3


def test_a_version_that_another_puts_is_read_alone(opened, reads):
    first, store = put(opened(), 0), opened()
    assert store.resolve("latest") == first
    second = put(opened(), 1, LATER)
    reads.clear()
    assert [version.id for version in store.versions()] == [second, first]
    assert manifests_in(reads) == 1


def test_a_version_that_another_removes_has_gone_at_once(opened):
    first, second = put(opened(), 0, NOON), put(opened(), 1, LATER)
    store = opened()
    assert len(store.versions()) == 2
    assert list(opened().gc(keep=1, who="ann", when=MUCH_LATER, delete=True).removed) == [first]
    assert [version.id for version in store.versions()] == [second]
    assert refusal(store.json, first, "report.json") == "store.unknown-version"
    assert refusal(store.manifest, first) == "store.unknown-version"


def test_a_version_whose_claim_alone_is_left_has_gone(opened):
    store, version = opened(), put(opened())
    promote(store, "live", version, None)
    assert len(store.versions()) == 1
    opened().blobs.remove([f"versions/{version}/{MANIFEST}"])
    assert store.versions() == []
    assert refusal(store.resolve, "latest") == "store.unknown-version"


def test_the_newest_version_is_told_of_even_if_it_was_removed_and_put_again(opened):
    store, first = opened(), put(opened(), 0, NOON)
    put(opened(), 1, LATER)
    assert store.versions()[-1].id == first
    other = opened()
    other.gc(keep=1, who="ann", when=MUCH_LATER, delete=True)
    put(other, 0, "2026-01-04T12:00:00+00:00")
    assert store.resolve("latest") == first
    assert store.versions()[0].created == "2026-01-04T12:00:00+00:00"


def test_a_manifest_that_is_changed_after_it_was_read_is_told(opened):
    good, bad, store = put(opened(), 0), put(opened(), 1), opened()
    assert len(store.versions()) == 2
    path = f"versions/{bad}/{MANIFEST}"
    content = store.blobs.read(path)
    opened().blobs.replace(path, content.replace(b"0.75", b"0.95"))
    events = []
    assert [version.id for version in store.versions(observe=events.append)] == [good]
    assert bad in events[0].message
    assert refusal(store.resolve, "latest") == "artifact.manifest"
    opened().blobs.replace(path, content)
    assert len(store.versions()) == 2


def test_aliases_that_another_moves_are_seen_at_once(opened):
    store, first, second = opened(), put(opened(), 0), put(opened(), 1)
    assert store.aliases() == {}
    promote(opened(), "live", first, None)
    assert store.aliases() == {"live": first}
    promote(opened(), "live", second, first)
    assert (store.aliases(), store.resolve("live")) == ({"live": second}, second)
    assert [entry.version for entry in store.history("live")] == [first, second]


def test_the_entries_of_a_log_are_read_once(opened, reads):
    versions = [put(opened(), seed) for seed in range(3)]
    for before, version in zip([None, *versions], versions, strict=False):
        promote(opened(), "live", version, before)
    store = opened()
    log = store.history("live")
    last = rollback(opened(), "live")
    reads.clear()
    for _ in range(2):
        assert store.history("live") == (*log, last)
    assert dict(reads) == {"aliases/live/000000000004.json": 1}


def test_an_entry_that_is_changed_or_gone_after_it_was_read_is_told(opened):
    versions = [put(opened(), seed) for seed in range(2)]
    promote(opened(), "live", versions[0], None)
    promote(opened(), "live", versions[1], versions[0])
    store = opened()
    log, path = store.history("live"), "aliases/live/000000000001.json"
    content = store.blobs.read(path)
    opened().blobs.replace(path, content.replace(b"ann", b"bob"))
    assert refusal(store.history, "live") == "store.damaged"
    opened().blobs.remove([path])
    assert refusal(store.history, "live") == "store.damaged"
    opened().blobs.create(path, content)
    assert store.history("live") == log


def test_a_link_in_the_place_of_what_was_read_is_told(tmp_path):
    store = Store(str(tmp_path / "store"))
    version = put(store)
    assert len(store.versions()) == 1
    place = tmp_path / "store" / "versions" / version
    promote(store, "live", version, None)
    store.history("live")
    entry = tmp_path / "store" / "aliases" / "live" / "000000000001.json"
    for outside, link, call in (
        (tmp_path / "folder", place, store.versions),
        (tmp_path / "file", place / MANIFEST, store.versions),
        (tmp_path / "entry", entry, lambda: store.history("live")),
    ):
        os.replace(link, outside)
        link.symlink_to(outside)
        assert refusal(call) == "store.link"
        link.unlink()
        os.replace(outside, link)


def test_each_folder_tells_of_one_object_by_one_look(opened):
    blobs: Blobs = opened().blobs
    for path in ("a/one/x", "a/one/y", "a/two/y", "a/three/deep/x", "b/four/x"):
        blobs.create(path, b"1")
    found = blobs.find_in_each("a", "x")
    assert {name: one and one.path for name, one in found.items()} == {"one": "a/one/x", "three": None, "two": None}
    assert blobs.find_in_each("a", "x") == found
    blobs.replace("a/one/x", b"2")
    assert blobs.find_in_each("a", "x")["one"] != found["one"]
    assert blobs.find_in_each("nowhere", "x") == {}


@pytest.fixture
def far(tmp_path):
    """Opens the same store far away again, as another process on this machine would."""
    backend = MemoryStore()
    return lambda url="far", cache="cache": Store(url, backend=backend, cache=tmp_path / cache)


def test_another_process_reads_no_manifest_of_a_store_far_away_again(far, reads, tmp_path):
    ids = [put(far(), seed, f"2026-01-0{seed + 1}T12:00:00+00:00") for seed in range(3)]
    before = far().versions()
    reads.clear()
    assert far().versions() == before
    assert far().resolve("latest") == ids[-1]
    assert manifests_in(reads) == 0
    ids.append(put(far(), 3, "2026-01-04T12:00:00+00:00"))
    reads.clear()
    assert [version.id for version in far().versions()] == ids[::-1]
    assert [version.id for version in far().versions()] == ids[::-1]
    assert manifests_in(reads) == 1
    assert [path.name for path in (tmp_path / "cache").glob("manifests-*")] == [
        f"manifests-{digest_bytes(b'far')[:12]}"
    ]


def test_what_was_kept_of_manifests_is_believed_no_more_than_the_store(far, reads, tmp_path):
    first, second = put(far(), 0, NOON), put(far(), 1, LATER)
    before = far().versions()
    (kept,) = (tmp_path / "cache").glob("manifests-*")
    content = kept.read_bytes()
    for damaged in (b"{", b"", content[:-9], b'[["x"]]', content.replace(b"0.75", b"0.95"), b"\xff" + content):
        kept.write_bytes(damaged)
        assert far().versions() == before
    far().blobs.remove([f"versions/{first}/{MANIFEST}"])
    kept.write_bytes(content)
    assert [version.id for version in far().versions()] == [second]


def test_two_stores_are_kept_apart(far, reads):
    put(far(), 0)
    assert len(far().versions()) == 1
    other = Store("other", backend=MemoryStore(), cache=far()._cache.folder)
    assert other.versions() == []
    put(other, 1)
    assert [version.id for version in other.versions()] != [version.id for version in far().versions()]
    reads.clear()
    far().versions()
    assert manifests_in(reads) == 0
