import gzip
import json
import random
import time

import numpy as np
import pytest
import torch

import overton
from overton.base import OvertonError
from overton.cli.main import main
from overton.codec import Encoder
from overton.combining import combine_all
from overton.data import Pool, RecordParser, pack
from overton.nn.pretrained import Vectors
from overton.pipeline import fit, plan
from overton.pretrained import choose_vectors, read_vectors
from overton.pretrained.files import vectors_at_hand
from overton.pretrained.files.vectors import load_vectors
from tests.kinds import ODD, write_kinds

GLOVE = [b"the 0.1 0.2 0.3\n", b"paris 1 2 3\n", b"Paris 4 5 6\r\n", b". . . 7 8 9\n", b"\n", b"x00 -1e-2 0 1 \n"]


def fault(lines, wanted=("a",)):
    with pytest.raises(OvertonError) as raised:
        read_vectors(lines, wanted, "v.txt")
    return str(raised.value)


@pytest.mark.parametrize("header", [[], [b"5 3\n"]], ids=["glove", "word2vec"])
def test_the_wanted_lines_are_read(header):
    found = read_vectors([*header, *GLOVE], {"Paris", "x00", ". . .", "absent"})
    assert found.words == ("Paris", ". . .", "x00")
    assert found.matrix.tolist() == np.array([[4, 5, 6], [7, 8, 9], [-0.01, 0, 1]], np.float32).tolist()
    assert found.n_words == 5


@pytest.mark.parametrize("header", [[], [b"5 3\n"]], ids=["glove", "word2vec"])
def test_a_mark_of_utf8_before_the_first_line_is_no_part_of_it(header):
    first, *rest = [*header, *GLOVE]
    found = read_vectors([b"\xef\xbb\xbf" + first, *rest], {"the", "paris"})
    assert (found.words, found.n_words) == (("the", "paris"), 5)


def test_blanks_may_be_doubled_or_tabs_and_the_first_of_two_lines_counts():
    found = read_vectors([b"a\t1\t2\n", b"b  3  4\n", b"a 5 6\n", b"c\t7  8\n"], {"a", "b", "c"})
    assert (found.words, found.matrix.tolist()) == (("a", "b", "c"), [[1, 2], [3, 4], [7, 8]])


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([b"a 1 2\n", b"b 1\n"], "v.txt:2: expected a word and 2 numbers, got 1 numbers"),
        ([b"2 2\n", b"a 1 2\n", b"b 1 2 3\n"], "v.txt:3: expected a word and 2 numbers, got 3 numbers"),
        ([b"b 1 2 3\n", b"a  1 2\n"], "v.txt:2: expected a word and 3 numbers, got 2 numbers"),
        ([b"b 1 2\n", b"a 1 two\n"], "v.txt:2: expected numbers: could not convert string to float"),
        ([b"a 1 nan\n"], "v.txt:1: expected finite numbers"),
        ([b"a 1 1e300\n"], "v.txt:1: expected finite numbers"),
        ([b"word\n"], "v.txt:1: expected a word and its numbers"),
        ([], "v.txt:1: expected a word and its numbers"),
    ],
)
def test_a_fault_is_told_with_its_line(lines, expected):
    assert fault(lines).startswith(expected)


def test_a_string_is_found_as_written_then_in_lower_case_then_without_digits():
    found = read_vectors(GLOVE, {"Paris", "paris", "x00", "the"})
    part = choose_vectors("vectors:v.txt", found, ["Paris", "PARIS", "The", "X17", "gone"])
    assert part.strings.split("\n") == ["the", "paris", "Paris", "x00"]
    assert part.note == "4 of 5 strings are in vectors:v.txt, 4 of its 5 rows are kept"
    assert np.sqrt((part.weights["vectors"] ** 2).mean()) == pytest.approx(1)


def test_rows_that_nothing_uses_are_not_kept():
    part = choose_vectors("vectors:v.txt", read_vectors(GLOVE, {"the", "paris", "Paris"}), ["Paris"])
    assert part.strings == "Paris"
    assert part.weights["vectors"].shape == (1, 3)


def test_a_file_that_knows_no_string_is_a_fault():
    with pytest.raises(OvertonError, match=r"none of its 5 words is among the 1 strings .* \[pretrained.no-words\]"):
        choose_vectors("vectors:v.txt", read_vectors(GLOVE, {"q"}), ["q"])


def test_a_file_is_found_in_the_application_or_by_its_whole_path_plain_or_packed(tmp_path):
    (tmp_path / "v.txt.gz").write_bytes(gzip.compress(b"".join(GLOVE)))
    packed = load_vectors("v.txt", tmp_path, ["paris"])
    (tmp_path / "v.txt").write_bytes(b"".join(GLOVE))
    plain = load_vectors(str(tmp_path / "v.txt"), tmp_path / "elsewhere", ["paris"])
    assert packed.strings == plain.strings == "paris"
    assert packed.lineage["digest"] != plain.lineage["digest"]


