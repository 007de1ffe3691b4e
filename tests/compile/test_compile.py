import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import overton.compile
from overton.base import OvertonError
from overton.compile import (
    Choices,
    PayloadChoices,
    Pretrained,
    compile_program,
    default_choices,
    explain,
    parse_program,
    parse_tuning,
    split_objective,
    tuning_json_schema,
)
from overton.compile.choices import ENCODERS
from overton.schema import parse_schema
from tests.golden import check_cases
from tests.kinds import SCHEMA
from tests.tables import rows_of_a_user

CASES = Path(__file__).parents[1] / "cases" / "compile"
PUBLISHED = Path(overton.compile.__file__).parent / "tuning.schema.json"
CLASSES = {name: ("a", "b", "c") for name in SCHEMA["tasks"]}
KINDS = parse_schema(json.dumps(SCHEMA)).with_classes(CLASSES)


@pytest.fixture(autouse=True)
def large_tables():
    """Golden files tell how many rows tables have."""
    with rows_of_a_user():
        yield


def tune(value):
    return parse_tuning(value if isinstance(value, str) else json.dumps(value), "tuning.json", KINDS)


def faults(value):
    with pytest.raises(OvertonError) as raised:
        tune(value)
    return [str(problem) for problem in raised.value.problems]


def pinned(schema, **settings):
    choices = PayloadChoices(**{"size": 32, "layers": 2, "encoder": "cnn", "crf": True, **settings})
    return Choices(payloads={payload.name: choices for payload in schema.payloads})


def test_nothing_tuned_gives_the_defaults():
    assert tune({}).choices(KINDS) == default_choices(KINDS)


def test_what_a_model_has_of_its_own_stands_in_the_place_of_what_is_said_for_all():
    own = {"payloads": {"tokens": {"size": 32}}, "training": {"epochs": 9}, "slices": "off"}
    shared = {
        "payloads": {"tokens": {"size": 64, "layers": 2}},
        "training": {"epochs": 5, "dropout": 0.2},
        "slices": "on",
    }
    tuning = tune({**shared, "models": {"large": {}, "small": own}})
    for name, size, epochs, slices in (("large", 64, 5, "on"), ("small", 32, 9, "off")):
        found = tuning.of_model(name).choices(KINDS)
        assert (found.payloads["tokens"].size, found.training.epochs, found.slices) == (size, epochs, slices)
        assert (found.payloads["tokens"].layers, found.training.dropout) == (2, 0.2)


