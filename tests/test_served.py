"""What a model costs to serve, in the precision in which it is served, and the bounds on that."""

from dataclasses import replace

import pytest

from overton import pipeline
from overton.artifact import Runtime, sample_records
from overton.base import OvertonError
from overton.compile import Tuning
from overton.export.files import graph_store
from overton.pipeline import build, plan
from overton.served import beyond, bounds_of, cost_of, least_cost
from tests.tiny_artifact import tiny_artifact


@pytest.fixture(scope="module")
def dataset(kinds_application):
    return kinds_application.dataset()


@pytest.fixture(scope="module")
def planned(kinds_application, dataset):
    return plan(dataset, kinds_application.tuning)


@pytest.fixture(scope="module")
def graphs(kinds_application):
    """Where the graph of the application's program is since it was built, by this process or by another."""
    return graph_store(kinds_application.home / "graphs")


@pytest.fixture(autouse=True)
def measured_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """No bound here is one of time, so that how quick a model is need not be told well."""
    monkeypatch.setattr("overton.artifact.latency.ROUNDS", 1)


def test_a_cost_beyond_a_bound_is_told_with_both_figures() -> None:
    cost = {"p99_ms": 0.52, "size_mb": 20.0}
    assert beyond(cost, {"p99_ms": 0.26, "size_mb": 30}) == "p99_ms 0.52 of 0.26"
    assert beyond(cost, {"size_mb": 20}) == ""


@pytest.mark.slow
def test_int8_counts_where_float32_is_too_large(planned, dataset, graphs) -> None:
    sample = sample_records(dataset)
    plain = least_cost(dataset, planned, Tuning(serving={"size_mb": 1000}), sample, graphs=graphs)
    bound = plain["size_mb"] * 0.6
    small = least_cost(dataset, planned, Tuning(serving={"size_mb": bound}), sample, graphs=graphs)
    assert small["size_mb"] < bound < plain["size_mb"]
    off = least_cost(dataset, planned, Tuning(serving={"size_mb": bound, "int8": "off"}), sample, graphs=graphs)
    assert off["size_mb"] == plain["size_mb"]


def test_the_cost_of_a_version_is_that_of_the_model_it_serves(kinds_application, dataset) -> None:
    artifact = kinds_application.version().artifact
    cost = cost_of(artifact, sample_records(dataset))
    assert cost["size_mb"] == pytest.approx(len(artifact.files["model.onnx"]) / 1e6, abs=0.001)
    assert cost["p99_ms"] > 0


def test_the_time_of_a_query_is_that_of_one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """That of the others would not be seen: it is the time of the thread that asks."""

    def threads_of(runtime: Runtime, lines: list[bytes]) -> float:
        options = runtime._session.get_session_options()
        return options.intra_op_num_threads + 10 * options.inter_op_num_threads

    monkeypatch.setattr("overton.served.p99_ms", threads_of)
    assert cost_of(tiny_artifact(), [])["p99_ms"] == 11


@pytest.mark.long
def test_a_pinned_program_beyond_a_bound_is_refused_before_it_is_trained(kinds_application, dataset, graphs) -> None:
    tuning = replace(kinds_application.tuning, serving={"size_mb": 0.01})
    assert bounds_of(tuning) == {"size_mb": 0.01}

    def teach(*_, **__):
        raise AssertionError("trained")

    with pytest.raises(OvertonError, match=r"size_mb .* of 0.01") as raised:
        build(dataset, tuning, teach=teach, graphs=graphs)
    (problem,) = raised.value.problems
    assert (problem.code, problem.path, problem.field) == ("build.beyond-bound", "tuning.json", "$.serving")


@pytest.mark.long
def test_int8_that_was_counted_on_and_refused_ends_the_build(
    kinds_application, dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = kinds_application.version().artifact
    monkeypatch.setattr(pipeline, "check_planned", lambda *_, **__: None)
    monkeypatch.setattr(pipeline, "finish", lambda *_, **__: version)
    tuning = replace(kinds_application.tuning, serving={"size_mb": 0.01})
    with pytest.raises(OvertonError, match=r"size_mb .* of 0.01"):
        build(dataset, tuning, teach=lambda *_, **__: None)
    assert build(dataset, replace(tuning, serving={"size_mb": 1000}), teach=lambda *_, **__: None) is version
