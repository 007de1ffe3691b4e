import json
import os

import pytest

from overton.base import OvertonError, render_problems
from overton.data.files import check_data, load_dataset
from tests.data_schema import SCHEMA


def record(number, text, *tags, **tasks):
    return {"id": f"r{number}", "payloads": {"tokens": text.split()}, "tasks": tasks, "tags": list(tags)}


def check(folder, lines, **options):
    path = folder / "d.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return check_data(SCHEMA, [path], **options)


def warnings(folder, lines, *, without="data.no-labels"):
    """The warnings as text; most of these records have no label, which one test is about."""
    found = [warning for warning in check(folder, lines).warnings if warning.code != without]
    return render_problems(found).replace(f"{folder}/", "")


def test_one_text_in_train_and_test_is_a_warning(tmp_path):
    train = [record(4, "d", "train"), record(0, "a b", "train")]
    lines = [*train, record(1, "b a", "test"), record(2, "c", "dev"), record(3, "a b", "test")]
    assert warnings(tmp_path, lines) == (
        "d.jsonl:5: 1 of 2 test records have the text of a training record. Quality on test will look better than it "
        "is: keep each text in one split [data.same-text]"
    )


@pytest.mark.parametrize("n_long", [4, 5])
def test_a_payload_of_which_one_record_in_twenty_loses_its_end_is_a_warning(tmp_path, n_long):
    longest = SCHEMA.payload("tokens").max_length
    sizes = [longest + 3] * n_long + [longest] * (100 - n_long)
    lines = [record(n, " ".join([f"w{n}"] * size), ("train", "dev", "test")[n % 3]) for n, size in enumerate(sizes)]
    said = (
        f"5 records (5%) lose the end of 'tokens': more than its max_length of {longest}. Set it in schema.json; "
        f"{longest + 3} would be enough for 99% of them, and costs time [data.cut-short]"
    )
    assert warnings(tmp_path, lines) == (said if n_long == 5 else "")


def test_the_length_that_is_proposed_is_enough_for_as_many_records_as_it_is_told(tmp_path):
    sizes = [2] * 38 + [500, 1000]
    lines = [record(n, " ".join([f"w{n}"] * size), ("train", "dev", "test")[n % 3]) for n, size in enumerate(sizes)]
    assert "Set it in schema.json; 1,000 would be enough for 99% of them" in warnings(tmp_path, lines)


def test_an_empty_split_is_a_warning(tmp_path):
    lines = [record(number, f"a {number}", "train") for number in range(50)] + [record(99, "z", "test")]
    assert warnings(tmp_path, lines) == (
        "no record is tagged 'dev': 2 training records are held out for it. "
        "Tag some records 'dev' so that it stays the same when data is added [data.empty-split]"
    )


def test_a_slice_without_records_in_a_split_is_a_warning(tmp_path):
    lines = [record(0, "a", "train"), record(1, "b", "test", "slice:x"), record(2, "c", "dev", "slice:x", "other")]
    assert warnings(tmp_path, lines) == (
        "the slice 'slice:x' has no record in train. It cannot be learned [data.empty-slice]"
    )


def test_a_source_that_always_says_one_thing_is_a_warning(tmp_path):
    splits = ("train", "dev", "test")
    lines = [
        record(
            n,
            f"a {n}",
            splits[n % 3],
            Intent={"rule": "age", "crowd": ("age", "height")[n % 2], "gold": ("age", "height")[n % 2]},
            Type={"w": [["k"], []], "gold": [["k"], []]},
        )
        for n in range(12)
    ]
    assert warnings(tmp_path, lines) == (
        "of the task 'Intent' some sources always say one thing: 'rule' says 'age' (12 times). "
        "That is right for a rule made for one class; an annotator or a model should say more [data.one-label-source]"
    )


