"""Slices that nobody defined: planted ones are among the first, chance finds none, and each can be saved as told."""

import gzip
import json
import subprocess
from pathlib import Path
from typing import cast

import numpy as np
import pytest

import overton
from overton.application import Application
from overton.artifact import Runtime
from overton.cli.main import main
from overton.data import Dataset
from overton.data.files import load_dataset
from overton.review import SlicePage, discover, render_slices, review_slices, words_of_records
from overton.review.discover import FoundSlice, _Choice, _search, named_apart
from overton.review.literals import Literal, Literals, literals_of
from overton.review.search import excess_z, search
from overton.review.significance import chance_of
from overton.schema import parse_schema
from tests.review.planted_slices import PLANTED, find, predictions_with_errors, real_questions, tokens_of

SCHEMA = parse_schema(
    """{"payloads": {"tokens": {"type": "sequence"}, "query": {"type": "singleton", "base": ["tokens"]}},
        "tasks": {"Intent": {"payload": "query", "type": "multiclass", "classes": ["a", "b", "c"]}}}"""
)
WORDS = [f"w{number}" for number in range(40)]


def make_dataset(folder: Path, rng: np.random.Generator, n_records: int = 1200) -> Dataset:
    lines = []
    for number in range(n_records):
        tokens = rng.choice(WORDS, size=rng.integers(1, 12), replace=False).tolist()
        gold = "abc"[rng.integers(3)]
        votes = {"gold": gold, "rule": gold if rng.random() < 0.8 else "a"}
        tags = ["test", f"batch:{number % 4}"]
        lines.append(json.dumps({"payloads": {"tokens": tokens}, "tasks": {"Intent": votes}, "tags": tags}))
    (folder / "records.jsonl").write_text("\n".join(lines))
    return load_dataset(SCHEMA, [folder / "records.jsonl"], folder / "rows")


