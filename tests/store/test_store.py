import os
import subprocess
import sys
from pathlib import Path

import obstore
import pytest
from obstore.store import LocalStore, MemoryStore

from overton.artifact import MANIFEST, Artifact
from overton.base import OvertonError, instant, now
from overton.store import Store
from overton.store.blobs import Blobs
from tests.stores import LATER, N_WRITES, NOON, promote, put, refusal
from tests.tiny_artifact import tiny_artifact


@pytest.fixture(params=["disk", "memory"])
def store(request, tmp_path) -> Store:
    return Store(str(tmp_path / "store")) if request.param == "disk" else Store("memory", backend=MemoryStore())


def all_files(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_what_is_put_is_got_back(store):
    version = put(store)
    assert version == tiny_artifact().id
    assert store.get(version).files == tiny_artifact().files
    assert store.get(version).created == NOON


def test_putting_twice_changes_nothing(tmp_path):
    store = Store(str(tmp_path))
    put(store)
    before = all_files(tmp_path)
    assert put(store, when=LATER) == tiny_artifact().id
    assert all_files(tmp_path) == before


def test_versions_share_what_they_have_in_common(tmp_path):
    store = Store(str(tmp_path))
    put(store, 0)
    put(store, 1)
    n_blobs = len(list((tmp_path / "blobs" / "sha256").iterdir()))
    assert n_blobs < 2 * len(tiny_artifact().files)


def test_versions_are_listed_newest_first_with_their_quality(store):
    old, new = put(store, 0, NOON), put(store, 1, LATER)
    assert [version.id for version in store.versions()] == [new, old]
    assert store.versions()[0].created == LATER
    assert store.versions()[0].summary == {"quality": {"Intent accuracy": 0.75}}


def test_looking_into_a_store_that_is_not_there_makes_nothing(tmp_path):
    store = Store(str(tmp_path / "none"))
    assert (store.versions(), store.aliases(), store.history("live")) == ([], {}, ())
    assert refusal(store.get, "0123456789ab") == "store.unknown-version"
    assert refusal(store.resolve, "latest") == "store.unknown-version"
    assert list(tmp_path.iterdir()) == []


def test_a_store_is_found_again_by_path_and_by_file_url(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    version = put(Store("sub/store"))
    for url in (str(tmp_path / "sub" / "store"), f"file://{tmp_path}/sub/store", "sub/store/"):
        assert Store(url).get(version).id == version


@pytest.mark.parametrize(
    "url", ["http://169.254.169.254/latest", "ftp://host/x", "memory:///", "s3:///", "nonsense://x"]
)
def test_a_store_of_another_kind_is_refused(url):
    assert refusal(Store, url) in ("store.url", "store.unusable")


# ------------------------------------------------------------------------------------------------------------- aliases


def test_an_alias_names_the_version_last_promoted_and_keeps_its_history(store):
    first, second = put(store, 0), put(store, 1)
    promote(store, "live", first, None, "first")
    promote(store, "live", second, first, "better")
    promote(store, "live", first, second, "it was not")
    assert store.aliases() == {"live": first}
    assert [(entry.version, entry.expected_prev, entry.why) for entry in store.history("live")] == [
        (first, None, "first"),
        (second, first, "better"),
        (first, second, "it was not"),
    ]
    assert store.history("live")[0].who == "ann"
    assert store.history("live")[0].when == NOON


def test_a_promotion_that_expects_another_version_is_refused(store):
    first, second = put(store, 0), put(store, 1)
    promote(store, "live", first, None)
    assert refusal(promote, store, "live", second, None) == "store.lost-race"
    assert refusal(promote, store, "live", second, second) == "store.lost-race"
    assert store.aliases() == {"live": first}
    assert len(store.history("live")) == 1


def test_only_a_version_of_the_store_can_be_promoted(store):
    put(store)
    assert refusal(promote, store, "live", "0123456789ab", None) == "store.unknown-version"
    assert store.aliases() == {}


# ------------------------------------------------------------------------------------------------------------- resolve


def test_a_version_is_found_by_id_alias_beginning_and_latest(store):
    old, new = put(store, 0, NOON), put(store, 1, LATER)
    promote(store, "live", old, None)
    assert store.resolve(old) == store.resolve("live") == store.resolve(old[:6]) == old
    assert store.resolve("latest") == new


@pytest.mark.parametrize("first", [0, 1])
def test_the_latest_of_two_of_one_second_is_the_one_put_last(store, first):
    put(store, first, instant())
    new = put(store, 1 - first, instant())
    assert store.resolve("latest") == new == store.versions()[0].id
    kept = store.gc(keep=1, who="ann", when=now(), delete=False).kept
    assert next(iter(kept)) == new


def test_what_names_no_version_is_told_with_what_is_near(store):
    version = put(store)
    promote(store, "live", version, None)
    for reference in ("liev", version[:3], "", "ffff", "../versions"):
        assert refusal(store.resolve, reference) == "store.unknown-version"
    with pytest.raises(OvertonError, match="Did you mean 'live'"):
        store.resolve("liev")


def test_the_beginning_of_two_versions_names_neither(tmp_path):
    store = Store(str(tmp_path))
    version = put(store)
    (tmp_path / "versions" / f"{version[:6]}ffffff").mkdir()
    (tmp_path / "versions" / f"{version[:6]}ffffff" / MANIFEST).write_text("{}")
    with pytest.raises(OvertonError, match="2 versions begin with"):
        store.resolve(version[:6])


@pytest.mark.parametrize("alias", ["latest", "beef", "0123456789ab"])
def test_an_alias_that_already_means_a_version_is_refused(store, alias):
    assert refusal(promote, store, alias, put(store), None) == "store.reserved-alias"


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../live", "a/b", "a\\b", "/etc", "a\0b", "%2e%2e", "é", "a" * 65, "a\n"]
)
def test_a_name_that_is_more_than_a_name_is_refused(store, name):
    version = put(store)
    assert refusal(promote, store, name, version, None) == "base.bad-name"
    assert refusal(promote, store, "live", name, None) == "base.bad-name"
    assert refusal(store.history, name) == "base.bad-name"
    assert refusal(store.get, name) == "base.bad-name"
    assert refusal(store.resolve, name) == "store.unknown-version"
    assert store.aliases() == {}


# -------------------------------------------------------------------------------------------------------------- damage


class InterruptedStore:
    """A blob store that is cut off after some writes, as by a lost connection or a kill."""

    def __init__(self, blobs: Blobs, after: int) -> None:
        self.blobs, self.left = blobs, after

    def create(self, path: str, content: bytes) -> bool:
        if not self.left:
            raise KeyboardInterrupt
        self.left -= 1
        return self.blobs.create(path, content)

    def __getattr__(self, name: str) -> object:
        return getattr(self.blobs, name)


@pytest.mark.parametrize("after", range(N_WRITES))
def test_a_put_that_is_interrupted_leaves_no_version_and_can_be_repeated(store, after):
    blobs = store.blobs
    store.blobs = InterruptedStore(blobs, after)
    with pytest.raises(KeyboardInterrupt):
        put(store)
    store.blobs = blobs
    assert store.versions() == []
    assert refusal(store.get, tiny_artifact().id) == "store.unknown-version"
    assert refusal(store.resolve, "latest") == "store.unknown-version"
    assert store.get(put(store)).files == tiny_artifact().files


def test_a_write_that_is_killed_midway_leaves_nothing_that_reads_as_a_version(tmp_path):
    """What the local backend leaves when it is killed: a staged file beside the place of the real one."""
    store = Store(str(tmp_path))
    version = put(store)
    place = tmp_path / "versions" / version / MANIFEST
    place.rename(place.with_name(MANIFEST + "#1"))
    assert store.versions() == []
    assert refusal(store.get, version) == "store.unknown-version"
    assert put(store) == version
    assert store.get(version).id == version


def test_a_flipped_byte_in_any_blob_is_found_and_mended_by_putting_again(tmp_path):
    store = Store(str(tmp_path))
    version = put(store)
    for blob in sorted((tmp_path / "blobs" / "sha256").iterdir()):
        content = blob.read_bytes()
        place = len(content) // 3
        blob.write_bytes(content[:place] + bytes([content[place] ^ 0x20]) + content[place + 1 :])
        assert refusal(store.get, version) == "artifact.digest"
        put(store)
        assert store.get(version).files == tiny_artifact().files


def test_one_file_of_a_version_is_read_by_itself_and_refused_where_it_was_changed(tmp_path):
    store = Store(str(tmp_path))
    version = put(store)
    assert store.json(version, "report.json") == tiny_artifact().json("report.json")
    entry = store.manifest(version).files["report.json"]
    (tmp_path / "blobs" / "sha256" / entry.sha256).write_bytes(b"{}".ljust(entry.size))
    assert refusal(store.json, version, "report.json") == "store.damaged"


@pytest.mark.parametrize("damage", [b"", b"{", b"\0" * 5_000_000])
def test_a_damaged_manifest_is_mended_by_putting_again(tmp_path, damage):
    store = Store(str(tmp_path))
    version = put(store)
    (tmp_path / "versions" / version / MANIFEST).write_bytes(damage)
    assert refusal(store.get, version) in ("artifact.manifest", "store.too-large")
    put(store)
    assert store.get(version).files == tiny_artifact().files


def test_a_manifest_of_a_later_format_is_left_alone_by_putting_again(tmp_path):
    store = Store(str(tmp_path))
    manifest = tmp_path / "versions" / put(store) / MANIFEST
    manifest.write_text('{"format": 9}')
    assert refusal(put, store) == "artifact.format"
    assert manifest.read_text() == '{"format": 9}'


def test_a_missing_blob_is_told(tmp_path):
    store = Store(str(tmp_path))
    version = put(store)
    next((tmp_path / "blobs" / "sha256").iterdir()).unlink()
    assert refusal(store.get, version) == "store.missing-blob"


def test_a_version_with_a_damaged_manifest_does_not_hide_the_others(tmp_path):
    store = Store(str(tmp_path))
    good, bad = put(store, 0), put(store, 1)
    manifest = tmp_path / "versions" / bad / MANIFEST
    manifest.write_bytes(manifest.read_bytes().replace(b"0.75", b"0.95"))
    events = []
    assert [version.id for version in store.versions(observe=events.append)] == [good]
    assert bad in events[0].message
    assert refusal(store.get, bad) == "artifact.manifest"
    assert refusal(promote, store, "live", bad, None) == "artifact.manifest"
    manifest.write_bytes(bytes(5_000_000))
    assert [version.id for version in store.versions()] == [good]


def test_a_store_of_damaged_versions_alone_is_not_an_empty_one(tmp_path):
    store = Store(str(tmp_path))
    (tmp_path / "versions" / put(store) / MANIFEST).write_text("garbage")
    assert refusal(store.versions) == "artifact.manifest"
    assert refusal(store.resolve, "latest") == "artifact.manifest"


def test_a_put_that_was_killed_does_not_hide_the_latest(tmp_path):
    store = Store(str(tmp_path))
    good, half = put(store, 0), put(store, 1)
    (tmp_path / "versions" / half / MANIFEST).rename(tmp_path / "versions" / half / f"{MANIFEST}#1")
    events = []
    assert [version.id for version in store.versions(observe=events.append)] == [good]
    assert store.resolve("latest") == good
    assert not events


def test_a_manifest_under_the_name_of_another_version_is_refused(tmp_path):
    store = Store(str(tmp_path))
    good, other = put(store, 0), put(store, 1)
    (tmp_path / "versions" / good / MANIFEST).write_bytes((tmp_path / "versions" / other / MANIFEST).read_bytes())
    assert refusal(store.get, good) == "store.damaged"


def test_a_damaged_entry_of_an_alias_is_told(tmp_path):
    store = Store(str(tmp_path))
    promote(store, "live", put(store), None)
    (tmp_path / "aliases" / "live" / "000000000001.json").write_text("{")
    assert refusal(store.aliases) == "store.damaged"


def test_links_in_a_store_are_not_followed(tmp_path):
    store = Store(str(tmp_path / "store"))
    version = put(store)
    outside = tmp_path / "outside.json"
    manifest = tmp_path / "store" / "versions" / version / MANIFEST
    os.replace(manifest, outside)
    manifest.symlink_to(outside)
    assert refusal(store.get, version) == "store.link"


def test_what_else_lies_in_a_store_is_left_alone(tmp_path):
    store = Store(str(tmp_path))
    version = put(store)
    promote(store, "live", version, None)
    (tmp_path / "README").write_text("hello")
    (tmp_path / "versions" / ".tmp").mkdir()
    (tmp_path / "aliases" / "live" / "notes.txt").write_text("hello")
    assert [found.id for found in store.versions()] == [version]
    assert len(store.history("live")) == 1


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_store_that_may_not_be_written_is_told(tmp_path):
    tmp_path.chmod(0o500)
    assert refusal(put, Store(str(tmp_path / "store"))) == "store.unusable"


def test_a_place_that_is_no_directory_is_told(tmp_path):
    (tmp_path / "file").write_text("x")
    assert refusal(put, Store(str(tmp_path / "file"))) == "store.unusable"


def test_an_artefact_that_is_not_complete_is_not_kept(store):
    files = {name: content for name, content in tiny_artifact().files.items() if name != "report.json"}
    assert refusal(store.put, Artifact(files), when=NOON) == "artifact.missing-file"
    assert store.versions() == []


def test_backends_agree_that_an_object_is_created_once(tmp_path):
    for backend in (MemoryStore(), LocalStore(tmp_path)):
        blobs = Blobs("x", backend)
        assert blobs.create("a/b", b"1")
        assert not blobs.create("a/b", b"2")
        assert blobs.read("a/b") == b"1"
        assert blobs.read("a/c") is None
        assert blobs.names("a") == ["b"]
        assert blobs.names("nowhere") == []
        assert bytes(obstore.get(backend, "a/b").bytes()) == b"1"


def test_the_store_needs_neither_torch_nor_onnxruntime():
    forbidden = ("torch", "onnx", "onnxruntime", "pandas", "pyarrow", "rich")
    code = f"import sys, overton.store; print([name for name in {forbidden} if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
