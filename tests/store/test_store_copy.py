import os
from pathlib import Path

import pytest
from obstore.store import MemoryStore

from overton.artifact import MANIFEST
from overton.base import OvertonError, Problem, now
from overton.store import Copied, Store
from overton.store.copy import copy_versions
from tests.stores import LATER, N_WRITES, NOON, age, promote, put, refusal
from tests.tiny_artifact import tiny_artifact


@pytest.fixture
def stores(tmp_path) -> tuple[Store, Store]:
    """One on a local disk with two versions, one elsewhere with none."""
    source = Store(str(tmp_path / "source"))
    for seed, when in enumerate((NOON, LATER)):
        put(source, seed, when)
    return source, Store("memory", backend=MemoryStore())


def push(source: Store, target: Store, versions: list[str] | None = None, **more) -> Copied:
    return source.push(target, versions, when=now(), **more)


def model_of(store: Store, version: str) -> Path:
    """The file of a store on the disk that holds the model of a version."""
    return Path(store.url) / "blobs" / "sha256" / store.manifest(version).files["model.onnx"].sha256


def test_all_versions_are_copied_with_when_they_were_made(stores):
    source, target = stores
    copied = push(source, target)
    assert set(copied.versions) == {version.id for version in source.versions()}
    assert target.versions() == source.versions()
    for version in source.versions():
        assert target.get(version.id) == source.get(version.id)
    assert copied.blobs == len(list((Path(source.url) / "blobs" / "sha256").iterdir()))


def test_a_copy_made_again_writes_nothing_and_one_version_is_copied_alone(stores):
    source, target = stores
    newest, oldest = (version.id for version in source.versions())
    assert push(source, target, [oldest]).versions == (oldest,)
    assert push(source, target, [oldest]) == Copied(there=(oldest,))
    assert [version.id for version in target.versions()] == [oldest]
    assert push(source, target).versions == (newest,)


def test_it_goes_both_ways(stores, tmp_path):
    source, target = stores
    push(source, target)
    back = Store(str(tmp_path / "back"))
    push(target, back)
    assert back.versions() == source.versions()


@pytest.mark.parametrize("after", [0, 1, 5, N_WRITES - 1])
def test_a_copy_that_is_stopped_left_no_half_version_and_goes_on(stores, after, monkeypatch):
    source, target = stores
    version = source.resolve("latest")
    create, left = target.blobs.create, [after]

    def stopped(path: str, content: bytes) -> bool:
        left[0] -= 1
        if left[0] < 0:
            raise KeyboardInterrupt
        return create(path, content)

    monkeypatch.setattr(target.blobs, "create", stopped)
    with pytest.raises(KeyboardInterrupt):
        push(source, target, [version])
    monkeypatch.setattr(target.blobs, "create", create)
    assert target.versions() == []
    copied = push(source, target, [version])
    assert copied.versions == (version,)
    assert copied.blobs <= len(tiny_artifact().files)
    assert target.get(version) == source.get(version)


def test_a_damaged_version_is_told_and_not_copied_and_the_others_are(stores):
    source, target = stores
    newest, oldest = (version.id for version in source.versions())
    blob = model_of(source, newest)
    content = bytearray(blob.read_bytes())
    content[100] ^= 1
    blob.write_bytes(content)
    assert refusal(push, source, target) == "artifact.digest"
    assert [version.id for version in target.versions()] == [oldest]
    blob.unlink()
    assert refusal(push, source, target) == "store.missing-blob"
    assert refusal(target.get, newest) == "store.unknown-version"


def test_what_is_damaged_there_is_mended_when_it_is_verified(stores, tmp_path):
    source, _ = stores
    target = Store(str(tmp_path / "target"))
    push(source, target)
    version = source.resolve("latest")
    blob = model_of(target, version)
    blob.write_bytes(bytes(len(blob.read_bytes())))
    assert push(source, target).blobs == 0
    assert refusal(target.get, version) == "artifact.digest"
    assert push(source, target, verify=True).blobs == 1
    assert target.get(version) == source.get(version)


