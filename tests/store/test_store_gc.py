import errno
import os
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from overton.artifact import MANIFEST
from overton.base import OvertonError, now
from overton.store import Store, Swept, layout, sweep
from tests.stores import age, promote, put, refusal
from tests.tiny_artifact import tiny_artifact

DAYS = [f"2026-01-0{day}T12:00:00+00:00" for day in range(1, 7)]


@pytest.fixture
def store(tmp_path) -> Store:
    return Store(str(tmp_path / "store"))


def gc(store: Store, keep: int = 1, *, delete: bool = True) -> Swept:
    return store.gc(keep=keep, who="ann", when=now(), delete=delete)


def files(store: Store) -> dict[str, bytes]:
    root = Path(store.url)
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_nothing_is_removed_unless_told_to_and_what_is_told_is_what_goes(store):
    versions = [put(store, seed, DAYS[seed]) for seed in range(4)]
    age(store)
    before = files(store)
    told = gc(store, 1, delete=False)
    assert files(store) == before
    assert (set(told.removed), told.kept) == (set(versions[:3]), {versions[3]: "among the 1 newest"})
    done = gc(store, 1)
    assert (done.removed, done.kept, done.blobs, done.bytes) == (told.removed, told.kept, told.blobs, told.bytes)
    assert [version.id for version in store.versions()] == [versions[3]]
    assert store.get(versions[3]).files == tiny_artifact(3).files
    gone = {path: content for path, content in before.items() if path not in files(store) and path.startswith("blobs")}
    assert (len(gone), sum(map(len, gone.values()))) == (done.blobs, done.bytes)


def test_whatever_an_alias_ever_named_stays_with_its_content(store):
    versions = [put(store, seed, DAYS[seed]) for seed in range(5)]
    for before, version in zip([None, *versions], versions[:3], strict=False):
        promote(store, "live", version, before)
    promote(store, "old", versions[0], None)
    age(store)
    swept = gc(store, 0)
    assert set(swept.removed) == set(versions[3:])
    assert swept.kept == {versions[2]: "live names it", versions[1]: "live has named it", versions[0]: "old names it"}
    for seed, version in enumerate(versions[:3]):
        assert store.get(version).files == tiny_artifact(seed).files


def test_a_version_that_somebody_meant_to_promote_stays_and_is_told_to_stay(store):
    version = put(store, 0, DAYS[0])
    layout.claim(store.blobs, version, layout.BY_ALIAS, who="ann", when=DAYS[1])  # and then the connection was lost
    age(store)
    for delete in (False, True):
        assert gc(store, 0, delete=delete).kept == {version: "somebody meant to promote it"}
    assert store.get(version).files == tiny_artifact().files


def test_what_was_written_within_the_hour_stays(store):
    versions = [put(store, seed, DAYS[seed]) for seed in range(2)]
    age(store, hours=0.9)
    swept = gc(store, 0)
    assert (swept.removed, swept.blobs) == ({}, 0)
    assert set(swept.kept.values()) == {"put within the last hour"}
    assert len(store.versions()) == len(versions)


def test_content_of_a_put_that_was_killed_goes_once_it_is_old(store):
    version = put(store)
    blobs = Path(store.url) / "blobs" / "sha256"
    (blobs / ("0" * 64)).write_bytes(b"half of something")
    staged = blobs / f"{'1' * 64}#1"
    staged.write_bytes(b"killed")
    assert gc(store).blobs == 0
    age(store)
    assert (gc(store, delete=False).blobs, gc(store).blobs) == (2, 2)
    assert not staged.exists()
    assert store.get(version).files == tiny_artifact().files


def test_a_put_removes_what_killed_writes_left_long_ago(store):
    version = put(store, 0, DAYS[0])
    killed, young, other = (
        Path(store.url) / name for name in (f"blobs/sha256/{'1' * 64}#1", "store.json#2", "notes#3")
    )
    for path in (killed, young, other):
        path.write_bytes(b"half")
    os.utime(killed, (0, 0))
    os.utime(other, (0, 0))
    put(store, 1, DAYS[1])
    assert [path.exists() for path in (killed, young, other)] == [False, True, True]
    assert store.get(version).files.keys() == tiny_artifact().files.keys()


