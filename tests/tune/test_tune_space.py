"""What a search may choose from."""

import sys
from dataclasses import replace

import pytest

from overton.compile import default_choices, parse_tuning
from overton.compile.settings import PAYLOAD_SETTINGS, SLICES
from overton.schema import parse_schema
from overton.tune import Score, Study, Trial, render_space, space_of
from overton.tune.propose import Known, _of_parent, propose
from overton.tune.space import QUICKEST
from tests.tune.tune_factories import KINDS, listed_space, tune


def test_the_lists_of_a_tuning_are_the_space_and_the_first_of_each_is_what_a_build_takes() -> None:
    tuning = tune({"payloads": {"tokens": {"size": [64, 128], "encoder": "bag"}}, "training": {"dropout": [0.1, 0.3]}})
    space = space_of(tuning, KINDS, has_slices=True)
    assert {knob.name: knob.options for knob in space.knobs} == {
        "tokens.size": (64, 128),
        "training.dropout": (0.1, 0.3),
    }
    assert space.size == len(list(space)) == 4
    assert space.choices(space.first) == tuning.choices(KINDS)
    other = space.choices({"tokens.size": 128, "training.dropout": 0.3})
    assert (other.payloads["tokens"].size, other.payloads["tokens"].encoder, other.training.dropout) == (
        128,
        "bag",
        0.3,
    )


def test_without_a_list_there_are_coarse_blocks_that_begin_with_the_defaults() -> None:
    space = space_of(tune({}), KINDS, has_slices=True)
    names = {knob.name for knob in space.knobs}
    assert {
        "encoder",
        "size",
        "aggregate",
        "characters",
        "strings",
        "tokens.crf",
        "tokens.wide",
        "query.wide",
        "query.sets",
        "title.wide",
        "slices",
        "training.dropout",
    } <= names
    assert "title.sets" not in names  # it has no task of bits
    assert space.choices(space.first) == space.base == default_choices(KINDS)
    widest = space.choices({**space.first, "size": 256})
    assert {payload.size for payload in widest.payloads.values()} == {256}


def test_a_text_without_a_task_has_no_wide_path_to_choose() -> None:
    schema = replace(KINDS, tasks=tuple(task for task in KINDS.tasks if task.payload != "title"))
    space = space_of(tune({}), schema, has_slices=False)
    assert "title.wide" not in {knob.name for knob in space.knobs}
    listed = space_of(tune({"payloads": {"title": {"wide": [True, False]}}}), schema, has_slices=False)
    assert len({listed.key(picked) for picked in listed}) == 1


def test_vectors_at_hand_are_a_choice_where_the_tuning_says_nothing_of_an_embedding() -> None:
    known = {"tokens": ("vectors:a.txt", "vectors:b.txt"), "entities": ("vectors:ids.txt",)}

    def at_hand(payload: str) -> tuple[str, ...]:
        return known.get(payload, ())

    space = space_of(tune({"payloads": {"entities": {"embedding": "hash"}}}), KINDS, has_slices=False, at_hand=at_hand)
    options = {knob.name: knob.options for knob in space.knobs}
    assert options["tokens.embedding"] == ("hash", "vectors:a.txt", "vectors:b.txt")
    assert "entities.embedding" not in options
    assert space.embeddings == {"tokens.embedding": ["hash", "vectors:a.txt", "vectors:b.txt"]}
    assert propose(space, 1, 0, Known()) == space.first
    done = (Trial(1, space.first, Score("done", 0.5)),)
    assert propose(space, 2, 0, Known(done)) == {**space.first, "tokens.embedding": "vectors:a.txt"}
    listed = space_of(tune({"training": {"dropout": [0.1, 0.2]}}), KINDS, has_slices=False, at_hand=at_hand)
    assert [knob.name for knob in listed.knobs] == ["training.dropout"]