def test_half_a_content_there_is_mended_by_any_copy(stores, tmp_path):
    source, _ = stores
    target = Store(str(tmp_path / "target"))
    push(source, target)
    version = source.resolve("latest")
    blob = model_of(target, version)
    blob.write_bytes(blob.read_bytes()[:-1])
    assert push(source, target).blobs == 1
    assert target.get(version) == source.get(version)


def test_a_copy_that_takes_long_keeps_old_content_that_it_counts_on(stores, tmp_path):
    source, _ = stores
    target = Store(str(tmp_path / "target"))
    newest, oldest = (version.id for version in source.versions())
    push(source, target, [oldest])
    age(target)
    push(source, target, [newest])
    manifest = tmp_path / "target" / "versions" / newest / MANIFEST
    content = manifest.read_bytes()
    manifest.unlink()  # as it is until the last of the content is there
    assert list(target.gc(keep=0, who="ann", when=now(), delete=True).removed) == [oldest]
    manifest.write_bytes(content)
    assert target.get(newest) == source.get(newest)


def test_a_version_that_is_not_there_is_told(stores):
    source, target = stores
    assert refusal(push, source, target, ["0123456789ab"]) == "store.unknown-version"


def test_logs_are_brought_forward_with_what_they_name(stores):
    source, target = stores
    newest, oldest = (version.id for version in source.versions())
    promote(source, "live", oldest, None)
    assert push(source, target, [], aliases=["live"]).aliases == {"live": 1}
    promote(source, "live", newest, oldest)
    copied = push(source, target, [], aliases=["live"])
    assert (copied.aliases, copied.versions) == ({"live": 1}, (newest,))
    assert target.history("live") == source.history("live")
    assert push(source, target, [], aliases=["live"]).aliases == {}


def test_a_log_that_went_another_way_there_is_refused_before_anything_is_copied(stores):
    source, target = stores
    newest, oldest = (version.id for version in source.versions())
    push(source, target, [oldest])
    promote(source, "live", newest, None)
    promote(target, "live", oldest, None)
    assert refusal(push, source, target, aliases=["live"]) == "store.diverged"
    assert [version.id for version in target.versions()] == [oldest]
    assert target.aliases() == {"live": oldest}


def test_a_full_disk_is_told_once_and_not_of_every_version(stores, monkeypatch):
    source, target = stores
    full = OvertonError(Problem("there is no space left", "store.full"))

    def create(path: str, content: bytes) -> bool:
        raise full

    monkeypatch.setattr(target.blobs, "create", create)
    with pytest.raises(OvertonError) as caught:
        copy_versions(source.blobs, target.blobs, [found.id for found in source.versions()], when=now())
    assert [problem.code for problem in caught.value.problems] == ["store.full"]


@pytest.mark.parametrize("when", ["before the claim", "after the claim"])
def test_a_version_that_a_copied_log_names_is_removed_there_or_named_and_never_both(tmp_path, monkeypatch, when):
    source, target = (Store(str(tmp_path / name)) for name in ("source", "target"))
    version = put(source, 0, NOON)
    put(source, 1, LATER)
    push(source, target)
    promote(source, "live", version, None)
    for path in Path(target.url).rglob("*"):
        os.utime(path, (0, 0))
    told: list[str] = []

    def meanwhile() -> None:
        try:
            told.extend(push(source, Store(target.url), [], aliases=["live"]).aliases)
        except OvertonError as error:
            told.append(error.problems[0].code)

    create = target.blobs.create

    def claiming(path: str, content: bytes) -> bool:
        if when == "before the claim":
            meanwhile()
        made = create(path, content)
        if when == "after the claim":
            meanwhile()
        return made

    monkeypatch.setattr(target.blobs, "create", claiming)
    removed = target.gc(keep=1, who="ann", when=now(), delete=True).removed
    assert (told, set(removed)) in ((["live"], set()), (["store.being-removed"], {version}))
    assert (target.current("live") == version) == (version in [one.id for one in target.versions()])