def test_what_others_keep_in_the_folder_of_a_store_stays_whatever_it_is_called(store):
    put(store)
    root = Path(store.url)
    theirs = ["notes/ticket#12", "draft#1", "blobs/sha256/README", "blobs/sha256/old/" + "0" * 64, "versions/x/plan#3"]
    for path in theirs:
        (root / path).parent.mkdir(exist_ok=True)
        (root / path).write_text("mine")
    ours = ["store.json#1", *(f"blobs/sha256/{'1' * 64}#{number}" for number in (1, 2))]
    ours += ["versions/0123/manifest.json#1", "aliases/live/000000000001.json#1"]
    for path in ours:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text("half of it")
    age(store)
    assert gc(store).blobs == len(ours)
    assert [(root / path).exists() for path in (*theirs, *ours)] == [True] * len(theirs) + [False] * len(ours)


def test_a_put_that_counts_on_old_content_keeps_it(store, monkeypatch):
    """Another version shares content with one that is being removed: whoever looks last sees what the other did."""
    old = put(store, 0, DAYS[0])
    age(store)
    seen = []
    find_all = store.blobs.find_all

    def meanwhile(folder: str) -> list:
        found = find_all(folder)
        if folder == "blobs/sha256" and not seen:
            seen.append(put(Store(store.url), 1, now()))
        return found

    monkeypatch.setattr(store.blobs, "find_all", meanwhile)
    assert set(gc(store, 0).removed) == {old}
    assert store.get(seen[0]).files == tiny_artifact(1).files


def test_a_put_that_takes_long_keeps_content_of_which_the_hour_was_half_over(store):
    put(store, 0, DAYS[0])
    age(store, hours=0.75)
    version = put(store, 1, now())
    manifest = Path(store.url) / "versions" / version / MANIFEST
    content = manifest.read_bytes()
    manifest.unlink()  # as it is until the last of the content is written
    later = (datetime.now(UTC) + timedelta(minutes=20)).isoformat()
    assert store.gc(keep=0, who="ann", when=later, delete=True).removed
    manifest.write_bytes(content)
    assert store.get(version).files == tiny_artifact(1).files


@pytest.mark.parametrize("when", ["before the claim", "after the claim"])
def test_a_version_is_removed_or_promoted_and_never_both(store, monkeypatch, when):
    version = put(store, 0, DAYS[0])
    age(store)
    outcomes = []
    create, remove = store.blobs.create, store.blobs.remove

    def attempt() -> None:
        if not outcomes:
            other = Store(store.url)
            try:
                outcomes.append(promote(other, "live", version, None).version)
            except OvertonError as error:
                outcomes.append(str(error))

    def claiming(path: str, content: bytes) -> bool:
        if when == "before the claim":
            attempt()
        return create(path, content)

    def removing(paths) -> None:
        if when == "after the claim":
            attempt()
        remove(paths)

    monkeypatch.setattr(store.blobs, "create", claiming)
    monkeypatch.setattr(store.blobs, "remove", removing)
    swept = gc(store, 0)
    if when == "before the claim":
        assert (outcomes, swept.removed, swept.kept) == ([version], {}, {version: "an alias came to name it"})
        assert store.get(version).files == tiny_artifact().files
    else:
        assert "is being removed" in outcomes[0]
        assert list(swept.removed) == [version]
        assert Store(store.url).aliases() == {}


def test_a_removal_that_was_killed_is_ended_by_the_next(store):
    version = put(store, 0, DAYS[0])
    (Path(store.url) / "versions" / version / "claim.json").write_text('{"by": "gc", "who": "ann", "when": ""}')
    assert refusal(promote, store, "live", version, None) == "store.being-removed"
    assert refusal(put, store) == "store.being-removed"
    age(store)
    assert list(gc(store, 0).removed) == [version]
    assert put(store) == version
    promote(store, "live", version, None)


