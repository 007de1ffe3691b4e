"""Synthetic pages of any size, and records whose texts mean harm, for the tests of the room."""

import random
from dataclasses import replace

from overton.evaluate import ComparedRow, Comparison, Gate, Report, Row
from overton.evaluate.compare.changes import SourceChange, TagChange
from overton.evaluate.compare.comparison import Compared
from overton.review import SourceOnErrors, UnitError
from overton.schema import parse_schema
from overton.web.pages import (
    Moment,
    ReportPage,
    SourceLine,
    Verdict,
    checks_of,
    comparison_page,
    example_of,
    history_of,
    lineage_page,
    matrix_of,
    task_page,
)

SCRIPT = "<script>document.title='owned'</script>"
LONG = "x" * 10_000
TURNED = "abc\u202edcba\u2066 \u0000"
QUOTED = '"><img src=x onerror=alert(1)>'
HOSTILE = (SCRIPT, LONG, TURNED, QUOTED, "{{ 7 * 7 }}", "</style></title>", "\ud800 half")

SCHEMA = parse_schema("""
{"payloads": {"tokens":   {"type": "sequence", "max_length": 200},
              "query":    {"type": "singleton", "base": ["tokens"]},
              "entities": {"type": "set", "range": "tokens"}},
 "tasks":    {"POS":        {"payload": "tokens",   "type": "multiclass", "classes": ["NOUN", "VERB", "O"]},
              "EntityType": {"payload": "tokens",   "type": "bitvector", "classes": ["location", "title"]},
              "Intent":     {"payload": "query",    "type": "multiclass", "classes": ["age", "height"]},
              "IntentArg":  {"payload": "entities", "type": "select"},
              "Kind":       {"payload": "entities", "type": "multiclass", "classes": ["person", "place"]}}}
""")
PAYLOADS = {
    "tokens": ["how", "tall", "is", "the", "president"],
    "query": "how tall is the president",
    "entities": [{"id": "President_(title)", "range": [4, 5]}, {"id": "Rome"}],
}


def row_of(task="Intent", tag="*", value=0.8, n=200, *, half=0.05, split="test", metric="accuracy"):
    low, high = (None, None) if value is None else (max(value - half, 0), min(value + half, 1))
    return Row(task, split, tag, metric, value, low, high, n)


def report_of(tasks=5, slices=50, *, seed=0, drift=0.0, classes=20):
    """A report with so many tasks and slices; of another seed, one of the next version."""
    choose, noise = random.Random(0), random.Random(seed)
    names = [f"Task{number}" for number in range(tasks)]
    rows = []
    for name in names:
        whole = 0.85 + drift
        rows.append(row_of(name, value=whole, n=4000, half=0.01))
        rows += [replace(rows[-1], metric=metric, value=0.1) for metric in ("macro_f1", "ece", "log_loss")]
        for number in range(slices):
            value = min(max(choose.gauss(whole - 0.03, 0.08) + noise.gauss(0, 0.015), 0.02), 1.0)
            n = choose.choice([12, 60, 150, 800])
            rows.append(row_of(name, f"slice:slice_number_{number:02}", value, n, half=0.5 / n**0.5))
    labels = [f"class_{number}" for number in range(classes)]
    counts = [
        [choose.choice([0, 0, 0, 1, 7]) if gold != said else choose.randrange(400) for said in range(classes)]
        for gold in range(classes)
    ]
    bins = [0.05 + 0.06 * number for number in range(15)]
    return Report(
        rows=tuple(rows),
        main_metric=dict.fromkeys(names, "accuracy"),
        confusion={name: {"classes": labels, "counts": counts} for name in names},
        calibration={
            name: {"n": [300] * 15, "confidence": bins, "outcome": [one * 0.95 for one in bins]} for name in names
        },
    )


def compared_row(task="Intent", tag="*", change=0.0, *, verdict="ok", p=0.5, n=200, half=0.03, metric="accuracy"):
    old = 0.8
    return ComparedRow(
        task=task,
        tag=tag,
        metric=metric,
        n=n,
        records=n,
        old=old,
        new=old + change,
        change=change,
        low=change - half,
        high=change + half,
        worse=9,
        better=4,
        p=p,
        p_adjusted=None if verdict == "not enough data" else p,
        critical=False,
        margin=0.0,
        detectable=0.1,
        verdict=verdict,
    )


def comparison_of(*rows, **more):
    return Comparison("old1", "new1", Gate(), Compared(tuple(rows)), records=500, **more)


def hostile_example(task="POS", text=SCRIPT):
    """A record all of whose texts are the one given."""
    payloads = {"tokens": [text, "is", text], "query": f"{text} is", "entities": [{"id": text, "range": [0, 1]}]}
    error = UnitError(0, text, text, 0.97, text, {text: text, "gazetteer": "NOUN"}, {text: 0.7})
    return example_of(
        SCHEMA, task, text, payloads, tags=[f"slice:{text}", text], said=[text, "O", text], errors=[error]
    )