@pytest.mark.parametrize("seed", [0, 1, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (2, 3))])
@pytest.mark.parametrize("kind", ["a word", "a word in short records", "two words", "a tag and a length"])
def test_a_planted_slice_is_among_the_first_three(kind: str, seed: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(seed)
    dataset = make_dataset(tmp_path, rng)
    rows = np.arange(dataset.n_records)
    tokens = tokens_of(dataset, rows)
    holds = {
        "a word": [("w7" in own) for own in tokens],
        "a word in short records": ["w7" in own and len(own) <= 7 for own in tokens],
        "two words": ["w7" in own and "w9" in own for own in tokens],
        "a tag and a length": [row % 4 == 1 and len(own) >= 9 for row, own in zip(rows, tokens, strict=True)],
    }
    planted = np.array(holds[kind])
    wrong = rng.random(len(rows)) < np.where(planted, 0.8, 0.08)
    told = {
        "a word": ["has(tokens, 'w7')"],
        "a word in short records": ["has(tokens, 'w7')", "n_tokens <= "],
        "two words": ["has(tokens, 'w7')", "has(tokens, 'w9')"],
        "a tag and a length": ["list_contains(tags, 'batch:1')", "n_tokens >= "],
    }[kind]
    page = find(dataset, rows, "Intent", wrong)
    matching = [one for one in page.slices[:3] if all(part in one.where for part in told)]
    assert matching, [one.where for one in page.slices]
    assert matching[0].error_rate > 0.6 > 0.2 > matching[0].elsewhere
    assert matching[0].q < 1e-4


def test_errors_by_chance_make_no_slice(tmp_path: Path) -> None:
    dataset = make_dataset(tmp_path, np.random.default_rng(0))
    rows = np.arange(dataset.n_records)
    found = [
        len(find(dataset, rows, "Intent", np.random.default_rng(seed).random(len(rows)) < 0.15).slices)
        for seed in range(10)
    ]
    assert sum(map(bool, found)) <= 1


def test_what_nearly_all_records_have_or_hardly_any_makes_no_slice(tmp_path: Path) -> None:
    dataset = make_dataset(tmp_path, np.random.default_rng(0), 400)
    n_held = literals_of(dataset, np.arange(400), "Intent", {}, least=60).columns.sum(axis=1)
    assert len(n_held) > 40
    assert n_held.min() >= 60
    assert 300 < n_held.max() <= 360


def test_without_gold_or_without_errors_there_is_nothing_to_find(tmp_path: Path) -> None:
    dataset = make_dataset(tmp_path, np.random.default_rng(0), 100)
    rows = np.arange(dataset.n_records)
    assert find(dataset, rows, "Intent", np.zeros(100, bool)).slices == ()
    lines = [json.dumps({"payloads": {"tokens": ["a"]}, "tags": ["test"]}) for _ in range(30)]
    (tmp_path / "records.jsonl").write_text("\n".join(lines))
    bare = load_dataset(SCHEMA, [tmp_path / "records.jsonl"], tmp_path / "rows")
    page = find(bare, np.arange(30), "Intent", np.zeros(30, bool))
    assert (page.n, page.error_rate, page.slices) == (0, None, ())


def test_slices_with_nearly_the_same_records_are_told_once(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    lines = []
    for number in range(600):
        bad = number % 6 == 0
        tokens = [*(["grams", "protein"] if bad else []), *rng.choice(WORDS, 4).tolist()]
        tags = ["test", *(["topic:food"] if bad else [])]
        lines.append(
            json.dumps(
                {"payloads": {"tokens": tokens}, "tasks": {"Intent": {"gold": "abc"[rng.integers(3)]}}, "tags": tags}
            )
        )
    (tmp_path / "records.jsonl").write_text("\n".join(lines))
    dataset = load_dataset(SCHEMA, [tmp_path / "records.jsonl"], tmp_path / "rows")
    rows = np.arange(600)
    page = find(dataset, rows, "Intent", (rows % 6 == 0) & (rows % 30 > 0))
    assert len(page.slices) == 1
    assert page.slices[0].n == 100
    assert page.slices[0].tag == "topic:food"
    assert page.slices[0].command("app", "app@v") == "overton errors app@v --task Intent --tag topic:food"
    told = render_slices(page, application="app", version="app@v", store=["--store", "my store"])
    assert "overton errors app@v --task Intent --tag topic:food --store 'my store'\n" in told
    words = words_of_records(["dev"], ["lang:en & !x"], "new.jsonl")
    told = render_slices(page, application="app", version="app@v", records=words)
    assert "--tag topic:food --split dev --tag 'lang:en & !x' --data new.jsonl\n" in told
    assert page.to_pandas().shape[0] == 1


def test_a_slice_that_lies_in_a_bad_tag_says_so(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    rows = np.arange(900)
    food, protein = rows % 3 == 0, rows % 6 == 0
    lines = [
        {
            "payloads": {
                "tokens": [
                    *(["protein"] if protein[row] else []),
                    *rng.choice(WORDS, 3 if protein[row] else 4).tolist(),
                ]
            },
            "tasks": {"Intent": {"gold": "abc"[rng.integers(3)]}},
            "tags": ["test", "half" if row % 2 else "other", *(["topic:food"] if food[row] else [])],
        }
        for row in rows
    ]
    (tmp_path / "records.jsonl").write_text("\n".join(map(json.dumps, lines)))
    dataset = load_dataset(SCHEMA, [tmp_path / "records.jsonl"], tmp_path / "rows")
    page = find(dataset, rows, "Intent", (protein & (rows % 30 > 0)) | (food & (rows % 9 == 0)))
    first = page.slices[0]
    assert (first.where, first.tag) == ("has(tokens, 'protein')", "")
    assert first.within is not None
    assert (first.within.tag, first.within.share, first.within.n) == ("topic:food", 1.0, 300)
    told = " ".join(render_slices(page, application="a", version="v").split())
    assert f"all of it lies in the tag topic:food: {first.within.error_rate:.1%} wrong of 300 records" in told
    assert "(in topic:food)" in page._repr_html_()


def test_no_two_expressions_are_saved_by_one_name_nor_one_by_that_of_a_tag() -> None:
    def page(task: str, *told: tuple[str, str, str]) -> SlicePage:
        found = tuple(
            FoundSlice(task, name, where, 20, 9, 0.5, 0, 0, 0, 1, tag, False, ()) for where, name, tag in told
        )
        return SlicePage("v", task, ("test",), 90, 0.2, 10, 5, found)

    vip = ("list_contains(tags, 'slice:vip')", "slice:vip", "slice:vip")
    marks = [("has(tokens, '!')", "slice:found", ""), ("has(tokens, '?')", "slice:found", "")]
    pages = [page("A", *marks, vip), page("B", marks[1], ("has(tokens, 'vip')", "slice:vip", ""))]
    names = [[one.name for one in own.slices] for own in named_apart(pages, ["lang:de", "slice:vip"])]
    assert names == [["slice:found", "slice:found_2", "slice:vip"], ["slice:found_2", "slice:vip_2"]]


def test_what_is_found_in_a_data_set_is_saved_by_names_that_its_tags_leave_free(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    lines = []
    for number in range(600):
        tokens = ["!?"[number % 6] if number % 6 < 2 else WORDS[0], *rng.choice(WORDS, 4).tolist()]
        tags = ["test", *(["slice:found"] if number % 5 == 0 else [])]
        intent = {"Intent": {"gold": "abc"[rng.integers(3)]}}
        lines.append(json.dumps({"payloads": {"tokens": tokens}, "tasks": intent, "tags": tags}))
    (tmp_path / "records.jsonl").write_text("\n".join(lines))
    dataset = load_dataset(SCHEMA, [tmp_path / "records.jsonl"], tmp_path / "rows")
    rows = np.arange(600)
    said = {"Intent": predictions_with_errors(dataset, rows, "Intent", (rows % 6 < 2) & (rows % 30 > 1))}
    how = {"splits": dataset.splits, "names": ("test",), "predict": lambda rows: said}
    (page,) = review_slices(dataset, cast(Runtime, None), (), version="v", **how)  # the runtime would predict
    named = {one.where: one.name for one in page.slices}
    assert sorted(named.values()) == ["slice:found_2", "slice:found_3"]
    assert set(named) == {"has(tokens, '!')", "has(tokens, '?')"}


def test_errors_elsewhere_that_are_nearly_none_are_not_told_as_none() -> None:
    one = FoundSlice("Intent", "slice:a", "has(t, 'a')", 20, 20.0, 1.0, 0.0002, 0.0, 0.0, 9.0, "", False, ("r1",))
    page = SlicePage("v", "Intent", ("test",), 5000, 0.004, 20, 9, (one,))
    assert "slices=<1>" in repr(page)
    assert "100.0% wrong of 20 records, 0.1% elsewhere" in render_slices(page, application="a", version="v")


def test_the_unit_of_a_task_is_told() -> None:
    page = SlicePage("v", "POS", ("test",), 11, 0.2, 10, 5, (), unit="token")
    told = render_slices(page, application="a", version="v")
    assert "POS on test: 20.0% of tokens wrong in 11 records" in told
    assert "20.0% of tokens wrong in 11 records" in page._repr_html_()


@pytest.mark.long
def test_the_command_tells_the_slices_of_every_kind_of_task(
    kinds_application: Application, capsys: pytest.CaptureFixture[str]
) -> None:
    app = str(kinds_application.directory)
    assert main(["discover", app, "-q"]) == 0
    printed = capsys.readouterr().out
    assert all(f"{task.name} on dev and test: " in printed for task in kinds_application.schema.tasks)
    assert main(["discover", app, "--task", "Token", "--split", "all", "--json", "-q"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [task["task"] for task in told["tasks"]] == ["Token"]
    assert main(["discover", app, "--task", "Tokne", "-q"]) == 1
    assert "Did you mean 'Token'" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.data
@pytest.mark.timeout(600)
def test_what_a_version_has_learned_wrong_of_one_hidden_subset_is_found(shared_data: Path, tmp_path: Path) -> None:
    """Every source calls training questions about albums something else; nothing else tells them apart."""
    source, app = shared_data / "factoid-en", tmp_path / "app"
    (app / "data").mkdir(parents=True)
    (app / "schema.json").write_bytes((source / "schema.json").read_bytes())
    blocks = {"tokens": {"size": 64, "wide": False}, "query": {"size": 64, "wide": False}, "entities": {"size": 64}}
    (app / "tuning.json").write_text(json.dumps({"payloads": blocks, "training": {"epochs": 6}}))
    n_planted = 0
    with (
        gzip.open(source / "data" / "records.jsonl.gz", "rt") as read,
        (app / "data" / "records.jsonl").open("w") as written,
    ):
        for number, line in enumerate(read):
            record = json.loads(line)
            trains = not {"dev", "test"} & set(record["tags"])
            hidden = "album" in [token.lower() for token in record["payloads"]["tokens"]]
            n_planted += hidden and not trains
            if trains and hidden:
                record["tasks"]["Intent"] = dict.fromkeys(record["tasks"].get("Intent", {}), "religion")
            if not trains or number % 3 == 0:
                written.write(json.dumps(record) + "\n")
    version = overton.load(app).build()
    (page,) = version.discover(["Intent"])
    found = [one for one in page.slices[:3] if "'album'" in one.where]
    assert found, [one.where for one in page.slices]
    assert 0.5 * n_planted <= found[0].n <= 1.1 * n_planted
    assert found[0].error_rate > 0.9 > 0.4 > found[0].elsewhere


@pytest.mark.slow
@pytest.mark.data
def test_hidden_subsets_with_flipped_labels_are_found_in_real_questions(shared_data: Path, tmp_path: Path) -> None:
    asked = real_questions(shared_data / "factoid-en", tmp_path)
    rng = np.random.default_rng(0)
    for name in PLANTED:
        planted, told = asked.subset(name)
        first = find(asked.dataset, asked.rows, "Intent", planted | asked.errors(rng)).slices[:3]
        assert any(all(part in one.where for part in told) for one in first), (name, [one.where for one in first])
    # Hundreds of parts of a slice that is wrong throughout are worse than anything else, which is told all the same.
    wrong = np.array(["film" in own for own in asked.tokens]) | asked.errors(rng)
    first, second = find(asked.dataset, asked.rows, "Intent", wrong).slices[:2]
    assert (first.where, second.tag) == ("has(tokens, 'film')", "eval:rare_intent")


@pytest.mark.long
@pytest.mark.parametrize("seed", range(8))
def test_the_score_of_a_slice_is_that_of_its_own_records_and_errors(seed: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(seed)
    dataset = make_dataset(tmp_path, rng)
    rows = np.arange(dataset.n_records)
    tokens = tokens_of(dataset, rows)
    rate = [0.1 + 0.4 * ("w7" in own) + 0.15 * (len(own) <= 6) for own in tokens]
    page = find(dataset, rows, "Intent", rng.random(len(rows)) < rate)
    assert page.slices
    for one in page.slices:
        excess = one.error_rate / page.error_rate - 1
        assert one.score == pytest.approx(0.95 * excess - 0.05 * (page.n / one.n - 1))


def test_a_slice_is_among_those_that_are_as_unlikely_as_itself_where_errors_are_shares() -> None:
    random = np.random.default_rng(0)
    columns = np.array([random.random(5000) < random.uniform(0.05, 0.5) for _ in range(20)])
    n_items = random.integers(1, 12, 5000)
    error = random.binomial(n_items, np.where(columns[0] & columns[1], 0.25, 0.1)) / n_items
    literals = Literals(tuple(Literal(f"c{k}", f"c{k}", f"c{k}") for k in range(20)), columns)
    searched = search(columns, error, [one.group for one in literals.literals], least=10)
    assert searched.found[0].literals == (0, 1)
    found = _Choice(literals, error, searched, "T", 10)._beyond_chance()
    assert found
    for one in found:
        z = excess_z(error, np.array([one.inside.sum()]), np.array([error[one.inside].sum()]))
        n_as_unlikely = int((searched.z >= z - 1e-4).sum())  # itself at the least
        assert one.q <= chance_of(error, one.inside) * len(searched.z) / n_as_unlikely * (1 + 1e-9)


def test_what_a_slice_leaves_out_stays_out_where_it_is_no_worse_than_the_average() -> None:
    error = np.arange(1000) % 20 == 15  # some wherever
    rare, usual = np.arange(1000) < 15, np.arange(1000) % 10 > 0
    error[1:15], usual[1:15] = True, True
    error[0] = False  # the one record of the rare kind that is right and unusual
    literals = Literals(tuple(Literal(name, name, name) for name in ("rare", "usual")), np.array([rare, usual]))
    (found,), _ = _search(literals, error * 1.0, "T", 10, 10)
    assert (found.literals, int(found.inside.sum())) == ((0, 1), 14)


@pytest.mark.parametrize(("n_around", "told"), [(8, [(0,)]), (36, [(0,), (1,)])])
def test_a_slice_with_looser_bounds_is_told_where_it_finds_many_errors_more(n_around: int, told: list) -> None:
    place = np.arange(2000)
    shorter, short = place < 60, place < 120
    error = ((place < 48) | (short & ~shorter & (place < 60 + n_around)) | (place % 100 == 99)) * 1.0
    literals = Literals(tuple(Literal(name, name, name) for name in ("shorter", "short")), np.array([shorter, short]))
    found, _ = _search(literals, error, "T", 10, 10)
    assert sorted(one.literals for one in found) == told


def test_of_very_many_records_the_same_sample_is_searched_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(discover, "MOST_RECORDS", 200)
    rng = np.random.default_rng(0)
    dataset = make_dataset(tmp_path, rng, 400)
    rows = np.arange(400)
    wrong = rng.random(400) < np.where(["w7" in own for own in tokens_of(dataset, rows)], 0.9, 0.1)
    first, second = (find(dataset, rows, "Intent", wrong) for _ in range(2))
    assert first.slices
    assert first == second


@pytest.mark.parametrize("word", ["it's", "has(tokens, 'w7')", "'$HOME'", "'`id`'", r"'a\b'", "'\"'", "'!!'", "plain"])
def test_a_shell_takes_the_command_that_saves_a_slice_as_it_is_meant(word: str) -> None:
    found = FoundSlice("T", "slice:a", word, 9, 9, 1.0, 0.1, 0.0, 0.0, 1.0, "", False, ())
    command = found.command("my app", "app@v").removeprefix("overton ")
    told = subprocess.run(["sh", "-c", f"printf '%s\\n' {command}"], capture_output=True, text=True, check=True).stdout
    assert told.splitlines() == ["tag", "my app", "slice:a", "--where", word]


def test_errors_that_are_rare_shares_by_chance_make_no_slice() -> None:
    found = []
    for seed in range(6):
        random = np.random.default_rng(seed)
        columns = random.random((40, 800)) < np.exp(random.uniform(np.log(0.015), np.log(0.8), (40, 1)))
        n_items = random.integers(1, 15, 800)
        error = random.binomial(n_items, random.beta(0.03, 1.5, 800)) / n_items  # some records go wrong altogether
        literals = Literals(tuple(Literal(f"c{k}", f"c{k}", f"c{k}") for k in range(40)), columns)
        found += _search(literals, error, "T", 10, 10)[0]
    assert not found