@pytest.mark.parametrize(
    ("judged", "said"),
    [
        ((), "dev or test record has gold of the tasks 'Type', 'Intent'. {hint} dev and test records one"),
        (("dev",), "test record has gold of the tasks 'Type', 'Intent'. {hint} test records one"),
        (("dev", "test"), "test record has gold of the task 'Type'. {hint} test records one"),
    ],
)
def test_tasks_without_gold_where_it_is_measured_are_a_warning(tmp_path, judged, said):
    lines = []
    for n in range(12):
        split, intent, bits = ("train", "dev", "test")[n % 3], ("age", "height")[n % 2], [["k"], []]
        tasks = {"Intent": {"crowd": intent}, "Type": {"w": bits}}
        if split in judged:
            tasks["Intent"]["gold"] = intent
            tasks["Type"] |= {"gold": bits} if split == "dev" else {}
        lines.append(record(n, f"a {n}", split, **tasks))
    hint = "Versions are judged by labels of the source 'gold' alone: give some"
    assert f"no {said.format(hint=hint)} [data.no-gold]" in warnings(tmp_path, lines)


def every_label(number):
    one, two = number % 2, (number + 1) % 2
    labels = {
        "POS": {"a": [("N", "V")[one], "V"]},
        "Type": {"a": [["k"], []]},
        "Intent": {"a": ("age", "height")[one]},
        "Topics": {"a": ["x"]},
        "Kind": {"a": [("p", "q")[one], ("p", "q")[two]]},
        "Bits": {"a": [["b1"], ["b2"]]},
        "Arg": {"a": one},
    }
    return {task: {**said, "gold": said["a"]} for task, said in labels.items()}


def test_good_data_has_neither_faults_nor_warnings(tmp_path):
    splits = ("train", "dev", "test")
    payloads = {"title": "a b", "entities": [{"id": "Q1"}, {"id": "Q2"}]}
    lines = [record(n, f"a {n}", splits[n % 3], **every_label(n)) for n in range(6)]
    found = check(tmp_path, [{**line, "payloads": {**line["payloads"], **payloads}} for line in lines])
    assert (found.problems, found.warnings, found.n_records, found.n_lines) == ((), (), 6, 6)
    assert found.counts == {"bad": 0, "amending": 0, "amended": 0, "overridden": 0}


def test_facts_are_counted(tmp_path):
    late = [{"id": "r0", "tasks": {"Intent": {"a": label}}} for label in ("age", "height", "age")]
    found = check(tmp_path, [record(0, "a b c d e", "train"), record(1, "a"), *late, {"id": "r9"}])
    assert found.counts == {"bad": 1, "amending": 3, "amended": 1, "overridden": 2, "cut:tokens": 1}
    assert (found.n_records, found.n_lines) == (2, 6)


def test_bad_lines_are_quarantined_with_their_reasons(tmp_path):
    lines = [record(0, "a"), record(1, "a", "Test"), record(0, "b"), {"id": "r7", "tags": ["x"]}]
    quarantine = tmp_path / "q.jsonl"
    check(tmp_path, lines, quarantine=quarantine)
    found = [json.loads(line) for line in quarantine.read_text().splitlines()]
    assert [(bad["line"], json.loads(bad["text"])["id"]) for bad in found] == [(2, "r1"), (3, "r0"), (4, "r7")]
    assert found[0]["file"] == str(tmp_path / "d.jsonl")
    assert found[0]["problems"] == [
        {
            "code": "record.near-miss-tag",
            "field": "$.tags[0]",
            "message": "the tag 'Test' means nothing",
            "hint": "Did you mean 'test'?",
        }
    ]
    assert [bad["problems"][0]["code"] for bad in found[1:]] == ["record.id-clash", "record.unknown-id"]


def test_a_quarantined_line_that_is_no_text_is_still_readable(tmp_path):
    (tmp_path / "d.jsonl").write_bytes(b'{"id": "\xff"}\n')
    check_data(SCHEMA, [tmp_path / "d.jsonl"], quarantine=tmp_path / "q.jsonl")
    assert json.loads((tmp_path / "q.jsonl").read_text())["text"] == '{"id": "\\xff"}'


