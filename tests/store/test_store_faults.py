"""What can go wrong with a store, and who may want it to: one clear error each, and nothing half written."""

import json
import os
import shlex
import shutil
import socket
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from overton.artifact import MANIFEST
from overton.base import OvertonError
from overton.cli.main import main
from overton.store import Store, blobs
from tests.stores import promote, put, refusal
from tests.tiny_artifact import tiny_artifact


@pytest.fixture
def environment(monkeypatch) -> pytest.MonkeyPatch:
    """Credentials for a server on this machine, nothing of what the machine has, and little patience."""
    for name in [name for name in os.environ if name.startswith(("AWS_", "AZURE_", "GOOGLE_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setitem(blobs.CLIENT, "read_timeout", "200ms")
    monkeypatch.setitem(blobs.RETRY, "max_retries", 1)
    monkeypatch.setitem(blobs.RETRY, "retry_timeout", timedelta(seconds=5))
    return monkeypatch


def closed_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def problem(call, *arguments):
    with pytest.raises(OvertonError) as caught:
        call(*arguments)
    (found,) = caught.value.problems
    return found


def test_a_server_that_is_not_there_is_told_with_its_address(environment, tmp_path, capsys):
    address = f"http://127.0.0.1:{closed_port()}"
    environment.setenv("AWS_ENDPOINT_URL", address)
    store = Store("s3://bucket/prefix")
    for call in (store.versions, store.aliases, lambda: store.resolve("live"), lambda: put(store)):
        found = problem(call)
        assert (found.code, found.path) == ("store.unreachable", "s3://bucket/prefix")
        assert address in found.message
    assert main(["store", "history", "s3://bucket/prefix", "live"]) == 1
    error = capsys.readouterr().err
    assert "does not answer" in error
    assert len(error.splitlines()) == 1


def test_a_server_that_never_answers_is_given_up(environment):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        environment.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{silent.getsockname()[1]}")
        assert problem(Store("s3://bucket").versions).code == "store.unreachable"


@pytest.mark.parametrize(
    ("url", "variables", "names"),
    [
        ("s3://bucket/x", {"AWS_METADATA_ENDPOINT": "http://127.0.0.1:{port}"}, "AWS_ACCESS_KEY_ID"),
        ("az://container/x", {}, "AZURE_STORAGE_ACCOUNT_NAME"),
    ],
)
def test_credentials_that_are_missing_are_named(environment, url, variables, names):
    environment.delenv("AWS_ACCESS_KEY_ID")
    environment.delenv("AWS_SECRET_ACCESS_KEY")
    for name, value in variables.items():
        environment.setenv(name, value.format(port=closed_port()))
    found = problem(lambda: Store(url).versions())
    assert found.code == "store.denied"
    assert names in found.hint


@pytest.mark.parametrize(
    "url",
    [
        "s3://bucket/../other",
        "s3://bucket/a/./b",
        "s3://bucket//a",
        "s3://bucket/a%2f..",
        "s3://bucket/a?x=1",
        "s3://bucket/a#b",
        "s3://bucket/a\\..\\b",
        "s3://bucket/a\n",
        "s3://",
        "gs:///a",
        "az://..",
        "http://169.254.169.254/latest",
    ],
)
def test_a_url_that_leads_elsewhere_is_refused(url):
    assert refusal(Store, url) == "store.url"


def test_a_password_in_a_url_is_refused_and_not_shown():
    found = problem(Store, "s3://key:hunter2@bucket/x")
    assert found.code == "store.url"
    assert "hunter2" not in str(found)


# --------------------------------------------------------------------------------------------------------- no more room


LITTLE_ROOM = """
import resource, signal, sys
from overton.base import OvertonError
from overton.store import Store
from tests.stores import put
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
for room in map(int, sys.argv[2:]):
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, resource.RLIM_INFINITY))
    try:
        put(Store(f"{sys.argv[1]}/{room}"))
    except OvertonError as error:
        print(error.problems[0].code)
"""
ROOMS = (0, 100, 1000, 4000)


@pytest.mark.long
def test_a_disk_that_is_full_while_publishing_leaves_no_version_and_the_put_can_be_repeated(tmp_path):
    """Files may not grow beyond a limit: writing stops in the middle of the first content that is longer."""
    assert max(ROOMS) < max(map(len, tiny_artifact().files.values()))
    words = [sys.executable, "-c", LITTLE_ROOM, str(tmp_path), *map(str, ROOMS)]
    root = str(Path(__file__).parents[2])
    done = subprocess.run(words, capture_output=True, text=True, cwd=root, env={**os.environ, "PYTHONPATH": root})
    assert (done.stdout, done.returncode) == ("store.full\n" * len(ROOMS), 0), done.stderr
    for room in ROOMS:
        store = Store(str(tmp_path / str(room)))
        assert store.versions() == []
        assert refusal(store.resolve, "latest") == "store.unknown-version"
        version = put(store)
        assert store.get(version).files == tiny_artifact().files


IN_A_NAMESPACE = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c"]
SMALL_DISK = "mount -t tmpfs -o size=512k tmpfs "


@pytest.mark.long
def test_nothing_is_published_onto_a_real_disk_that_is_full_until_there_is_room(tmp_path):
    """A disk of half a megabyte, in a mount namespace: the operating system itself says that there is no space left."""
    disk, source = tmp_path / "disk", Store(str(tmp_path / "source"))
    disk.mkdir()
    put(source, 1)
    mount = f"{SMALL_DISK}{shlex.quote(str(disk))}"
    if shutil.which("unshare") is None or subprocess.run([*IN_A_NAMESPACE, mount], capture_output=True).returncode:
        pytest.skip("needs namespaces for users and mounts")
    root = str(Path(__file__).parents[2])
    program = shlex.join([sys.executable, "-m", "tests.store.full_disk", str(disk), source.url])
    words = [*IN_A_NAMESPACE, f"{mount} && {program}"]
    done = subprocess.run(words, capture_output=True, text=True, cwd=root, env={**os.environ, "PYTHONPATH": root})
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    old, new = told["old"], told["new"]
    assert len(told["rows"]) == 3
    for (said,), status, error, versions, aliases, read in told["rows"]:
        assert said[0] == "store.full"
        assert "No space left on device" in said[1]
        assert status == 1
        assert "there is no space left to write to" in error
        assert len(error.splitlines()) == 1
        assert (versions, aliases, read) == ([old], {"live": old}, old)
    assert [code for code, _ in told["promotion"]] == ["store.full"]
    assert told["before"] == [{"live": old}, 1]
    assert told["after"] == [{"live": new}, 2, new]
    assert not list(disk.iterdir()), "the disk was there for the program alone"


# ---------------------------------------------------------------------------------------------------- damage and attack


def test_a_flipped_byte_in_each_file_of_a_version_is_found(tmp_path):
    store = Store(str(tmp_path))
    version = put(store)
    promote(store, "live", version, None)
    blob = {entry.sha256: name for name, entry in store.manifest(version).files.items()}
    paths = [tmp_path / "versions" / version / MANIFEST, *(tmp_path / "blobs" / "sha256").iterdir()]
    assert {path.name for path in paths} == {MANIFEST, *blob}
    for path in paths:
        content = path.read_bytes()
        for place in {0, len(content) // 2, len(content) - 1}:
            path.write_bytes(content[:place] + bytes([content[place] ^ 0x40]) + content[place + 1 :])
            expected = "artifact.manifest" if path.name == MANIFEST else "artifact.digest"
            assert refusal(store.get, version) in (expected, "artifact.format"), (path, place)
        path.write_bytes(content)
    assert store.get(version).id == version


def test_content_that_is_longer_or_shorter_than_its_manifest_says_is_refused(tmp_path):
    store = Store(str(tmp_path))
    version = put(store)
    entry = store.manifest(version).files["model.onnx"]
    blob = tmp_path / "blobs" / "sha256" / entry.sha256
    content = blob.read_bytes()
    blob.write_bytes(content[:-1])
    assert refusal(store.get, version) == "artifact.digest"
    with blob.open("r+b") as file:
        file.truncate(1 << 40)  # a terabyte of nothing, which takes no room on the disk and would take all memory

    assert refusal(store.get, version) == "store.too-large"
    put(store)
    assert store.get(version).id == version


def test_a_small_file_that_is_huge_is_not_read(tmp_path):
    store = Store(str(tmp_path))
    version = put(store)
    promote(store, "live", version, None)
    for path, call in (
        ("aliases/live/000000000001.json", Store.aliases),
        (f"versions/{version}/manifest.json", Store.versions),
        ("store.json", Store.versions),
    ):
        with (tmp_path / path).open("r+b") as file:
            file.truncate(1 << 40)
        assert refusal(call, Store(str(tmp_path))) == "store.too-large"


@pytest.mark.parametrize("place", ["aliases/live", "aliases", "versions", "blobs/sha256", "blobs"])
def test_nothing_is_written_or_read_through_a_link(tmp_path, place):
    store = Store(str(tmp_path / "store"))
    version = put(store)
    outside = tmp_path / "outside"
    link = tmp_path / "store" / place
    if link.exists():
        link.rename(outside)
    else:
        outside.mkdir()
        link.parent.mkdir(exist_ok=True)
    link.symlink_to(outside)
    before = sorted(outside.rglob("*"))
    codes = []
    for call in (lambda: promote(store, "live", version, None), lambda: put(store, 1), lambda: store.get(version)):
        try:
            call()
        except OvertonError as error:
            codes.append(error.problems[0].code)
    assert "store.link" in codes
    assert sorted(outside.rglob("*")) == before


def test_a_pipe_in_a_store_is_refused_and_nobody_waits_for_it(tmp_path):
    store = Store(str(tmp_path))
    version = put(store)
    manifest = tmp_path / "versions" / version / MANIFEST
    manifest.unlink()
    os.mkfifo(manifest)
    assert refusal(store.get, version) == "store.link"


def test_names_in_a_store_that_are_no_names_are_no_versions_and_no_aliases(tmp_path):
    store = Store(str(tmp_path))
    version = put(store)
    promote(store, "live", version, None)
    for folder in ("versions", "aliases"):
        for name in (".hidden", "a b", "é", "x" * 65, "a\nb", "-r"):
            (tmp_path / folder / name).mkdir()
            (tmp_path / folder / name / "manifest.json").write_text("{}")
            (tmp_path / folder / name / "000000000001.json").write_text("{}")
    assert [found.id for found in store.versions()] == [version]
    assert store.aliases() == {"live": version}
