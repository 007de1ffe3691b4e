import json
import shlex
import shutil
from pathlib import Path

import pytest

import overton
from overton.cli.main import main
from overton.cli.store_command import ACTIONS
from overton.store import Store
from tests.stores import LATER, NOON, promote, put
from tests.tiny_artifact import SCHEMA, tiny_artifact

MUCH_LATER = "2100-01-01T12:00:00+00:00"


@pytest.fixture
def app(tmp_path) -> Path:
    """An application with two versions, both of which `live` has named."""
    app = tmp_path / "app"
    app.mkdir()
    (app / "schema.json").write_text(SCHEMA)
    store = overton.load(app).store
    first, second = put(store, 0, NOON), put(store, 1, LATER)
    promote(store, "live", first, None, "first")
    promote(store, "live", second, first, "better")
    return app


def printed(capsys: pytest.CaptureFixture[str], *words: object) -> str:
    assert main([str(word) for word in words]) == 0
    return capsys.readouterr().out


def told(capsys: pytest.CaptureFixture[str], *words: object) -> dict:
    return json.loads(printed(capsys, *words, "--json"))


def test_the_history_of_an_alias_is_printed(app, capsys):
    first, second = tiny_artifact(0).id, tiny_artifact(1).id
    lines = printed(capsys, "store", "history", app, "live").splitlines()
    assert [line.split()[1] for line in lines] == ["version", second, first]
    document = told(capsys, "store", "history", app, "live")
    assert [(entry["version"], entry["why"], entry["action"]) for entry in document["entries"]] == [
        (first, "first", "promote"),
        (second, "better", "promote"),
    ]
    assert document == told(capsys, "store", "history", app / "store", "live")
    assert document == told(capsys, "store", "history", f"file://{app}/store", "live")
    assert [entry.why for entry in overton.load(app).store.history("live")] == ["first", "better"]


def test_an_alias_that_names_nothing_has_no_history(app, capsys):
    assert told(capsys, "store", "history", app, "dead") == {"alias": "dead", "entries": []}
    assert printed(capsys, "store", "history", app, "dead") == ""


def test_an_alias_that_is_misspelt_is_told_with_the_one_that_is_meant(app, capsys):
    assert main(["store", "history", str(app), "lve"]) == 0
    assert capsys.readouterr().err.endswith("Did you mean 'live'?\n")
    assert main(["store", "rollback", str(app), "lve"]) == 1
    assert "there is no alias 'lve'. Did you mean 'live'? [store.no-rollback]" in capsys.readouterr().err


def test_what_to_do_next_names_the_store_that_was_asked_for(app, tmp_path, capsys):
    store = str(tmp_path / "my store")
    assert main(["versions", str(app), "--store", store]) == 0
    words = shlex.split(capsys.readouterr().err.partition("no version yet: ")[2])
    assert words == ["overton", "build", str(app), "--store", store]
    assert main(["store", "history", str(app), "live", "--store", store]) == 0
    words = shlex.split(capsys.readouterr().err.partition("names nothing yet: ")[2])
    assert words == ["overton", "promote", str(app), "live", "--store", store]


def test_a_rollback_is_one_command_and_another_says_that_there_is_no_further_back(app, capsys):
    first, second = tiny_artifact(0).id, tiny_artifact(1).id
    assert printed(capsys, "store", "rollback", app, "live", "--why", "wrong") == f"live: {second} -> {first}\n"
    assert overton.load(app).store.resolve("live") == first
    assert main(["store", "rollback", str(app), "live"]) == 1
    assert "[store.no-rollback]" in capsys.readouterr().err
    assert told(capsys, "store", "rollback", app, "live", "--to", second[:6])["version"] == second
    assert [entry["action"] for entry in told(capsys, "store", "history", app, "live")["entries"]] == [
        "promote",
        "promote",
        "rollback",
        "rollback",
    ]


def test_two_versions_are_set_side_by_side(app, capsys):
    first, second = f"{app}@{tiny_artifact(0).id}", f"{app}@live"
    assert printed(capsys, "store", "diff", first, second).startswith(f"{tiny_artifact(0).id} -> {tiny_artifact(1).id}")
    assert told(capsys, "store", "diff", first, second)["old"] == tiny_artifact(0).id


def test_removal_tells_first_and_removes_when_told_to(app, capsys, monkeypatch):
    store = overton.load(app).store
    third, fourth = put(store, 2, "2026-02-01T12:00:00+00:00"), put(store, 3, "2026-02-02T12:00:00+00:00")
    monkeypatch.setattr("overton.base.now", lambda: MUCH_LATER)
    document = told(capsys, "store", "gc", app, "--keep", 1)
    assert [row["version"] for row in document["removed"]] == [third]
    assert (document["deleted"], len(store.versions())) == (False, 4)
    assert "--delete removes them" in printed(capsys, "store", "gc", app, "--keep", 1)
    assert f"removed  {third}" in printed(capsys, "store", "gc", app, "--keep", 1, "--delete", "-q")
    assert [version.id for version in store.versions()] == [fourth, tiny_artifact(1).id, tiny_artifact(0).id]


def test_versions_are_pushed_to_another_place_and_pulled_into_another_application(app, tmp_path, capsys):
    first, second = tiny_artifact(0).id, tiny_artifact(1).id
    backup = tmp_path / "backup"
    assert told(capsys, "store", "push", app, backup, "--version", "live", "-q")["versions"] == [second]
    assert told(capsys, "store", "push", app, backup, "--aliases", "-q")["aliases"] == {"live": 2}
    assert "there already" in printed(capsys, "store", "push", app, backup, "--verify", "-q")
    other = tmp_path / "other"
    other.mkdir()
    shutil.copy(app / "schema.json", other)
    assert set(told(capsys, "store", "pull", other, backup, "--aliases", "-q")["versions"]) == {first, second}
    assert overton.load(other).version("live").id == second
    assert told(capsys, "store", "push", other, app, "-q")["there"] == [second, first]


def test_a_copy_over_a_log_that_went_another_way_is_refused(app, tmp_path, capsys):
    store = Store(str(tmp_path / "backup"))
    promote(store, "live", put(store, 2), None)
    assert main(["store", "push", str(app), str(tmp_path / "backup"), "--aliases", "-q"]) == 1
    assert "[store.diverged]" in capsys.readouterr().err
    assert len(store.versions()) == 1


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["history", "APP", "../versions"], "base.bad-name"),
        (["history", "APP", "a/b"], "base.bad-name"),
        (["rollback", "APP", "live", "--to", "../../etc"], "store.unknown-version"),
        (["push", "APP", "http://127.0.0.1/x"], "store.url"),
        (["push", "APP", "s3://bucket/../x"], "store.url"),
        (["pull", "APP", "APP/nothing", "--version", "live"], "store.unknown-version"),
        (["pull", "APP", "APP/nothing"], "store.not-there"),
        (["pull", "APP", "APP/nothing", "--aliases"], "store.not-there"),
        (["gc", "APP/data"], "application.no-schema"),
    ],
)
def test_what_cannot_be_is_told_in_one_line(app, capsys, words, code):
    assert main(["store", *(word.replace("APP", str(app)) for word in words)]) == 1
    error = capsys.readouterr().err
    assert f"[{code}]" in error
    assert len(error.splitlines()) == 1


@pytest.mark.parametrize("action", ACTIONS)
def test_every_action_has_help_with_an_example(action, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["store", action, "--help"])
    assert stopped.value.code == 0
    assert f"overton store {action}" in capsys.readouterr().out
