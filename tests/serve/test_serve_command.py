"""What the words of `overton serve` come to mean."""

from pathlib import Path

import pytest

import overton.serve.server
from overton.artifact.files import save_artifact
from overton.cli.main import main
from overton.serve import Limits, Place, Settings
from tests.serve.serving import golden_artifact, store_with
from tests.tiny_artifact import SCHEMA

FIRST, SECOND = golden_artifact(0), golden_artifact(1)


@pytest.fixture
def application(tmp_path) -> Path:
    directory = tmp_path / "factoid"
    directory.mkdir()
    (directory / "schema.json").write_text(SCHEMA)
    store_with(directory, FIRST, SECOND)
    return directory


@pytest.fixture
def served(monkeypatch) -> list[Settings]:
    """The settings that the server was started with."""
    found: list[Settings] = []
    monkeypatch.setattr(overton.serve.server, "run", lambda settings, **_: found.append(settings))
    return found


def test_an_alias_is_followed_and_an_id_is_not(application, served):
    store = str(application / "store")
    for reference, alias, version in (("live", "live", FIRST.id), (SECOND.id, "", SECOND.id)):
        assert main(["serve", f"{application}@{reference}", "-q"]) == 0
        assert served[-1] == Settings(Place(version, store), alias=alias, name="factoid")
    assert main(["serve", f"{application}@live", "--poll", "0", "-q"]) == 0
    assert served[-1].alias == ""


def test_another_version_is_named_by_what_is_told_of_it_in_the_store(application, served):
    words = ["serve", f"{application}@live", "--canary", f"{SECOND.id[:6]}=2.5%", "--shadow", "live", "-q"]
    assert main(words) == 0
    store = str(application / "store")
    assert (served[0].canary, served[0].canary_share) == (Place(SECOND.id, store), 0.025)
    assert served[0].shadow == Place(FIRST.id, store)


def test_another_version_answers_by_the_model_that_is_served_unless_it_names_one(application, served):
    store = str(application / "store")
    words = ["serve", f"{application}@live:small", "--canary", f"{SECOND.id[:6]}=5%", "--shadow", "live:large", "-q"]
    assert main(words) == 0
    assert served[0].place == Place(FIRST.id, store, "small")
    assert served[0].canary == Place(SECOND.id, store, "small")
    assert served[0].shadow == Place(FIRST.id, store, "large")
    assert main(["serve", f"{application}@live:small", "--shadow", f"{application}@live", "-q"]) == 0
    assert served[1].shadow == Place(FIRST.id, store), "whole, as that names it"


@pytest.mark.long
def test_the_content_of_a_version_is_left_to_who_serves_it(application, served, capsys, monkeypatch):
    for blob in (application / "store" / "blobs" / "sha256").iterdir():
        blob.write_bytes(b"damaged")
    assert main(["serve", f"{application}@live", "--shadow", SECOND.id, "-q"]) == 0
    assert served[0].place.version == FIRST.id
    monkeypatch.undo()
    for workers in ("1", "2"):
        assert main(["serve", f"{application}@live", "--port", "0", "--workers", workers, "-q"]) == 1
        error = capsys.readouterr().err
        assert "[artifact.digest]" in error
        assert "Traceback" not in error


def test_a_directory_is_served_as_it_is(tmp_path, served):
    save_artifact(FIRST, tmp_path / "version")
    assert main(["serve", str(tmp_path / "version"), "--shadow", str(tmp_path / "version"), "-q"]) == 0
    assert served[0] == Settings(Place(str(tmp_path / "version")), shadow=Place(str(tmp_path / "version")))


def test_a_log_among_the_data_files_is_refused(application, served, capsys):
    data = application / "data"
    data.mkdir()
    (data / "train.jsonl").write_text("{}\n")
    (application / "link.jsonl").symlink_to(data / "train.jsonl")
    for path in (data / "train.jsonl", data / "requests.jsonl", application / "link.jsonl"):
        assert main(["serve", str(application), "--log", str(path), "-q"]) == 1
        assert "[serve.bad-log]" in capsys.readouterr().err
    assert not served
    assert main(["serve", str(application), "--log", str(application / "requests.jsonl"), "-q"]) == 0
    assert served[0].log_file == str(application / "requests.jsonl")


def test_every_limit_is_an_option(application, served):
    limits = {"--max-bytes": "5", "--max-records": "6", "--queue": "7", "--timeout": "8"}
    others = {"--drain": "9", "--workers": "2", "--log-rate": "0.5", "--name": "x"}
    words = [word for pair in (limits | others).items() for word in pair]
    assert main(["serve", str(application), *words, "-q"]) == 0
    assert served[0].limits == Limits(max_bytes=5, max_records=6, max_waiting=7, max_seconds=8)
    assert (served[0].drain_seconds, served[0].workers, served[0].log_rate, served[0].name) == (9, 2, 0.5, "x")


@pytest.mark.parametrize(
    "words",
    [
        ["--canary", "live"],
        ["--canary", "live=0%"],
        ["--canary", "live=101%"],
        ["--canary", "=5%"],
        ["--workers", "0"],
        ["--queue", "-1"],
        ["--timeout", "nan"],
        ["--timeout", "0"],
        ["--poll", "inf"],
    ],
)
def test_what_means_nothing_is_wrong_usage(application, served, words, capsys):
    with pytest.raises(SystemExit) as caught:
        main(["serve", str(application), *words])
    assert caught.value.code == 2
    assert words[0] in capsys.readouterr().err
    assert served == []


def test_a_version_that_is_not_there_is_told(application, served, capsys):
    assert main(["serve", f"{application}@live", "--canary", "nosuch=5%", "-q"]) == 1
    assert "there is no version or alias 'nosuch'" in capsys.readouterr().err
    assert served == []