def test_the_lines_without_the_quarantined_ones_make_a_data_set(tmp_path):
    lines = [record(0, "a"), record(1, "a", "Test"), record(0, "b"), {"id": "r7"}, record(2, "c")]
    check(tmp_path, lines, quarantine=tmp_path / "q.jsonl")
    bad = {json.loads(line)["line"] for line in (tmp_path / "q.jsonl").read_text().splitlines()}
    good = [line for number, line in enumerate(lines, 1) if number not in bad]
    assert check(tmp_path, good).problems == ()
    assert load_dataset(SCHEMA, [tmp_path / "d.jsonl"], tmp_path / "rows").n_records == 2


def test_a_check_that_is_stopped_leaves_no_quarantine(tmp_path):
    def stop(event):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        check(tmp_path, [record(0, "a", "Test")], quarantine=tmp_path / "q.jsonl", observe=stop)
    assert [path.name for path in tmp_path.iterdir()] == ["d.jsonl"]


def test_a_file_that_cannot_be_read_does_not_hide_the_faults_of_others(tmp_path):
    (tmp_path / "a.jsonl.gz").write_bytes(b"no gzip")
    (tmp_path / "b.jsonl").write_text('{"id": 7}\n')
    found = check_data(SCHEMA, [tmp_path / "a.jsonl.gz", tmp_path / "b.jsonl"])
    assert [problem.code for problem in found.problems] == ["data.unreadable", "record.bad-id"]
    alone = check_data(SCHEMA, [tmp_path / "a.jsonl.gz"])
    assert ([problem.code for problem in alone.problems], alone.n_records) == (["data.unreadable"], 0)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="makes a pipe with a name")
@pytest.mark.timeout(20)
def test_a_pipe_among_the_data_files_is_a_fault_and_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "a.jsonl")
    (tmp_path / "b.jsonl").write_text(json.dumps(record(0, "a")) + "\n")
    (tmp_path / "c.jsonl").symlink_to(tmp_path / "b.jsonl")
    (problem,) = check_data(SCHEMA, [tmp_path / "a.jsonl", tmp_path / "b.jsonl"]).problems
    assert (problem.code, problem.path) == ("data.unreadable", str(tmp_path / "a.jsonl"))
    with pytest.raises(OvertonError, match=r"a pipe, a socket or a device.*\[data.unreadable\]"):
        load_dataset(SCHEMA, [tmp_path / "a.jsonl", tmp_path / "b.jsonl"], tmp_path / "rows")
    assert load_dataset(SCHEMA, [tmp_path / "c.jsonl"], tmp_path / "rows").n_records == 1


def test_every_file_that_cannot_be_read_is_a_fault_of_its_own(tmp_path):
    files = [tmp_path / name for name in ("a.jsonl.gz", "b.jsonl.gz")]
    for path in files:
        path.write_bytes(b"no gzip")
    assert [(problem.path, problem.count) for problem in check_data(SCHEMA, files).problems] == [
        (str(path), 1) for path in files
    ]


@pytest.mark.parametrize("content", [b"", b"\xef\xbb\xbf", b"\n \n"], ids=["empty", "mark alone", "blank"])
def test_data_files_without_a_record_are_a_fault(tmp_path, content):
    path = tmp_path / "d.jsonl"
    path.write_bytes(content)
    (problem,) = check_data(SCHEMA, [path]).problems
    with pytest.raises(OvertonError) as error:
        load_dataset(SCHEMA, [path], tmp_path / "rows")
    assert (problem,) == error.value.problems
    assert problem.code == "data.no-records"


