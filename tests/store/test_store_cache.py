import os
from pathlib import Path

import pytest
from obstore.store import MemoryStore

from overton.base import digest_bytes
from overton.store import Store
from overton.store.cache import Cache
from tests.stores import put, refusal
from tests.tiny_artifact import tiny_artifact

CONTENT = b"content"
DIGEST = digest_bytes(CONTENT)


@pytest.fixture
def cache(tmp_path) -> Cache:
    return Cache(tmp_path / "cache")


def test_what_is_kept_is_got_back(cache):
    assert cache.get(DIGEST, len(CONTENT)) is None
    cache.keep(DIGEST, CONTENT)
    assert cache.get(DIGEST, len(CONTENT)) == CONTENT


@pytest.mark.parametrize("damage", [b"Content", b"content and more", b""])
def test_what_was_changed_is_dropped_and_not_believed(cache, damage):
    cache.keep(DIGEST, CONTENT)
    (cache.folder / DIGEST).write_bytes(damage)
    assert cache.get(DIGEST, len(CONTENT)) is None
    assert list(cache.folder.iterdir()) == []


def test_a_link_is_not_followed(cache, tmp_path):
    cache.folder.mkdir()
    (tmp_path / "outside").write_bytes(CONTENT)
    (cache.folder / DIGEST).symlink_to(tmp_path / "outside")
    assert cache.get(DIGEST, len(CONTENT)) is None


def test_what_was_not_asked_for_longest_makes_room(tmp_path):
    cache = Cache(tmp_path, limit=25)
    contents = [bytes([number]) * 10 for number in range(4)]
    for number, content in enumerate(contents[:2]):
        cache.keep(digest_bytes(content), content)
        os.utime(tmp_path / digest_bytes(content), (number, number))
    assert cache.get(digest_bytes(contents[0]), 10)
    cache.keep(digest_bytes(contents[2]), contents[2])
    assert [cache.get(digest_bytes(content), 10) is not None for content in contents] == [True, False, True, False]


def test_a_cache_that_cannot_be_written_is_no_reason_to_fail(tmp_path):
    (tmp_path / "file").write_text("")
    cache = Cache(tmp_path / "file" / "cache")
    cache.keep(DIGEST, CONTENT)
    assert cache.get(DIGEST, len(CONTENT)) is None


def test_what_may_only_be_read_is_read(cache, monkeypatch):
    cache.keep(DIGEST, CONTENT)

    def refuse(*_: object) -> None:
        raise PermissionError("of another user")

    for name in ("utime", "unlink"):
        monkeypatch.setattr(os, name, refuse)
    assert cache.get(DIGEST, len(CONTENT)) == CONTENT


def test_a_store_far_away_is_read_once_and_damage_there_is_never_kept(tmp_path):
    store = Store("memory", backend=MemoryStore(), cache=tmp_path)
    version = put(store)
    model = f"blobs/sha256/{store.manifest(version).files['model.onnx'].sha256}"
    content = store.blobs.read(model)
    store.blobs.replace(model, bytes(len(content)))
    assert refusal(store.get, version) == "artifact.digest"
    assert Path(model).name not in os.listdir(tmp_path)
    store.blobs.replace(model, content)
    assert store.get(version).files == tiny_artifact().files
    store.blobs.remove([model])
    assert store.get(version).files == tiny_artifact().files


def test_a_store_on_a_local_disk_is_kept_nowhere_else(tmp_path):
    store = Store(str(tmp_path / "store"), cache=tmp_path / "cache")
    store.get(put(store))
    assert not (tmp_path / "cache").exists()