def long_example(text, task="POS"):
    """A record of two hundred words, all wrong, in which every text is the one given."""
    votes = {f"{text}{number}": text for number in range(10)}
    errors = [UnitError(place, text, text, 0.97, text, votes, {text: 0.7}) for place in range(200)]
    payloads = {"tokens": [text] * 200, "query": text, "entities": [{"id": text, "range": [0, 1]}] * 20}
    tags = [f"slice:{text}{number}" for number in range(30)]
    return example_of(SCHEMA, task, text, payloads, tags=tags, said=[text] * 200, errors=errors)


def plain_example(task="POS"):
    """A record of a usual length with three wrong words."""
    words = [
        "who",
        "was",
        "the",
        "first",
        "president",
        "of",
        "the",
        "united",
        "states",
        "to",
        "live",
        "in",
        "the",
        "white",
        "house",
    ]
    votes = {"spacy": "NOUN", "lexicon": "VERB", "crowd": "VERB"}
    errors = [UnitError(place, words[place], "NOUN", 0.97, "VERB", votes, {"VERB": 0.9}) for place in (1, 4, 9)]
    payloads = {"tokens": words, "query": " ".join(words), "entities": []}
    said = ["NOUN" if place in (1, 4, 9) else "O" for place in range(len(words))]
    return example_of(SCHEMA, task, "q17", payloads, tags=["slice:rare", "lang:en"], said=said, errors=errors)


PLAIN = tuple(f"name_{number}" for number in range(7))


def big_page(tasks=5, slices=50, versions=30, *, texts=HOSTILE, regressed=2, example=hostile_example):
    """A page as large as one is to be, with a hostile text wherever a record, a source or a tag may have one."""
    report = report_of(tasks, slices)
    names = list(report.main_metric)
    examples = [plain_example()] * 4 if texts is PLAIN else [hostile_example(text=text) for text in texts]
    moments = [
        Moment(
            f"{number:012x}", f"2026-{1 + number // 28:02}-{1 + number % 28:02}T10:00:00+00:00", parent="", records=9000
        )
        for number in range(versions)
    ]
    reports = {
        moment.version: report_of(tasks, slices, seed=place, drift=0.002 * (place - versions))
        for place, moment in enumerate(moments)
    }
    reports[moments[-1].version] = report
    rows = [
        compared_row(name, f"slice:slice_number_{number:02}", (number - 25) / 400)
        for name in names
        for number in range(slices)
    ]
    worst = [
        compared_row(names[0], f"slice:{texts[number % len(texts)]}", -0.2, verdict="regressed", p=1e-6)
        for number in range(regressed)
    ]
    comparison = comparison_of(
        *worst,
        *[compared_row(name) for name in names],
        *rows,
        tags=(TagChange(texts[0], 10, 20, 20, 0.1, 0.2, 0.2, "changed"),),
        sources=(SourceChange(names[0], texts[0], None, 0.8, "appeared"),),
    )
    compared = comparison_page(
        comparison,
        old_name="live",
        examples={(row.task, row.tag): [example(text=text) for text in texts[:3]] for row in worst},
    )
    sources = tuple(
        SourceLine(name, f"source {texts[number % len(texts)]}", 900, 0.4, 0.3, 0.1, 0.8, 0.82, 0.75, 0.88, 300, "test",
                   (texts[0],), ((f"{texts[0]} is constant", texts[2]),))
        for name in names
        for number in range(8)
    )  # fmt: skip
    pages = tuple(
        replace(
            task_page(
                report, name, kind="multiclass on query", examples=examples, command=f"overton errors {texts[0]}"
            ),
            n_wrong=9,
            n_records=90,
            sources=(SourceOnErrors(texts[0], 9, 0.5, 0.25),),
        )
        for name in names
    )
    lineage = {
        "data": {"files": {texts[0]: "0" * 64}, "records": 9000},
        "splits": {"train": 7000, "dev": 1000, "test": 1000},
        "seconds": {"combine": 1.0, "train": 40.0},
        "libraries": {"numpy": "2.1"},
        "epochs": [1, 2],
        "seed": 0,
    }
    return ReportPage(
        application=texts[0],
        version=moments[-1].version,
        aliases=("live", texts[3]),
        created=moments[-1].created,
        made="2026-03-01T10:00:00+00:00",
        data="",
        tag="",
        verdict=Verdict("refused", f"Not fit to replace live: {texts[0]}.", "Some detail."),
        comparison=compared,
        matrix=matrix_of(report),
        tasks=pages,
        sources=sources,
        checks=checks_of(records=9000, splits={"train": 9000}, notes=list(texts[:3])),
        history=history_of(moments, reports, version=moments[-1].version),
        lineage=lineage_page(
            moments[-1].version,
            lineage,
            sizes={"model.onnx": 10**7},
            latency={"records": 9, "p50_ms": 0.4, "p99_ms": 1.2},
        ),
        notes=(texts[0],),
    )