def test_a_missing_file_says_what_was_looked_for(tmp_path):
    with pytest.raises(OvertonError) as raised:
        load_vectors("res/v.txt", tmp_path, ["a"])
    text = str(raised.value)
    assert f"looked for {tmp_path}/res/v.txt and {tmp_path}/res/v.txt.gz" in text
    assert text.endswith("[pretrained.not-found]")


def test_files_of_vectors_are_at_hand_of_payloads_whose_strings_they_know(tmp_path):
    resources = tmp_path / "resources"
    resources.mkdir()
    words = b"".join(b"w%d 1 2\n" % number for number in range(1000))
    others = {
        "a.txt.gz": gzip.compress(words),
        "cut.txt.gz": gzip.compress(words)[:200],
        "counts.txt": b"w1 3\nw2 5\n",  # words and counts, as many a list has
        "few.vec": b"".join(b"x%d 1 2\n" % number for number in range(1000)) + b"w1 1 2\n",
        "ids.vec": b"2 2\nQ1 1 2\nQ2 2 1\n",
        "list.txt": b"w1\nw2\n",
        "notes.md": words,
        "prose.txt": b"w1 w2 w3 are words\nand w4 is one\n",
        "seed.jsonl.gz": gzip.compress(words),
    }
    for name, content in others.items():
        (resources / name).write_bytes(content)
    texts = {"tokens": [f"W{number}" for number in range(50)], "entities": ["Q2", "Q3"], "query": []}
    found = {payload: vectors_at_hand(tmp_path, texts.__getitem__, payload) for payload in texts}
    known = {"tokens": ("vectors:resources/a.txt.gz",), "entities": ("vectors:resources/ids.vec",)}
    assert found == {**known, "query": ()}
    assert load_vectors("resources/a.txt.gz", tmp_path, texts["tokens"]).strings.count("\n") == 49


def test_no_strings_are_asked_for_where_no_file_may_have_them(tmp_path):
    assert vectors_at_hand(tmp_path, {}.__getitem__, "tokens") == ()


def test_check_tells_of_a_missing_file_before_anything_is_built(tmp_path):
    write_kinds(tmp_path / "app", 12)
    (tmp_path / "app" / "tuning.json").write_text('{"payloads": {"tokens": {"embedding": ["hash", "vectors:v.txt"]}}}')
    problems = overton.load(tmp_path / "app").check().problems
    assert [problem.code for problem in problems if "v.txt" in problem.message] == ["pretrained.not-found"]


@pytest.mark.parametrize("verb", ["check", "build", "explain"])
def test_a_missing_file_is_told_with_its_line_of_the_tuning(tmp_path, verb, capsys):
    write_kinds(tmp_path / "app", 12)
    path = tmp_path / "app" / "tuning.json"
    path.write_text(
        """{"payloads": {"tokens": {"embedding": "vectors:all.txt"},
 "entities": {"embedding": ["hash",
   "vectors:listed.txt"]}},
 "models": {"small": {"payloads": {
   "tokens": {"embedding": "vectors:own.txt"}}}, "large": {}}}"""
    )
    assert main([verb, str(tmp_path / "app"), "-q"]) == 1
    told = "".join(capsys.readouterr())
    for line, field, name in (
        (1, "$.payloads.tokens.embedding", "all"),
        (3, "$.payloads.entities.embedding[1]", "listed"),
        (5, "$.models.small.payloads.tokens.embedding", "own"),
    ):
        assert f"{path}:{line}: {field}: there is no file of vectors '{name}.txt'" in told


def test_a_packed_file_that_was_cut_short_is_a_fault(tmp_path):
    (tmp_path / "v.gz").write_bytes(gzip.compress(b"".join(GLOVE))[:-9])
    with pytest.raises(OvertonError, match=r"cannot be unpacked"):
        load_vectors("v.gz", tmp_path, ["a"])


def test_a_packed_file_whose_middle_is_damaged_is_a_fault(tmp_path):
    content = bytearray(gzip.compress(b"".join(b"w%d %d 2 3\n" % (number, number**5) for number in range(500))))
    middle = len(content) // 2
    content[middle : middle + 200] = bytes(200)
    (tmp_path / "v.gz").write_bytes(content)
    with pytest.raises(OvertonError, match=r"v.gz: it cannot be unpacked: .* \[pretrained.bad-vectors\]"):
        load_vectors("v.gz", tmp_path, ["a"])


