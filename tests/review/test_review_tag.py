"""Tags by expression: what expressions may speak of, what they may not do, and the file that holds the tag."""

import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

import overton
from overton.application import Application
from overton.base import OvertonError
from overton.cli.main import main
from overton.review.literals import literals_of
from overton.review.words import identifier, quoted

SCHEMA = {
    "payloads": {
        "tokens": {"type": "sequence"},
        "query": {"type": "singleton", "base": ["tokens"]},
        "title": {"type": "singleton"},
        "tags": {"type": "set", "range": "tokens"},
    },
    "tasks": {
        "Intent": {"payload": "query", "type": "multiclass"},
        "Bits": {"payload": "query", "type": "bitvector"},
        "POS": {"payload": "tokens", "type": "multiclass"},
        "TokenBits": {"payload": "tokens", "type": "bitvector"},
        "Pick": {"payload": "tags", "type": "select"},
    },
}
RECORDS = [
    {
        "id": "a",
        "payloads": {
            "tokens": ["How", "tall", "is", "it"],
            "query": "How tall is it",
            "title": "It's tall",
            "tags": [{"id": "Tall", "range": [1, 2]}, {"id": "It", "range": [3, 4]}],
        },
        "tasks": {
            "Intent": {"rule 1": "height", "crowd": {"age": 0.7, "height": 0.3}, "gold": "height"},
            "Bits": {"rule 1": ["x", "y"], "gold": []},
            "POS": {"tagger": ["ADV", "ADJ", None, "PRON"]},
            "TokenBits": {"tagger": [["w"], None, [], ["v", "w"]]},
            "Pick": {"rule 1": 1},
        },
        "tags": ["test", "lang:en"],
    },
    {
        "payloads": {"tokens": ["how", "old"], "query": "how old", "title": None, "tags": []},
        "tasks": {"Intent": {"rule 1": "height", "crowd": {"age": 0.5, "height": 0.5}, "gold": "age"}},
    },
    {"id": "c", "payloads": {"tokens": None, "query": "c", "title": "", "tags": None}, "tags": ["dev"]},
]


@pytest.fixture
def app(tmp_path: Path) -> Application:
    pytest.importorskip("duckdb")
    directory = tmp_path / "app"
    (directory / "data").mkdir(parents=True)
    (directory / "schema.json").write_text(json.dumps(SCHEMA))
    (directory / "data" / "records.jsonl").write_text("".join(json.dumps(record) + "\n" for record in RECORDS))
    return overton.load(directory)


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("id = 'a'", ["a"]),
        ("split = 'dev'", ["c"]),
        ("list_contains(tags, 'lang:en')", ["a"]),
        ("tokens[1] = 'How'", ["a"]),
        ("has(tokens, 'HOW')", ["a", "records.jsonl:2"]),
        ("tokens IS NULL", ["c"]),
        ("n_tokens = 0 AND n_tags = 0", ["c"]),
        ("has(payload_tags, 'it')", ["a"]),
        ("title LIKE 'It''s%'", ["a"]),
        ("has(title_words, 'tall')", ["a"]),
        ("title IS NULL", ["records.jsonl:2"]),
        ("query = 'how old'", ["records.jsonl:2"]),
        ("gold.Intent = 'height'", ["a"]),
        ("""votes.Intent."rule 1" <> gold.Intent""", ["records.jsonl:2"]),
        ("votes.Intent.crowd = 'age'", ["a"]),
        ("votes.Intent.crowd IS NULL", ["records.jsonl:2", "c"]),
        ("""list_contains(votes.Bits."rule 1", 'y')""", ["a"]),
        ("len(gold.Bits) = 0", ["a"]),
        ("votes.POS.tagger[3] IS NULL AND votes.POS.tagger[4] = 'PRON'", ["a"]),
        ("list_contains(flatten(votes.TokenBits.tagger), 'v')", ["a"]),
        ("""votes.Pick."rule 1" = 1""", ["a"]),
        ("""payload_tags[votes.Pick."rule 1" + 1] = 'It'""", ["a"]),
        ("false", []),
        ("length(query) > (SELECT 5)", ["a", "records.jsonl:2"]),
    ],
)
def test_an_expression_speaks_of_everything_that_a_record_holds(
    where: str, expected: list[str], app: Application
) -> None:
    assert list(app.tag("slice:x", where, write=False).ids) == expected


