"""A trial of a search: what it is worth, when it is given up; and what the search behind it is told."""

import json
from collections.abc import Callable
from types import SimpleNamespace

import pytest

from overton import trials
from overton.application import Application
from overton.artifact import Artifact
from overton.base import OvertonError, Problem
from overton.bench import bench_of
from overton.combining import combine_all
from overton.engine import Inline
from overton.tune import Goal, Score, Study, Trial


def with_search(artifact: Artifact, study: Study) -> Artifact:
    """A version that a search found."""
    return Artifact({**artifact.files, "search.json": json.dumps(study.to_json()).encode()})


def test_a_search_runs_on_the_engine_of_its_build_and_begins_with_what_that_of_its_parent_found(
    kinds_application: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: dict[str, object] = {}

    def search(*_: object, **named: object) -> None:
        given.update(named)
        raise OvertonError(Problem("enough", "test.enough"))

    monkeypatch.setattr(trials, "search", search)
    app, dataset = kinds_application, kinds_application.dataset()
    bench = bench_of(app.schema, app.data_files, app.directory, app.home)
    tuning, engine = app.tuning.searched(trials=3), Inline()
    before = Study((Trial(1, {"slices": "on"}, Score("done", 0.5)),), options={"slices": ("off", "on")})
    parent = with_search(app.version().artifact, before)
    for version, known in ((parent, (parent.id, before)), (app.version().artifact, None), (None, None)):
        choose = trials.choose(bench, tuning, engine, seed=7, parent=version)
        with pytest.raises(OvertonError, match="enough"):
            choose(dataset, combine_all(dataset))
        assert given["parent"] == known
        assert (given["engine"], given["seed"], given["effort"].trials) == (engine, 7, 3)


def scored(monkeypatch: pytest.MonkeyPatch, goal: Goal, limits: tuple[float, ...] = ()) -> Score:
    """The score of a trial of four epochs on two tasks, of which Record alone gets better."""
    curve = [
        SimpleNamespace(score=0.3 + step / 10, scores={"Record": 0.2 + step / 5, "Token": 0.4}) for step in range(4)
    ]

    def fit(*_: object, stop: Callable, **__: object) -> SimpleNamespace:
        stopped = (step for step in range(1, 5) if stop(curve[:step], 4))
        return SimpleNamespace(history=curve[: next(stopped, 4)], n_epochs=4, run="r")

    monkeypatch.setattr(trials, "fit", fit)
    monkeypatch.setattr(trials, "plan", lambda *_, **__: None)
    monkeypatch.setattr(trials, "least_cost", lambda *_, **__: {"p99_ms": 0.5, "size_mb": 1.0})
    monkeypatch.setattr(trials, "export_served", lambda *_, **__: ("the served model", {}))
    monkeypatch.setattr(trials, "cost_of", lambda *_: {"p99_ms": 0.6, "size_mb": 1.0})
    monkeypatch.setattr(trials, "_scores_of", lambda *_: {"Record": 0.9, "Token": 0.5})
    bench = SimpleNamespace(folder=None, watch=None, graphs=lambda: None, resume=lambda: None)
    recipe = SimpleNamespace(bench=bench, tuning=None, goal=goal, gate=None, combined={}, seed=0, parent=None)
    asked = SimpleNamespace(choices=None, number=1, picked={}, limits=limits)
    return trials._score(recipe, SimpleNamespace(splits=SimpleNamespace(dev=[0])), [], {}, asked, print)


@pytest.mark.parametrize(
    ("objective", "value", "curve"),
    [
        ("", 0.7, (0.3, 0.4, 0.5, 0.6)),
        ("slice:big", 0.7, (0.3, 0.4, 0.5, 0.6)),
        ("Record", 0.9, (0.2, 0.4, 0.6, 0.8)),
        ("Token@slice:big", 0.5, (0.4,) * 4),
    ],
)
def test_a_trial_is_worth_the_mean_over_tasks_or_what_is_looked_for(
    monkeypatch: pytest.MonkeyPatch, objective: str, value: float, curve: tuple[float, ...]
) -> None:
    score = scored(monkeypatch, Goal(objective))
    assert (score.status, score.p99_ms, score.run) == ("done", 0.6, "r")
    assert score.value == pytest.approx(value)
    assert score.curve == pytest.approx(curve)


def test_a_poor_training_is_given_up_and_no_model_is_made_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    score = scored(monkeypatch, Goal(), limits=(float("-inf"),) * 9 + (0.45,) * 11)
    assert (score.status, score.value, score.p99_ms, score.run) == ("pruned", 0.4, None, "r")
    assert score.curve == (0.3, 0.4)
    assert score.n_epochs == 4
    assert scored(monkeypatch, Goal(), limits=(0.3,) * 20).status == "done"


def test_a_trained_program_beyond_a_bound_is_infeasible(monkeypatch: pytest.MonkeyPatch) -> None:
    score = scored(
        monkeypatch, Goal("", {"p99_ms": 0.55})
    )  # what it is trained for keeps to it, what is served does not
    assert (score.status, score.reason) == ("infeasible", "p99_ms 0.6 of 0.55")
    assert score.value == pytest.approx(0.7)
    assert scored(monkeypatch, Goal("", {"p99_ms": 0.45})).curve == (), "it is not even trained"
    assert scored(monkeypatch, Goal("", {"p99_ms": 0.6})).status == "done"
