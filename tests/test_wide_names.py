"""Tables for a terminal: a name of wide characters stands where one of as many columns in letters does."""

from collections.abc import Callable

import pytest

from overton.cli.runs_command import render_runs
from overton.cli.versions_command import render_versions
from overton.data import Splits
from overton.evaluate import (
    DriftReport,
    DriftRow,
    Report,
    Row,
    render_comparison,
    render_models,
    render_report,
)
from overton.experiments.baseline import Baseline, Comparison
from overton.experiments.render import render_outcome
from overton.review import ErrorPage, RecordError, SourceOnErrors, UnitError, render_drift, render_errors
from overton.store.log import Promotion
from overton.store.render import render_history
from overton.supervision import RecordLineage, combine, explain_task, render_lineage, render_sources, source_report
from tests.supervision.planted import votes_of
from tests.web.web_factories import compared_row, comparison_of

WIDE, LETTERS = "東京タワー🗼の夜景", "Tower_in_the_night"


def a_report(name: str) -> str:
    rows = (
        Row(name, "test", "*", "accuracy", 0.8, 0.7, 0.9, 90),
        Row(name, "test", name, "accuracy", 0.5, 0.4, 0.6, 9),
    )
    return render_report(Report(rows, {name: "accuracy"}, ()))


def models(name: str) -> str:
    report = Report((Row("Intent", "test", "*", "accuracy", 0.8, 0.7, 0.9, 90),), {"Intent": "accuracy"}, ())
    return render_models({name: report, "small": report}, {name: 10**6, "small": 10**5})


def a_comparison(name: str) -> str:
    rows = [compared_row(name), compared_row(name, name, -0.2, verdict="regressed", p=1e-9)]
    return render_comparison(comparison_of(*rows), width=120)


def sources(name: str) -> str:
    votes = votes_of([{"A": number % 2, name: 0} for number in range(20)])
    return render_sources(source_report(votes, combine(votes), Splits([], [], range(20))))


def a_lineage(name: str) -> str:
    votes = votes_of([{"A": 1, name: 0}])
    return render_lineage(RecordLineage("r", (), "", (explain_task(votes, combine(votes), 0),)))


def errors(name: str) -> str:
    unit = UnitError(0, "", "b", 0.9, "a", {name: name, "other": "b"}, {})
    record = RecordError("r1", ("dev",), "a text", {}, (unit,), 0.9)
    row = SourceOnErrors(name, 1, 0.0, 0.0)
    return render_errors(ErrorPage("v", "Intent", "dev", (), 9, 9, 1, 1, (record,), (row,), (), None, None))


def drift(name: str) -> str:
    row = DriftRow("slice", name, 0.1, 0.2, 0.1, "difference", 0.5, 0.5, 90, "no change shown", {})
    return render_drift(DriftReport("v", "data", 90, (row,), {}))


def history(name: str) -> str:
    entry = Promotion("v1", None, name, "2026-01-01T00:00:00Z", "because")
    return render_history([entry, Promotion("v2", "v1", "me", "2026-01-01T00:00:00Z", "because")])


def versions(name: str) -> str:
    row = {"version": "v1", "created": "2026-01-01T00:00:00Z", "aliases": [], "quality": {name: 0.5, "Intent": 0.75}}
    return render_versions([row])


def runs(name: str) -> str:
    row = {"begun": "2026-01-01T00:00:00Z", "status": "failed", "seed": 0, "trials": [], "reason": f"{name} " * 12}
    return render_runs([row], 100)


def outcome(name: str) -> str:
    rows = [Comparison(one, 1000, 0, 9, 5, 50.0, 40.0, 60.0, 1.8, 1.7, 2.0, 5000, 0.95) for one in (name, "POS")]
    return render_outcome(Baseline("before", "v1", (), 0, {}, tuple(rows), ()))


RENDERERS = [a_report, models, a_comparison, sources, a_lineage, errors, drift, history, versions, runs, outcome]


@pytest.mark.parametrize("render", RENDERERS)
def test_a_wide_name_stands_as_one_in_letters(render: Callable[[str], str]) -> None:
    assert render(WIDE).replace(WIDE, LETTERS) == render(LETTERS)