@pytest.mark.parametrize(
    "bad",
    [
        '{"payloads": {"tokens": 7}, "id": "r41"}',
        '{"id": "r41", "payloads": {"tok',
        '{"id": "r41", "payload": {"tokens": ["a"]}}',
        '{"id": "r41", "payloads": {"tokens": ["a"]}, "tasks": {"Intent": {"a": {"age": NaN}}}}',
    ],
    ids=["wrong", "cut off", "misspelt", "not a number"],
)
def test_a_line_that_names_a_record_with_a_fault_is_a_warning(tmp_path, bad):
    late = {"id": "r41", "tags": ["x"]}
    path = tmp_path / "d.jsonl"
    lines = [json.dumps(record(0, "a", "train")), bad, json.dumps(late), json.dumps(late | {"id": "r7"})]
    path.write_text("\n".join(lines))
    found = check_data(SCHEMA, [path], quarantine=tmp_path / "q.jsonl")
    assert [(problem.line, problem.code == "record.unknown-id") for problem in found.problems] == [
        (2, False),
        (4, True),
    ]
    assert found.counts["bad"] == 2
    assert str(found.warnings[0]).replace(f"{tmp_path}/", "") == (
        "d.jsonl:3: $.id: the record 'r41' is left out for its fault at d.jsonl:2. "
        "Mend the record; what this line adds to it is left out with it [record.left-out]"
    )
    assert sorted(json.loads(line)["line"] for line in (tmp_path / "q.jsonl").read_text().splitlines()) == [2, 3, 4]


def test_a_line_that_adds_to_a_record_makes_no_record(tmp_path):
    found = check(tmp_path, [record(0, "a"), {"id": "r7", "tags": ["Test"]}, {"id": "r7", "tags": ["x"]}])
    assert sorted(problem.code for problem in found.problems) == ["record.near-miss-tag", "record.unknown-id"]


@pytest.mark.slow
def test_faults_beyond_counting_are_still_counted(tmp_path):
    lines = [record(number, "a", Intent={"s": f"label {number % 7}"}) for number in range(12_000)]
    found = check(tmp_path, lines)
    assert sum(problem.count for problem in found.problems) == 12_000
    assert len(found.problems) == 7
    assert found.problems[0].line == 1


def codes(found):
    return [warning.code for warning in found.warnings if warning.code != "data.empty-split"]


def test_data_that_a_build_could_learn_nothing_from_is_a_warning(tmp_path):
    assert codes(check(tmp_path, [record(0, "a", "train"), record(1, "b", "dev")])) == ["data.no-labels"]
    only_dev = check(tmp_path, [record(0, "a", "train"), record(1, "b", "dev", Intent={"gold": "age"})])
    assert "no training record has a label to learn from" in render_problems(only_dev.warnings)
    some = check(tmp_path, [record(0, "a", "train", Intent={"gold": "age"})])
    told = "no record has a label of the tasks 'POS', 'Type', 'Topics', 'Kind', 'Bits', 'Arg'"
    assert told in render_problems(some.warnings)


def test_a_task_that_only_dev_and_test_have_labels_of_is_a_warning(tmp_path):
    lines = [
        record(n, f"a {n}", ("train", "dev", "test")[n % 3], Intent={"w": ("age", "height")[n % 2]}) for n in range(9)
    ]
    for line in lines[1::3] + lines[2::3]:
        line["tasks"]["Topics"] = {"w": ["x"], "gold": ["x", "y"]}
    told = "no training record has a label of the task 'Topics'. A build learns nothing there until somebody labels"
    assert told in render_problems(check(tmp_path, lines).warnings)
    lines[0]["tasks"]["Topics"] = {"w": []}
    assert told not in render_problems(check(tmp_path, lines).warnings)


def test_a_class_of_gold_that_no_training_record_has_is_a_warning(tmp_path):
    lines = [record(n, f"a{n}", ("train", "dev", "test")[n % 3], POS={"w": ["NV"[n % 2]]}) for n in range(9)]
    lines[2]["tasks"]["POS"]["gold"] = ["X"]
    lines[4]["tasks"]["POS"]["gold"] = [{"X": 0.6, "Y": 0.4}]
    lines[5]["tasks"]["POS"]["gold"] = ["N"]
    (found,) = [warning for warning in check(tmp_path, lines).warnings if warning.code == "data.untaught-class"]
    assert found.message == "of the task 'POS' no training record has what gold has elsewhere: 'X' (2)"
    lines[0]["tasks"]["POS"]["w"] = [{"N": 0.9, "X": 0.1}]
    assert "data.untaught-class" not in codes(check(tmp_path, lines))