def test_a_search_of_fewer_choices_tells_the_next_one_what_it_found() -> None:
    before = space_of(tune({}), KINDS, has_slices=False)
    now = space_of(
        tune({}), KINDS, has_slices=False, at_hand=lambda payload: ("vectors:a.txt",) * (payload == "tokens")
    )
    best = {**before.first, "size": 64}
    parent = Study((Trial(1, before.first, Score("done", 0.5)), Trial(2, best, Score("done", 0.6))))
    known = Known((Trial(1, now.first, Score("done", 0.7)),), parent=parent)
    assert propose(now, 2, 0, known) == {**best, "tokens.embedding": "hash"}
    assert [trial.score.value for trial in _of_parent(now, known)] == pytest.approx([0.7, 0.8])
    assert now.adopted({**best, "size": 77}) is None


def test_what_is_pinned_is_not_chosen() -> None:
    pins = {"payloads": {"tokens": {"size": 64, "crf": True}, "query": {"aggregate": "max"}}, "slices": "off"}
    space = space_of(tune(pins), KINDS, has_slices=True)
    assert "slices" not in {knob.name for knob in space.knobs}
    assert "tokens.crf" not in {knob.name for knob in space.knobs}
    for picked in (space.first, {knob.name: knob.options[-1] for knob in space.knobs}):
        choices = space.choices(picked)
        assert (choices.payloads["tokens"].size, choices.payloads["query"].aggregate) == (64, "max")


def test_the_choices_of_a_version_as_a_tuning_file_leave_nothing_to_choose() -> None:
    everything = default_choices(KINDS).to_json(KINDS)
    space = space_of(tune(everything), KINDS, has_slices=True)
    assert space.knobs == ()
    assert space.base == default_choices(KINDS)
    assert render_space(space) == "nothing to choose: every setting is pinned\n"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"tokens.encoder": "bag", "tokens.layers": 3}, {"tokens.encoder": "bag", "tokens.layers": 1}),
        ({"tokens.encoder": "bag", "tokens.attention": "2x32"}, {"tokens.encoder": "bag", "tokens.attention": "4x32"}),
    ],
)
def test_settings_without_effect_make_no_other_program(one: dict, other: dict) -> None:
    tokens = {"encoder": ["cnn", "bag", "transformer"], "layers": [3, 1], "attention": ["4x32", "2x32"]}
    space = space_of(tune({"payloads": {"tokens": tokens}}), KINDS, has_slices=False)
    assert space.key({**space.first, **one}) == space.key({**space.first, **other})
    assert len({space.key(picked) for picked in space}) == 1 + 2 + 4  # bag; cnn by layers; transformer by both


def test_settings_of_training_without_effect_make_no_other_program() -> None:
    lists = {"robustness": [0.4, 0], "id_dropout": [0.6, 0], "rebalance": [0.5, 0], "bit_weight": [1, 2]}
    tokens = replace(KINDS, payloads=KINDS.payloads[:1], tasks=tuple(t for t in KINDS.tasks if t.name == "Token"))
    alone, whole = (space_of(tune({"training": lists}), schema, has_slices=False) for schema in (tokens, KINDS))
    assert len({alone.key(picked) for picked in alone}) == 1
    assert len({whole.key(picked) for picked in whole}) == whole.size == 16


SETS = parse_schema("""{"payloads": {"c": {"type": "set"}}, "tasks": {"Pick": {"payload": "c", "type": "select"}}}""")


def test_without_words_there_are_none_to_drop_and_without_classes_none_to_smooth() -> None:
    space = space_of(tune({}), SETS, has_slices=False)
    assert {knob.name for knob in space.knobs} == {"size", "training.learning_rate", "training.dropout"}
    listed = space_of(tune({"training": {"word_dropout": [0.05, 0.2]}}), SETS, has_slices=False)
    assert len({listed.key(picked) for picked in listed}) == 1
    vectors = parse_tuning('{"payloads": {"c": {"embedding": "vectors:ids.txt"}}}', "tuning.json", SETS)
    assert "training.word_dropout" in {knob.name for knob in space_of(vectors, SETS, has_slices=False).knobs}


