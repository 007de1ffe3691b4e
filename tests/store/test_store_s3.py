"""The store on a real S3-compatible server, which the tests start: that it is safe there, and not only on a disk."""

import json
from collections.abc import Iterator

import obstore
import pytest
from obstore.exceptions import AlreadyExistsError

from overton.base import OvertonError, digest_bytes, now
from overton.cli.main import main
from overton.store import Store
from overton.store.blobs import Blobs
from tests.s3_server import BUCKET, lead_to, s3_server
from tests.store.test_store_races import RACES, check, race
from tests.stores import LATER, N_WRITES, NOON, promote, put, refusal, rollback
from tests.tiny_artifact import tiny_artifact

MUCH_LATER = "2100-01-01T12:00:00+00:00"  # nothing is so young then that it has to stay


@pytest.fixture(scope="module")
def address(tmp_path_factory) -> Iterator[str]:
    with s3_server(tmp_path_factory.mktemp("s3")) as address:
        yield address


@pytest.fixture
def url(address, monkeypatch, request) -> str:
    """A place of its own for each test, and the environment that leads there."""
    lead_to(address, monkeypatch)
    return f"s3://{BUCKET}/{digest_bytes(request.node.name.encode())[:12]}/store"


def test_an_object_is_created_once_and_stays_what_it_was(url):
    blobs = Blobs(url)
    assert blobs.create("a/b", b"1")
    assert not blobs.create("a/b", b"2")
    assert blobs.read("a/b") == b"1"
    assert blobs.read("a/c") is None
    assert (blobs.names("a"), blobs.names("nowhere")) == (["b"], [])
    with pytest.raises(AlreadyExistsError):
        obstore.put(blobs._open(), "a/b", b"3", mode="create")
    blobs.replace("a/b", b"4")
    assert blobs.read("a/b") == b"4"
    assert [(found.path, found.size) for found in blobs.find_all("a")] == [("a/b", 1)]
    blobs.remove(["a/b", "a/c"])
    assert blobs.find("a/b") is None


def test_a_version_goes_its_whole_way(url):
    store = Store(url)
    assert (store.versions(), store.aliases()) == ([], {})
    first, second = put(store, 0, NOON), put(store, 1, LATER)
    assert put(store, 0, LATER) == first
    assert [version.id for version in store.versions()] == [second, first]
    assert store.get(first).files == tiny_artifact(0).files
    promote(store, "live", first, None, "first")
    promote(store, "live", second, first, "better")
    assert refusal(promote, store, "live", first, first) == "store.lost-race"
    assert Store(url).resolve("live") == second
    assert rollback(store, "live").version == first
    assert [entry.version for entry in Store(url).history("live")] == [first, second, first]


@pytest.mark.parametrize("after", [0, 4, N_WRITES - 1])
def test_a_put_that_is_interrupted_leaves_no_version_and_can_be_repeated(url, after, monkeypatch):
    store = Store(url)
    create, left = store.blobs.create, [after]

    def stopped(path: str, content: bytes) -> bool:
        left[0] -= 1
        if left[0] < 0:
            raise KeyboardInterrupt
        return create(path, content)

    monkeypatch.setattr(store.blobs, "create", stopped)
    with pytest.raises(KeyboardInterrupt):
        put(store)
    assert Store(url).versions() == []
    assert Store(url).get(put(Store(url))).files == tiny_artifact().files


def test_content_that_was_changed_is_found_and_mended(url):
    store = Store(url)
    version = put(store)
    for entry in set(store.manifest(version).files.values()):
        path = f"blobs/sha256/{entry.sha256}"
        content = store.blobs.read(path)
        store.blobs.replace(path, bytes([content[0] ^ 1]) + content[1:])
        assert refusal(store.get, version) == "artifact.digest"
        put(store)
    assert store.get(version).files == tiny_artifact().files


def test_what_came_once_over_the_network_comes_from_the_disk(url, tmp_path):
    store = Store(url, cache=tmp_path / "cache")
    version = put(store)
    files = store.get(version).files
    store.blobs.remove(f"blobs/sha256/{entry.sha256}" for entry in store.manifest(version).files.values())
    assert store.get(version).files == files
    assert refusal(Store(url).get, version) == "store.missing-blob"


def test_old_versions_go_and_what_an_alias_named_stays(url):
    store = Store(url)
    first, second, third = (put(store, seed, f"2026-01-0{seed + 1}T12:00:00+00:00") for seed in range(3))
    promote(store, "live", first, None)
    assert store.gc(keep=1, who="ann", when=now(), delete=True).removed == {}
    assert list(store.gc(keep=1, who="ann", when=MUCH_LATER, delete=True).removed) == [second]
    assert [version.id for version in store.versions()] == [third, first]
    assert store.get(first).files == tiny_artifact(0).files


def test_commands_work_on_it_as_on_a_disk(url, tmp_path, capsys):
    source = Store(str(tmp_path / "source"))
    version = put(source)
    promote(source, "live", version, None, "first")
    assert main(["store", "push", source.url, url, "--aliases", "-q", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["versions"] == [version]
    assert main(["store", "push", source.url, url, "--aliases", "-q", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "versions": [],
        "there": [version],
        "blobs": 0,
        "bytes": 0,
        "aliases": {},
    }
    assert main(["store", "history", url, "live", "--json"]) == 0
    assert [entry["why"] for entry in json.loads(capsys.readouterr().out)["entries"]] == ["first"]
    assert main(["store", "pull", str(tmp_path / "back"), url, "-q"]) == 1
    assert "is not an application" in capsys.readouterr().err
    Store(url).push(Store(str(tmp_path / "back")), when=now())
    assert Store(str(tmp_path / "back")).get(version) == source.get(version)


def test_a_wrong_secret_and_a_missing_bucket_are_told(url, monkeypatch):
    assert refusal(Store("s3://nowhere/x").versions) == "store.unusable"
    for name, value in (("AWS_SECRET_ACCESS_KEY", "wrong"), ("AWS_ACCESS_KEY_ID", "nobody")):
        monkeypatch.setenv(name, value)
        for call in (Store.versions, lambda store: store.get("0123456789ab"), put):
            assert refusal(call, Store(url)) == "store.denied"
    with pytest.raises(OvertonError, match="access is refused") as caught:
        Store(url).versions()
    assert "wrong" not in str(caught.value)


def test_of_three_who_promote_at_once_exactly_one_wins(url):
    check(race([Store(url) for _ in range(3)], 10), 10)


@pytest.mark.slow
def test_two_hundred_races_have_one_winner_each(url):
    check(race([Store(url) for _ in range(2)], RACES), RACES)