@pytest.mark.parametrize(
    ("where", "told"),
    [
        ("nope = 1", '"nope" not found'),
        ("tokens[1] =", "syntax error"),
        ("true; DROP TABLE x", "Parser Error"),
        ("id IN (SELECT content FROM read_text('/etc/passwd'))", "disabled by configuration"),
        ("id IN (SELECT column0 FROM read_csv('https://example.com/x.csv'))", "disabled by configuration"),
        ("id IN (FROM '/etc/passwd')", "does not exist"),
        ("id IN (FROM glob('/etc/*'))", "disabled by configuration"),
        ('id IN (SELECT id FROM "table")', "does not exist"),  # a variable of the program that asks
        ("id", "Could not convert"),
        ("predicted.Intent = 'age'", "predicted"),
        ("", "Parser Error"),
    ],
)
def test_what_an_expression_may_not_say_is_told_with_the_columns(where: str, told: str, app: Application) -> None:
    with pytest.raises(OvertonError) as caught:
        app.tag("slice:x", where)
    problem = caught.value.problems[0]
    assert problem.code == "tagging.bad-expression"
    assert told in problem.message
    assert "\n" not in problem.message
    assert problem.hint.startswith("Columns are id, tags, split, gold, votes, tokens, n_tokens, ")
    assert len(app.data_files) == 1


@pytest.mark.parametrize(("where", "hint"), [
    ("votes.Intent.legacy-1 = 'age'", 'Names with other signs stand in double quotes: "legacy-1". Columns are id, '),
    ("votes.Intent.big crowd = 'age'", 'Names with other signs stand in double quotes: "big crowd". Columns are id, '),
    ("votes.Intent.ruls = 'age'", "Did you mean 'rules'? Columns are id, "),
    ("gold.Intend = 'age'", "Did you mean 'Intent'? Columns are id, "),
])  # fmt: skip
def test_a_task_or_source_that_is_not_found_is_told_with_the_one_that_is_meant(
    where: str, hint: str, tmp_path: Path
) -> None:
    (tmp_path / "data").mkdir()
    schema = {
        "payloads": {"text": {"type": "singleton"}},
        "tasks": {"Intent": {"payload": "text", "type": "multiclass"}},
    }
    (tmp_path / "schema.json").write_text(json.dumps(schema))
    said = {"legacy-1": "age", "rules": "age", "big crowd": "height"}
    (tmp_path / "data" / "a.jsonl").write_text(json.dumps({"payloads": {"text": "a"}, "tasks": {"Intent": said}}))
    with pytest.raises(OvertonError) as caught:
        overton.load(tmp_path).tag("slice:x", where)
    assert caught.value.problems[0].hint.startswith(hint)


def test_an_expression_over_predictions_without_a_version_is_told_how_to_name_one(app: Application) -> None:
    with pytest.raises(OvertonError, match="--version"):
        app.tag("slice:x", "predicted.Intent <> gold.Intent")
    with pytest.raises(OvertonError) as caught:
        app.tag("slice:x", "nope = 1")
    assert "--version" not in str(caught.value)