def test_a_value_is_a_pin_and_the_first_of_a_list_is_taken():
    tuning = tune({"payloads": {"tokens": {"size": [64, 128], "encoder": "bag"}}, "training": {"epochs": 7}})
    choices = tuning.choices(KINDS)
    assert (choices.payloads["tokens"].size, choices.payloads["tokens"].encoder) == (64, "bag")
    assert choices.training.epochs == 7
    assert tuning.payloads["tokens"]["size"] == (64, 128)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (
            {"trainig": {}},
            "tuning.json:1: $.trainig: unknown key 'trainig'. Did you mean 'training'? [tuning.unknown-key]",
        ),
        (
            {"payloads": {"tokns": {}}},
            "tuning.json:1: $.payloads.tokns: unknown payload 'tokns'. Did you mean 'tokens'? [tuning.unknown-key]",
        ),
        (
            {"payloads": {"tokens": {"encoder": "cmn"}}},
            "tuning.json:1: $.payloads.tokens.encoder: expected one of 'bag', 'bigru', 'bilstm', 'cnn', 'dilated', "
            "'transformer', got \"cmn\". "
            "Did you mean 'cnn'? [tuning.bad-value]",
        ),
        (
            {"payloads": {"entities": {"encoder": "cnn"}}},
            "tuning.json:1: $.payloads.entities.encoder: a set has no 'encoder'. "
            "Its settings are 'aggregate', 'attention', 'embedding', 'size', 'strings', 'tune' [tuning.not-applicable]",
        ),
        (
            {"payloads": {"tokens": {"embedding": "vectors:"}}},
            "tuning.json:1: $.payloads.tokens.embedding: expected 'hash', 'vectors:FILE' or 'hf:NAME_OR_FOLDER', "
            'got "vectors:" [tuning.bad-value]',
        ),
        (
            {"payloads": {"entities": {"embedding": "hf:minilm"}}},
            "tuning.json:1: $.payloads.entities.embedding: a set has no order that a transformer could read. "
            "Use 'vectors:FILE', or 'hash' [tuning.not-applicable]",
        ),
        (
            {"payloads": {"query": {"embedding": ["hash", "vectors:v.txt"]}}},
            "tuning.json:1: $.payloads.query.embedding: a singleton with a base has no strings of its own. "
            "Name it on a payload of its base [tuning.not-applicable]",
        ),
        (
            {"training": {"epochs": []}},
            "tuning.json:1: $.training.epochs: an empty list of choices. "
            "Leave the key out for the default, or name the values to choose from [tuning.bad-value]",
        ),
        (
            {"payloads": {"tokens": "größer"}},
            'tuning.json:1: $.payloads.tokens: expected an object, got "größer" [tuning.bad-value]',
        ),
        (
            {"training": {"learning_rate": "fast"}},
            'tuning.json:1: $.training.learning_rate: expected a number from 1e-06 to 1, got "fast" [tuning.bad-value]',
        ),
        (
            {"training": {"dropout": [0.1, 0.2, 0.1]}},
            "tuning.json:1: $.training.dropout[2]: 0.1 appears twice in the list. Name every choice once "
            "[tuning.bad-value]",
        ),
        (
            {"search": {"objective": "Titel"}},
            "tuning.json:1: $.search.objective: the schema has no task 'Titel'. Did you mean 'Title'? "
            "[tuning.bad-value]",
        ),
        (
            {"search": {"objective": "Titel@slice:big"}},
            "tuning.json:1: $.search.objective: the schema has no task 'Titel'. Did you mean 'Title'? "
            "[tuning.bad-value]",
        ),
        (
            {"search": {"objective": "Title@slice:big & (hard"}},
            "tuning.json:1: $.search.objective: the bracket opened at character 13 is not closed, at the end of "
            "'slice:big & (hard' [tuning.bad-value]",
        ),
        (
            {"slices": "maybe"},
            "tuning.json:1: $.slices: expected one of 'off', 'records', 'on', got \"maybe\" [tuning.bad-value]",
        ),
        (
            {"search": {"trials": 0}},
            "tuning.json:1: $.search.trials: expected a whole number from 1 to 1000, got 0 [tuning.bad-value]",
        ),
        (
            {"serving": {"size_mb": "small"}},
            'tuning.json:1: $.serving.size_mb: expected a number from 0.01 to 1e+06, got "small" [tuning.bad-value]',
        ),
        (
            '{"training": {"dropout": 0.1,\n "dropout": 0.2}}',
            "tuning.json:2: $.training.dropout: this key appears twice [tuning.duplicate-key]",
        ),
    ],
)
def test_a_fault_is_told_with_its_place_and_what_to_do(value, expected):
    assert faults(value) == [expected]


def test_all_faults_are_told_together():
    assert len(faults({"training": {"epoch": 1, "dropout": 2}, "serving": {"p99": 1}, "payloads": []})) == 4


def test_faults_are_told_in_the_order_of_the_lines():
    text = '{"serving": {"p99": 1},\n "payloads": {\n  "tokens": {"size": [64,\n 4]}}}'
    assert [line.split(": ")[0] for line in faults(text)] == ["tuning.json:1", "tuning.json:4"]


