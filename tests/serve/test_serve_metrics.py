import json
import re
import time

import pytest

from overton.artifact import Runtime
from overton.data import RecordParser
from overton.serve import Limits, Service, create_app, make_app
from overton.serve.answer import Model
from overton.serve.metrics import FAMILIES, Metrics, merge_counts, render_metrics
from overton.serve.shared import Shared
from tests.serve.serving import call, metric
from tests.tiny_artifact import RECORD, tiny_artifact

LABEL = r'[a-z]+="(?:[^"\\\n]|\\["\\n])*"'
LINE = re.compile(rf"[a-z_]+(\{{{LABEL}(,{LABEL})*\}})? [0-9.]+(e[+-]\d+)?")


def test_every_line_is_of_the_format_and_every_metric_is_told():
    app = create_app(Runtime(tiny_artifact()), "v1")
    for body in (RECORD, {"records": [RECORD] * 3}, {"payloads": 3}):
        call(app, "POST", "/v1/predict", json=body)
    answer = call(app, "GET", "/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert answer.text.endswith("\n")
    for line in answer.text.splitlines():
        assert line.startswith(("# HELP ", "# TYPE ")) or LINE.fullmatch(line), line
    assert metric(answer.text, 'overton_requests_total{route="predict",code="200"}') == 2
    assert metric(answer.text, 'overton_requests_total{route="predict",code="422"}') == 1
    assert metric(answer.text, "overton_records_total") == 4
    assert metric(answer.text, "overton_request_seconds_count") == 2
    assert metric(answer.text, 'overton_version_info{version="v1",role="serving",alias=""}') == 1
    assert metric(answer.text, "overton_ready") == 1
    counted = sum(
        float(line.rpartition(" ")[2]) for line in answer.text.splitlines() if 'role="serving",task="Intent"' in line
    )
    assert counted == 4


def of_length(n_tokens: int) -> dict:
    return {"payloads": {"tokens": ["how"] * n_tokens, "query": "how"}}


def test_the_slices_that_a_version_predicts_are_counted_as_its_answers_are():
    runtime = Runtime(tiny_artifact(slices=True))
    app = create_app(runtime, "v1")

    def members() -> tuple[float, float]:
        text = call(app, "GET", "/metrics").text
        long, short = (
            metric(text, f'overton_slice_records_total{{version="v1",role="serving",slice="{name}"}}')
            for name in ("slice:long", "slice:short")
        )
        return long, short

    assert call(app, "GET", "/v1/signature").json()["slices"] == ["slice:long", "slice:short"]
    assert members() == (0, 0), "both stand there before the first request"
    assert call(app, "POST", "/v1/predict", json=of_length(9)).status_code == 200
    assert members() == (1, 0)
    records = [of_length(length) for length in (1, 2, 3, 6, 7, 8, 12)]
    said = call(app, "POST", "/v1/predict", json={"records": records}).json()["records"]
    belong = runtime.slices_of([RecordParser(runtime.schema).parse(json.dumps(record).encode()) for record in records])
    assert belong == [["slice:short"]] * 2 + [[]] * 2 + [["slice:long"]] * 3
    assert members() == (4, 2)
    tokens = sum(map(len, (answer["tasks"]["POS"] for answer in said)))
    text = call(app, "GET", "/metrics").text
    counted = sum(float(line.rpartition(" ")[2]) for line in text.splitlines() if 'task="POS"' in line)
    assert (tokens, counted) == (39, 39 + 9), "a label of every token"
    assert call(app, "POST", "/v1/predict", json={"payloads": {"tokens": "no list"}}).status_code == 422
    assert members() == (4, 2), "what is refused counts as nothing"


def test_a_version_without_slices_says_why_it_counts_none():
    app = create_app(Runtime(tiny_artifact()), "v1")
    call(app, "POST", "/v1/predict", json=of_length(9))
    (told,) = [
        line
        for line in call(app, "GET", "/metrics").text.splitlines()
        if "overton_slice_records_total" in line and "TYPE" not in line
    ]
    assert told.startswith("# HELP overton_slice_records_total ")
    assert "no capacity for slices" in told


def test_the_histogram_adds_up():
    metrics = Metrics()
    for seconds in (0.0004, 0.001, 0.0011, 0.03, 100.0):
        metrics.time(seconds)
    text = render_metrics(metrics.counts())
    for bound, count in {"0.001": 2, "0.002": 3, "+Inf": 5}.items():
        assert metric(text, f'overton_request_seconds_bucket{{le="{bound}"}}') == count
    assert metric(text, "overton_request_seconds_count") == 5
    assert abs(metric(text, "overton_request_seconds_sum") - 100.0325) < 1e-6


def test_names_of_classes_are_escaped():
    text = render_metrics({"overton_predicted_total": {("v", "serving", 'a"b', "c\\d\ne"): 1}})
    assert 'task="a\\"b",label="c\\\\d\\ne"} 1' in text


def test_the_counts_of_workers_add_up():
    parts = []
    for many in (1, 2):
        metrics = Metrics()
        metrics.add("overton_requests_total", "predict", "200", by=many)
        metrics.time(0.001)
        parts.append(metrics.counts())
    text = render_metrics(merge_counts(parts))
    assert metric(text, 'overton_requests_total{route="predict",code="200"}') == 3
    assert metric(text, "overton_request_seconds_count") == 2


def test_of_a_worker_that_is_gone_the_counters_stay_and_the_gauges_go(tmp_path, monkeypatch):
    one, other = (Shared(tmp_path, worker=number) for number in (1, 2))
    counts = {"overton_ready": {(): 1.0}, "overton_records_total": {(): 7.0}}
    one.tell(lambda: counts)
    assert other.others() == [counts]
    later = time.monotonic() + 60
    monkeypatch.setattr(time, "monotonic", lambda: later)
    assert other.others() == [{"overton_records_total": {(): 7.0}}]


@pytest.mark.parametrize("hours", [-1, 1])
def test_a_clock_that_is_set_makes_no_worker_live_or_die(tmp_path, monkeypatch, hours):
    one, other = (Shared(tmp_path, worker=number) for number in (1, 2))
    counts = {"overton_ready": {(): 1.0}, "overton_records_total": {(): 7.0}}
    one.tell(lambda: counts)
    ticks, set_to = time.monotonic(), time.time() + hours * 3600
    monkeypatch.setattr(time, "time", lambda: set_to)
    assert other.others() == [counts], "it told a moment ago"
    monkeypatch.setattr(time, "monotonic", lambda: ticks + 60)
    assert other.others() == [{"overton_records_total": {(): 7.0}}], "it told a minute ago"


def test_versions_that_were_served_long_ago_are_not_told_for_ever():
    runtime = Runtime(tiny_artifact())
    service = Service()
    app = make_app(service)
    for number in range(12):
        service.serve(Model.of(runtime, f"v{number}"))
        call(app, "POST", "/v1/predict", json=RECORD)
    told = set(re.findall(r'overton_predicted_total{version="(v\d+)"', call(app, "GET", "/metrics").text))
    assert told == {f"v{number}" for number in range(3, 12)}


def test_the_counters_of_no_labels_stand_there_from_the_start():
    text = call(make_app(Service()), "GET", "/metrics").text
    for name, family in FAMILIES.items():
        if family.type == "counter" and not family.labels:
            assert metric(text, name) == 0
    assert metric(text, "overton_ready") == 0


def test_paths_that_nobody_has_are_not_counted_by_name():
    app = create_app(Runtime(tiny_artifact()), "v1")
    for number in range(50):
        call(app, "GET", f"/nowhere/{number}")
    assert metric(call(app, "GET", "/metrics").text, 'overton_requests_total{route="other",code="404"}') == 50


def test_what_is_shed_is_counted():
    service = Service(Model.of(Runtime(tiny_artifact()), "v1"), limits=Limits(max_waiting=1))
    service.waiting = 1
    app = make_app(service)
    answer = call(app, "POST", "/v1/predict", json=RECORD)
    assert answer.status_code == 429
    assert answer.headers["retry-after"] == "1"
    assert metric(call(app, "GET", "/metrics").text, "overton_shed_total") == 1
    assert metric(call(app, "GET", "/metrics").text, "overton_waiting_requests") == 1