def test_reading_is_quick():
    line = b" " + b" ".join([b"0.12345"] * 100) + b"\n"
    start = time.process_time()
    found = read_vectors((b"w%d" % number + line for number in range(20_000)), {f"w{k}" for k in range(0, 20_000, 50)})
    assert found.matrix.shape == (400, 100)
    assert time.process_time() - start < 0.4


@pytest.fixture(scope="module", params=["title", "entities"])
def tuned(request):
    """The payload whose vectors are trained further; those of tokens are frozen."""
    return request.param


@pytest.fixture(scope="module")
def application(tmp_path_factory, tuned):
    directory = tmp_path_factory.mktemp("vectors") / "app"
    write_kinds(directory, 60, tasks=("Token", "Title", "Pick"))
    numbers = random.Random(0)
    words = ["red", "green", "apple", "pear", "unused"]
    rows = "".join(f"{word} {' '.join(f'{numbers.gauss(0, 1):.3f}' for _ in range(8))}\n" for word in words)
    (directory / "words.txt").write_text(rows)
    tuning = {
        "payloads": {
            "tokens": {"embedding": "vectors:words.txt", "encoder": "bag"},
            "title": {"encoder": "bag", "aggregate": "mean"},
        },
        "slices": "off",
        "training": {"epochs": 2},
        "serving": {"int8": "off"},
    }
    tuning["payloads"].setdefault(tuned, {}).update(embedding="vectors:words.txt", tune=True)
    (directory / "tuning.json").write_text(json.dumps(tuning))
    return overton.load(directory)


@pytest.fixture(scope="module")
def planned(application):
    return plan(application.dataset(), application.tuning, application.directory)


def test_rows_in_use_are_kept_and_frozen_ones_stay_what_they_were(application, planned, tuned):
    dataset = application.dataset()
    weights = fit(dataset, planned, combine_all(dataset), seed=0).weights
    assert planned.given.strings["tokens"].split("\n") == ["red", "green", "apple", "pear"]
    given = load_vectors("words.txt", application.directory, ["red", "green", "apple", "pear"]).weights["vectors"]
    assert (weights["blocks.tokens/pretrained.vectors"] == given).all()
    assert (weights[f"blocks.{tuned}/pretrained.vectors"] != given).any()
    assert weights["blocks.tokens/pretrained.unknown"].any()
    lineage = planned.given.lineage["tokens"]
    assert lineage["name"] == "vectors:words.txt"
    assert (lineage["rows"], len(lineage["digest"])) == (4, 64)


@pytest.mark.slow
def test_the_artefact_has_the_rows_in_use_and_predicts_odd_records(application, planned):
    application.build(seed=0)
    version = application.version()
    assert version.artifact.strings == planned.given.strings
    assert version.artifact.json("lineage.json")["pretrained"] == planned.given.lineage
    said = version.predict([{"payloads": payloads} for payloads in ODD.values()])
    assert len(said) == len(ODD)


def test_a_string_has_the_same_row_in_training_and_serving(planned, tuned):
    schema = planned.program.schema
    record = {"payloads": {"tokens": ["red", "PEAR", "unused"], "title": "unseen", "entities": []}}
    parsed = RecordParser(schema, closed=True).parse(json.dumps(record).encode())
    inputs = Encoder(planned.program, planned.given.strings).encode(pack([parsed], schema, Pool()))
    assert inputs["tokens.rows"].tolist() == [[2, 5, 1]]
    assert inputs[f"{tuned}.rows"].tolist() == [[0 if tuned == "entities" else 1]]


def test_the_block_gives_vectors_a_learned_one_for_unknown_strings_and_none_for_padding():
    block = Vectors(rows=2, width=2, tune=False, dropout=0.5).eval()
    block.load_state_dict({"vectors": torch.tensor([[1.0, 2], [3, 4]]), "unknown": torch.tensor([8.0, 9])})
    assert block(torch.tensor([[2, 3, 1, 0]])).tolist() == [[[1, 2], [3, 4], [8, 9], [0, 0]]]
    assert block.train()(torch.full((1, 99), 2)).unique(dim=1).tolist() == [[[1, 2], [8, 9]]]


def test_other_vectors_make_another_program(application, planned):
    lines = (application.directory / "words.txt").read_text()
    (application.directory / "words.txt").write_text(lines.replace("red ", "red 9", 1))
    try:
        other = plan(application.dataset(), application.tuning, application.directory)
        assert other.program.digest() != planned.program.digest()
    finally:
        (application.directory / "words.txt").write_text(lines)


def test_a_transformer_without_its_packages_says_what_to_install(tmp_path, monkeypatch):
    from overton.pretrained.files import transformer

    monkeypatch.setattr(transformer.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(OvertonError, match=r"pip install 'overton\[hf\]' \[pretrained.needs-extra\]"):
        transformer.load_transformer("minilm", tmp_path)