def test_a_task_of_which_all_labels_name_one_class_is_a_warning(tmp_path):
    lines = [record(n, f"a {n}", "train", POS={"a": ["N", "N"]}, Intent={"a": "age"}) for n in range(3)]
    (one,) = [warning for warning in check(tmp_path, lines).warnings if warning.code == "data.one-class"]
    assert one.message == "'N' is the only class in the labels of the task 'POS': a build leaves it out"


@pytest.mark.parametrize("task", ["POS", "Kind", "Intent", "Bits"])
@pytest.mark.parametrize("blank", ["", " ", "\t\n"])
@pytest.mark.parametrize("soft", [False, True])
def test_an_empty_label_is_a_fault_with_its_place(tmp_path, task, blank, soft):
    label = {blank: 1.0} if soft else [blank] if task == "Bits" else blank
    labels = {"s": label if task == "Intent" else [label]}
    line = {"payloads": {"tokens": ["a"], "entities": [{"id": "Q"}]}, "tasks": {task: labels}}
    found = check(tmp_path, [record(0, "a"), {"id": "r1", **line}])
    (problem,) = found.problems
    assert (problem.code, problem.line) == ("record.empty-label", 2)
    assert problem.field.startswith(f"$.tasks.{task}.s")


def test_a_source_that_is_almost_called_gold_is_a_warning(tmp_path):
    found = check(tmp_path, [record(0, "a", "train", Intent={"Gold": "age", "golden": "age"})])
    (near,) = [warning for warning in found.warnings if warning.code == "data.near-miss-source"]
    assert str(near) == (
        "the source 'Gold' is one among others: gold is 'gold'. Did you mean 'gold'? [data.near-miss-source]"
    )


def test_sources_that_differ_in_case_blanks_or_code_points_alone_are_a_warning(tmp_path):
    names = ["crowd", "Crowd ", "\u00e9quipe", "e\u0301quipe", "rule 1", "rule 2", "gold", "GOLD"]
    found = check(tmp_path, [record(0, "a", "train", Intent=dict.fromkeys(names, "age"))])
    told = [warning.message for warning in found.warnings if warning.code == "data.alike-sources"]
    assert told == [
        "the source 'Crowd ' looks like 'crowd', and is weighed by itself",
        "the source 'e\u0301quipe' looks like '\u00e9quipe' in other code points (Unicode NFC and NFD), "
        "and is weighed by itself",
    ]


def test_tags_that_differ_in_case_blanks_or_code_points_alone_are_a_warning(tmp_path):
    tags = ["slice:no text", "slice:no  text", "lang:en", "lang:EN", "x:a", "x:A", "batch:1", "batch:2"]
    lines = [record(n, f"a {n}", "train", tags[n]) for n in range(len(tags))] + [record(9, "b", "slice:no text")]
    (near,) = [warning for warning in check(tmp_path, lines).warnings if warning.code == "data.alike-tags"]
    assert near.message == (
        "the tag 'lang:en' (1 record) looks like 'lang:EN' (1), "
        "the tag 'slice:no  text' (1 record) looks like 'slice:no text' (2)"
    )


def test_classes_of_the_same_letters_in_other_code_points_are_a_warning(tmp_path):
    names = ["\u00e9clair"] * 9 + ["e\u0301clair"]
    lines = [record(n, "a", Kind={"s": [name]}) for n, name in enumerate(names)]
    lines = [{**line, "payloads": {"entities": [{"id": "Q"}]}} for line in lines]
    (slip,) = [warning for warning in check(tmp_path, lines).warnings if warning.code == "data.alike-classes"]
    assert "looks like '\u00e9clair' in other code points (Unicode NFC and NFD) (9)" in slip.message


def test_a_source_that_only_abstains_labels_nothing(tmp_path):
    lines = [record(0, "a b", "train", Intent={"rule": "age", "abst": None, "mute": None}, POS={"abst": [None, None]})]
    found = check(tmp_path, lines, named=("abst", "rule"))
    told = [warning.message for warning in found.warnings if warning.code == "data.silent-source"]
    assert told == ["the trusted source 'abst' labels nothing", "the source 'mute' only abstains"]