@pytest.mark.long
def test_names_that_differ_in_case_alone_are_told_apart_in_expressions_and_literals(tmp_path: Path) -> None:
    pytest.importorskip("duckdb")
    from overton.review.sql import rows_where

    def said(number: int) -> dict:
        own = {"Crowd": "a" if number % 2 else "b", "crowd": "a" if number % 3 else "b", "gold": "a"}
        return {"Kind": own, "kind": {"Rule": "x" if number % 5 else "y", "rule": "x" if number % 7 else "y"}}

    schema = {
        "payloads": {
            "tokens": {"type": "sequence"},
            "Tokens": {"type": "sequence"},
            "n_tokens": {"type": "singleton"},
            "all": {"type": "singleton", "base": ["tokens", "Tokens"]},
        },
        "tasks": {name: {"payload": "all", "type": "multiclass"} for name in ("Kind", "kind")},
    }
    (tmp_path / "data").mkdir()
    (tmp_path / "schema.json").write_text(json.dumps(schema))
    payloads = [
        {"tokens": ["w"] * (number % 4), "Tokens": ["v"] * (number % 3), "n_tokens": f"t{number % 2}"}
        for number in range(40)
    ]
    lines = [json.dumps({"payloads": one, "tasks": said(number)}) for number, one in enumerate(payloads)]
    (tmp_path / "data" / "records.jsonl").write_text("\n".join(lines))
    dataset = overton.load(tmp_path).dataset()
    rows = np.arange(dataset.n_records)
    wheres = set()
    for task in ("Kind", "kind"):
        literals = literals_of(dataset, rows, task, {}, least=1)
        for literal, column in zip(literals.literals, literals.columns, strict=True):
            wheres.add(literal.where)
            assert rows_where(dataset, literal.where).tolist() == np.flatnonzero(column).tolist(), literal.where
    some = {
        "votes.Kind.crowd_2 = 'a'",
        "votes.kind_2.Rule = 'x'",
        "votes.Kind.Crowd <> votes.Kind.crowd_2",
        "n_tokens_2 <= 2",
        "has(tokens_2, 'w')",
    }
    assert some <= wheres
    assert len(rows_where(dataset, "payload_n_tokens = 't1'")) == 20


def test_a_tag_has_a_file_of_its_own_that_is_written_whole(app: Application) -> None:
    path = app.directory / "data" / "tags-slice-x.jsonl"
    assert app.tag("slice:x", "has(tokens, 'how')").added == 2
    before = path.stat().st_mtime_ns, path.read_bytes()
    assert app.dataset().tags.rows("slice:x").tolist() == [0, 1]
    again = app.tag("slice:x", "has(tokens, 'how')")
    assert (again.added, again.removed) == (0, 0)
    assert (path.stat().st_mtime_ns, path.read_bytes()) == before
    other = app.tag("slice:x", "id = 'c'")
    assert (other.added, other.removed) == (1, 2)
    assert path.read_text() == '{"id":"c","tags":["slice:x"]}\n'
    assert app.tag("slice:x", "list_contains(tags, 'slice:x')", write=False).ids == ()
    app.tag("slice:x", "false")
    assert not path.exists()
    assert app.check().problems == ()


def test_what_other_data_files_say_of_a_tag_is_told_and_left(app: Application, capsys: pytest.CaptureFixture) -> None:
    app.tag("slice:x", "has(tokens, 'how')")
    edits = app.directory / "data" / "edits.jsonl"
    edits.write_text('{"id":"a","tags":["slice:x"]}\n{"id":"c","tags":["slice:x"]}\n')
    kept = edits.read_bytes()
    assert main(["tag", str(app.directory), "slice:x", "--where", "id = 'a'"]) == 0
    assert capsys.readouterr().out.endswith("\nother data files, which stay as they are, give it to 1 more record\n")
    assert edits.read_bytes() == kept
    assert app.tag("slice:x", "id = 'a'").elsewhere == 1, "a itself is tagged here as well"
    assert app.tag("slice:x", "id in ('a', 'c')").elsewhere == 0


def test_tags_in_any_script_and_of_any_length_have_files_of_their_own(app: Application) -> None:
    names = ["slice:数字", "slice:質問", "slice:вопросы", "slice:" + "x" * 300, "slice:" + "東" * 300]
    for name in names:
        app.tag(name, "id = 'a'")
        app.tag(name, "id = 'c'")
    dataset = app.dataset()
    assert {name: dataset.ids(dataset.tags.rows(name)) for name in names} == {name: ["c"] for name in names}