@pytest.mark.parametrize(
    ("objective", "task", "tag"),
    [
        ("Record", "Record", ""),
        ("slice:big", "", "slice:big"),
        ("Record@slice:big", "Record", "slice:big"),
        ("Pick@hard", "Pick", "hard"),
        ("slice:big & !lang:en", "", "slice:big & !lang:en"),
        ("hard | !easy", "", "hard | !easy"),
        ("Record@ slice:big & !(lang:en | by:me@home)", "Record", "slice:big & !(lang:en | by:me@home)"),
        ("by:me@home", "", "by:me@home"),
        ('"two words"', "", '"two words"'),
        ("Record@*", "Record", "*"),
    ],
)
def test_what_to_look_for_may_be_a_task_or_tags_or_both(objective, task, tag):
    assert tune({"search": {"objective": objective}}).search == {"objective": objective}
    assert split_objective(objective) == (task, tag)


def test_the_effort_of_a_search_may_be_given_elsewhere():
    tuning = tune({"search": {"trials": 3, "minutes": 5}})
    assert tuning.searched(trials=7).search == {"trials": 7, "minutes": 5}
    assert tuning.searched() is tuning


@pytest.mark.parametrize("text", ['{"training": ', '{"training": {"dropout": NaN}}', "[" * 100_000])
def test_what_is_no_json_is_told(text):
    assert faults(text)[0].endswith("[tuning.bad-json]")


@pytest.mark.parametrize("word", ["NaN", "Infinity", "-Infinity"])
def test_the_line_of_a_number_that_json_does_not_have_is_told(word):
    text = f'{{"search": {{"objective": "NaN:x"}},\n "training":\n {{"dropout": {word}}}}}'
    assert faults(text)[0].startswith(f"tuning.json:3: this is not JSON: {word} is not a JSON value")


def test_a_choice_among_what_is_of_one_model_is_told_by_its_setting():
    own = {
        "training": {"epochs": [1, 2]},
        "payloads": {"tokens": {"size": [8, 16], "layers": 1}},
        "slices": ["on", "off"],
    }
    found = faults(json.dumps({"models": {"large": own, "small": {}}}))
    assert sorted(line.split(": ")[1] for line in found) == [
        "$.models.large.payloads.tokens.size",
        "$.models.large.slices",
        "$.models.large.training.epochs",
    ]


def test_the_published_file_is_in_step(update_golden):
    text = json.dumps(tuning_json_schema(), indent=2, ensure_ascii=False) + "\n"
    if update_golden:
        PUBLISHED.write_text(text, encoding="utf-8")
    assert PUBLISHED.read_text(encoding="utf-8") == text


def test_programs_are_explained(update_golden):
    def answer(text):
        schema = parse_schema(text)
        return explain(compile_program(schema, pinned(schema)))

    check_cases(CASES / "explain.txt", answer, update=update_golden)


@pytest.mark.parametrize("encoder", ENCODERS)
@pytest.mark.parametrize("aggregate", ["attention", "max", "mean"])
def test_a_program_reads_back_from_json(encoder, aggregate):
    program = compile_program(KINDS, pinned(KINDS, encoder=encoder, aggregate=aggregate))
    assert parse_program(json.loads(json.dumps(program.to_json()))) == program
    assert {node.op.partition(".")[0].removesuffix("_encoder") for node in program.nodes}.issuperset(
        {encoder, "chain_head"}
    )


def test_what_is_pretrained_stands_beside_the_hashed_features():
    part = Pretrained("vectors.v1", ("rows",), 8, {"digest": "ab"}, {"rows": 5, "width": 8})
    plain, given = (
        compile_program(KINDS, default_choices(KINDS), pretrained=parts) for parts in ({}, {"tokens": part})
    )
    assert {node.name for node in given.nodes} - {node.name for node in plain.nodes} == {"tokens.pretrained"}
    node = next(node for node in given.nodes if node.name == "tokens.embedding")
    assert (node.inputs, node.settings["given"]) == (("tokens.features", "tokens.pretrained"), 8)
    assert given.features["tokens"]["digest"] == "ab"
    assert parse_program(json.loads(json.dumps(given.to_json()))) == given