def test_a_source_whose_labels_stand_on_lines_with_faults_is_not_said_to_abstain(tmp_path):
    lines = [
        record(0, "a b", "train", Intent={"rule": "age", "crowd": None}),
        {"id": "r0", "tasks": {"POS": {"late": ["NOUN"]}, "Intent": {"crowd": "height"}}},
    ]
    found = check(tmp_path, lines, named=("crowd", "rule", "rul"))
    assert [problem.code for problem in found.problems] == ["record.label-length"]
    told = [(warning.message, warning.hint) for warning in found.warnings if warning.code == "data.silent-source"]
    mend = "Mend the faults first: it may speak there"
    assert told == [
        ("the trusted source 'crowd' labels nothing on the lines that are left", mend),
        ("the trusted source 'rul' labels nothing on the lines that are left", "Did you mean 'rule'?"),
        ("the source 'late' only abstains on the lines that are left", mend),
    ]


@pytest.mark.parametrize("n_empty", [1, 2])
def test_labels_on_records_that_have_nothing_to_read_are_a_warning(tmp_path, n_empty):
    labels = ("age", "height")
    lines = [record(n, f"a {n}", ("train", "dev", "test")[n % 3], Intent={"s": labels[n % 2]}) for n in range(40)]
    for line, tokens in zip(lines[5:], ([], None)[:n_empty], strict=False):
        line["payloads"]["tokens"] = tokens
    lines[20] = record(20, "", "train")  # without a label nothing is missed
    found = [warning for warning in check(tmp_path, lines).warnings if warning.code == "data.nothing-to-read"]
    said = (
        "d.jsonl:6: 2 of 39 records with a label of the task 'Intent' have nothing in 'tokens'. Nothing is learned or "
        "predicted there, which counts as wrong: give it, or leave the labels out [data.nothing-to-read]"
    )
    assert render_problems(found).replace(f"{tmp_path}/", "") == (said if n_empty == 2 else "")


def test_classes_that_look_like_slips_of_others_are_a_warning(tmp_path):
    names = ["greet"] * 200 + ["gret"] * 2 + ["greet "] + ["set_1"] * 100 + ["set_2"]
    lines = [record(n, "a", Kind={"s": [name]}) for n, name in enumerate(names)]
    lines = [{**line, "payloads": {"entities": [{"id": "Q"}]}} for line in lines]
    (slip,) = [warning for warning in check(tmp_path, lines).warnings if warning.code == "data.alike-classes"]
    assert slip.message == (
        "of the task 'Kind' class 'greet ' has 1 label and looks like 'greet' (200), "
        "class 'gret' has 2 labels and looks like 'greet' (200)"
    )


def test_declared_classes_are_never_slips(tmp_path):
    lines = [record(n, f"a {n}", Type={"s": [["k"], ["K"][:0]]}, Intent={"s": "age"}) for n in range(50)]
    assert "data.alike-classes" not in codes(check(tmp_path, lines))


@pytest.mark.parametrize(
    ("text", "share"),
    [
        ("Wie alt ist ada?", ""),  # the tokens, written as a person would
        ("wie alt ist ada heute", "20%"),
        ("how old she", "100%"),
        (None, ""),
    ],
)
def test_a_text_that_no_model_reads_since_its_payload_is_made_of_others_is_a_warning(tmp_path, text, share):
    lines = [record(number, "wie alt ist ada", ("train", "dev", "test")[number % 3]) for number in range(30)]
    for line in lines:
        line["payloads"]["query"] = text
    said = (
        f"{share} of the words in the texts of 'query' are not in what it is made of, so that no model reads them. "
        "Make that text a payload of its own, and name it in the base of 'query' [data.unread-text]"
    )
    found = [one for one in check(tmp_path, lines).warnings if one.code == "data.unread-text"]
    assert render_problems(found) == (said if share else "")