def test_the_file_of_a_tag_from_an_earlier_release_is_replaced(app: Application) -> None:
    older = app.directory / "data" / "tags-slice-.jsonl"
    older.write_text('{"id": "a", "tags": ["slice:数字"]}\n')
    app.tag("slice:質問", "id = 'a'")
    app.tag("slice:数字", "id = 'c'")
    assert older.read_text() == '{"id":"c","tags":["slice:数字"]}\n'
    assert app.dataset().tags.has("slice:質問").sum() == 1


def test_a_file_that_is_not_the_tag_s_own_is_left_alone(app: Application) -> None:
    path = app.directory / "data" / "tags-slice-x.jsonl"
    app.tag("slice-x", "id = 'a'")
    kept = path.read_bytes()
    with pytest.raises(OvertonError, match="holds something else"):
        app.tag("slice:x", "id = 'a'")
    assert path.read_bytes() == kept


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("test", "tagging.split"),
        ("Slice:x", "tagging.bad-name"),
        ("", "tagging.bad-name"),
        ("a\nb", "tagging.bad-name"),
    ],
)
def test_a_tag_with_a_meaning_or_without_a_name_is_refused(name: str, code: str, app: Application) -> None:
    with pytest.raises(OvertonError) as caught:
        app.tag(name, "true")
    assert caught.value.problems[0].code == code


def test_without_duckdb_one_is_told_how_to_get_it(app: Application, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "duckdb", None)
    with pytest.raises(OvertonError, match="overton\\[sql\\]"):
        app.tag("slice:x", "true")


def test_the_command_writes_unless_told_not_to(app: Application, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["tag", str(app.directory), "slice:how", "--where", "has(tokens, 'how')", "-q"]
    assert main([*words, "--dry-run"]) == 0
    assert "nothing was written; it would be 2 more" in capsys.readouterr().out
    assert len(app.data_files) == 1
    assert main(words) == 0
    assert "slice:how: 2 of 3 records" in capsys.readouterr().out
    assert main([*words, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["ids"] == ["a", "records.jsonl:2"]


@pytest.mark.slow
def test_the_expression_of_every_literal_holds_where_the_literal_does(
    kinds_application: Application, tmp_path: Path
) -> None:
    pytest.importorskip("duckdb")
    from overton.pipeline import predict_rows
    from overton.review.sql import rows_where

    dataset, version = kinds_application.dataset(), kinds_application.version()
    rows = np.arange(dataset.n_records)
    predictions = predict_rows(dataset, version.runtime, rows)
    for task in ("Record", "Pick"):
        literals = literals_of(dataset, rows, task, predictions, least=1)
        assert len(literals.literals) > 30
        for literal, column in zip(literals.literals, literals.columns, strict=True):
            found = rows_where(dataset, literal.where, predictions)
            assert found.tolist() == np.flatnonzero(column).tolist(), literal.where


@pytest.mark.slow
def test_the_command_that_discover_tells_saves_what_it_found(kinds_application: Application, tmp_path: Path) -> None:
    pytest.importorskip("duckdb")
    directory = tmp_path / "app"
    shutil.copytree(kinds_application.directory, directory)
    application = overton.load(directory)
    found = [one for page in application.version().discover(["Record", "Token"], least=5) for one in page.slices]
    for one in found:
        if one.tag:
            continue
        version = application.version() if one.needs_version else None
        tagging = application.tag(one.name, one.where, version=version)
        assert sum(count for split, count in tagging.by_split.items() if split != "train") >= one.n
        assert set(one.examples) <= set(tagging.ids)


def test_names_and_texts_are_quoted() -> None:
    assert identifier('a"b') == '"a""b"'
    assert identifier("select") == '"select"'
    assert quoted("it's") == "'it''s'"