def test_a_claim_on_a_version_that_is_not_there_goes_once_it_is_old(store):
    """Somebody may be about to promote what is being put again."""
    version = put(store, 0, DAYS[0])
    layout.claim(store.blobs, version, layout.BY_ALIAS, who="ann", when=DAYS[0])
    (Path(store.url) / "versions" / version / MANIFEST).unlink()
    gc(store)
    assert layout.read_claim(store.blobs, version) == layout.BY_ALIAS
    age(store)
    gc(store)
    assert layout.read_claim(store.blobs, version) == ""


def test_a_damaged_manifest_or_log_stops_it_before_anything_is_removed(store):
    versions = [put(store, seed, DAYS[seed]) for seed in range(3)]
    promote(store, "live", versions[0], None)
    age(store)
    manifest = Path(store.url) / "versions" / versions[1] / MANIFEST
    content = manifest.read_bytes()
    manifest.write_bytes(content[:-9])
    before = files(store)
    assert refusal(gc, store, 0) == "artifact.manifest"
    manifest.write_bytes(content)
    entry = Path(store.url) / "aliases" / "live" / "000000000001.json"
    entry.write_bytes(entry.read_bytes()[:-1])
    assert refusal(gc, store, 0) == "store.damaged"
    assert before.keys() == files(store).keys()


def test_a_store_that_is_not_there_has_nothing_to_remove(store):
    assert gc(store) == Swept(deleted=True)
    assert not Path(store.url).exists()


def test_what_vanishes_while_files_are_looked_for_is_none_of_them(store, monkeypatch):
    """A build writes each content under another name first, and renames it just when it is looked at."""
    version = put(store, 0, DAYS[0])
    staged = Path(store.url) / "blobs" / "sha256" / f"{'1' * 64}#1"
    staged.write_bytes(b"being written")
    age(store)
    walk = os.walk

    def meanwhile(*arguments, **named):
        for found in walk(*arguments, **named):
            if staged.name in found[2]:
                staged.unlink(missing_ok=True)
            yield found

    monkeypatch.setattr(os, "walk", meanwhile)
    assert gc(store, 1).blobs == 0
    assert store.get(version).files == tiny_artifact().files


def test_a_folder_that_cannot_be_read_is_told_and_not_taken_for_empty(store, monkeypatch):
    put(store, 0, DAYS[0])
    scandir = os.scandir

    def broken(path):
        if str(path).endswith("sha256"):
            raise OSError(errno.EIO, "Input/output error", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", broken)
    assert refusal(gc, store, 1) == "store.unusable"


def test_a_version_that_is_put_again_while_it_is_removed_is_whole(store, monkeypatch):
    """Who puts it finds all of it there; then its manifest goes, and before its content goes he is done."""
    version = put(store, 0, DAYS[0])
    put(store, 1, DAYS[1])
    age(store)
    is_found, is_gone = threading.Event(), threading.Event()
    keep_manifest, manifests, looks = layout.keep_manifest, sweep._manifests, []

    def waiting(*arguments):
        is_found.set()
        assert is_gone.wait(10)
        return keep_manifest(*arguments)

    def looking(blobs):
        looks.append(manifests(blobs))
        if len(looks) == 2:  # at what stays, when all that goes has no manifest any more
            is_gone.set()
            again.join(10)
        return looks[-1]

    monkeypatch.setattr(layout, "keep_manifest", waiting)
    monkeypatch.setattr(sweep, "_manifests", looking)
    again = threading.Thread(target=put, args=(Store(store.url), 0, now()))
    again.start()
    assert is_found.wait(10)
    assert set(gc(store, 1).removed) == {version}
    assert store.get(version).files == tiny_artifact(0).files


def test_who_puts_a_version_again_whose_removal_has_just_begun_is_told(store, monkeypatch):
    version = put(store, 0, DAYS[0])
    keep_manifest = layout.keep_manifest

    def meanwhile(*arguments):
        layout.claim(store.blobs, version, layout.BY_GC, who="ann", when=now())
        return keep_manifest(*arguments)

    monkeypatch.setattr(layout, "keep_manifest", meanwhile)
    assert refusal(put, store) == "store.being-removed"