@pytest.mark.parametrize(("n_classes", "n_programs"), [(256, 2), (257, 1)])
def test_more_classes_than_are_predicted_together_leave_nothing_to_choose_of_that(n_classes, n_programs) -> None:
    tokens = replace(KINDS, tasks=tuple(task for task in KINDS.tasks if task.name == "Token"))
    schema = tokens.with_classes({"Token": tuple(f"c{number:03}" for number in range(n_classes))})
    names = {knob.name for knob in space_of(tune({}), schema, has_slices=False).knobs}
    assert ("tokens.crf" in names) == (n_programs == 2)
    listed = space_of(tune({"payloads": {"tokens": {"crf": [False, True]}}}), schema, has_slices=False)
    assert len({listed.key(picked) for picked in listed}) == n_programs


def test_where_no_slice_may_add_capacity_it_makes_no_other_program_who_might() -> None:
    tuning = tune({"slices": ["off", "records", "on"]})
    spaces = [space_of(tuning, KINDS, has_slices=has_slices) for has_slices in (True, False)]
    assert [len({space.key(picked) for picked in space}) for space in spaces] == [3, 1]


def test_a_space_is_told() -> None:
    lines = [line.split() for line in render_space(listed_space()).splitlines()]
    assert " ".join(lines[0]) == "may be chosen: 384 combinations"
    assert ["tokens.size", "64,", "32,", "128,", "256"] in lines
    default = render_space(space_of(tune({}), KINDS, has_slices=False)).splitlines()
    assert "of tokens, query, title, entities" in next(line for line in default if line.strip().startswith("size"))


def test_bounds_of_serving_add_a_small_size_and_the_cheapest_is_small_everywhere() -> None:
    free, bounded = (space_of(tune(value), KINDS, has_slices=True) for value in ({}, {"serving": {"p99_ms": 1}}))
    assert [32 in next(knob for knob in space.knobs if knob.name == "size").options for space in (free, bounded)] == [
        False,
        True,
    ]
    cheapest = bounded.choices(bounded.cheapest)
    assert cheapest.slices == "off"
    assert cheapest.training == bounded.base.training
    tokens, query = cheapest.payloads["tokens"], cheapest.payloads["query"]
    assert (tokens.encoder, tokens.size, tokens.characters) == ("bag", 32, False)
    assert (query.aggregate, query.size, query.wide) == ("mean", 32, False)
    asked = tune({"payloads": {"tokens": {"attention": ["4x32", "2x16"], "encoder": ["transformer", "bilstm"]}}})
    listed = space_of(asked, KINDS, has_slices=False)
    assert listed.cheapest == {"tokens.attention": "2x16", "tokens.encoder": "bilstm"}


def test_every_name_of_a_setting_has_its_place_among_the_quick_ones() -> None:
    rules = {**PAYLOAD_SETTINGS, "slices": SLICES}
    assert {name: set(options) for name, options in QUICKEST.items()} == {
        name: set(rules[name].names) for name in QUICKEST
    }


def test_a_combination_of_fewer_knobs_is_none_of_a_space():
    space = listed_space()
    assert space.holds(space.first)
    assert not space.holds({})


def test_of_a_parent_what_serving_bore_is_tried_again_and_moved_by_how_the_data_changed() -> None:
    space = listed_space()
    best, other, third = list(space)[:3]
    trials = [Trial(1, space.first, Score("done", 0.5)), Trial(2, other, Score("done", 0.7))]
    study = Study((*trials, Trial(3, third, Score("infeasible", 0.9))), options={})
    assert best == space.first
    assert propose(space, 2, 0, Known(parent=study, pending=[space.first])) == other
    now = Known(done=[Trial(1, space.first, Score("done", 0.4))], parent=study)
    assert [trial.score.value for trial in _of_parent(space, now)] == pytest.approx([0.4, 0.6])


@pytest.mark.timeout(60)
def test_a_large_space_of_settings_that_nothing_uses_is_found_to_be_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    useless = {"piece_dropout": [n / 100 for n in range(30)], "hf_learning_rate": [(n + 1) / 1000 for n in range(30)]}
    space = space_of(tune({"training": useless}), KINDS, has_slices=False)
    monkeypatch.setattr(sys.modules[propose.__module__], "MOST_LISTED", space.size - 1)
    assert propose(space, 2, 0, Known(done=[Trial(1, space.first, Score("done", 0.5))])) is None