@given(st.randoms(use_true_random=False))
def test_the_order_of_declaration_does_not_matter(random):
    value = json.loads(json.dumps(SCHEMA))
    for section in ("payloads", "tasks"):
        names = list(value[section])
        random.shuffle(names)
        value[section] = {name: value[section][name] for name in names}
    random.shuffle(value["payloads"]["query"]["base"])
    schema = parse_schema(json.dumps(value)).with_classes(CLASSES)
    assert compile_program(schema, pinned(schema)).digest() == compile_program(KINDS, pinned(KINDS)).digest()


def test_each_node_comes_after_those_that_it_reads():
    program = compile_program(KINDS, default_choices(KINDS))
    done = set()
    for node in program.nodes:
        assert not {name for name in node.inputs if name in {other.name for other in program.nodes}} - done
        done.add(node.name)


@pytest.mark.parametrize(
    ("n_classes", "crf", "op"), [(256, True, "chain"), (257, True, "multiclass"), (3, False, "multiclass")]
)
def test_neighbouring_classes_are_predicted_together_unless_they_are_too_many_or_it_is_switched_off(n_classes, crf, op):
    schema = KINDS.with_classes({**CLASSES, "Token": tuple(f"c{number}" for number in range(n_classes))})
    heads = {node.name: node.op for node in compile_program(schema, pinned(schema, crf=crf)).nodes}
    assert heads["Token.head"] == f"{op}_head.v1"
    assert heads["TokenBits.head"] == "bitvector_head.v1"
    assert heads["Member.head"] == heads["Record.head"] == "multiclass_head.v1"


def test_classes_of_spans_are_predicted_together_unless_told_otherwise():
    spans = KINDS.with_classes({task.name: ("O", "B-x", "I-x") for task in KINDS.tasks if task.type == "multiclass"})
    on_tokens = {task.payload for task in KINDS.tasks if KINDS.unit(task) == "token" and task.type == "multiclass"}
    assert on_tokens
    for name in on_tokens:
        assert default_choices(spans).payloads[name].crf
        assert not default_choices(KINDS).payloads[name].crf


def test_a_record_reads_every_text_that_it_is_made_of_and_none_twice():
    payloads = {
        "body": {"type": "sequence"},
        "title": {"type": "singleton"},
        "again": {"type": "sequence", "field": "body", "base": ["head"]},
        "head": {"type": "singleton", "base": ["title"]},
        "links": {"type": "set"},
        "mail": {"type": "singleton", "base": ["again", "body", "head", "links"]},
        "only": {"type": "singleton", "base": ["links"]},
    }
    tasks = {name: {"payload": name, "type": "multiclass", "classes": ["a", "b"]} for name in ("mail", "title", "only")}
    schema = parse_schema(json.dumps({"payloads": payloads, "tasks": tasks}))
    program = compile_program(schema, default_choices(schema))
    wide = {node.name: node.inputs for node in program.nodes if node.op == "wide_text.v1"}
    assert wide == {"title.wide": ("title.grams",), "mail.wide": ("again.grams", "title.grams")}
    assert all("gram_buckets" in program.features[text] for text in ("again", "title"))
    assert "gram_buckets" not in program.features["body"]


@pytest.mark.parametrize(
    ("aggregate", "base", "op"),
    [
        ("attention", "tokens", "attend.v1"),
        ("attention", "title", "attend.v2"),
        ("mean", "tokens", "add_mean.v2"),
        ("max", "title", "add_max.v2"),
    ],
)
def test_items_are_held_against_what_attention_cannot_choose_from(aggregate, base, op):
    payloads = {
        "tokens": {"type": "sequence"},
        "title": {"type": "singleton"},
        "found": {"type": "set", "base": [base]},
    }
    tasks = {"Fits": {"payload": "found", "type": "multiclass", "classes": ["yes", "no"]}}
    schema = parse_schema(json.dumps({"payloads": payloads, "tasks": tasks}))
    program = compile_program(schema, pinned(schema, aggregate=aggregate))
    assert [node.op for node in program.nodes if node.name == "found.aggregate"] == [op]
