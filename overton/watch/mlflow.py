"""A build as a run of MLflow, for those who keep all their runs there: logged in one go when it is done.

The client is used, and none of MLflow's state of "the active run": a build inside a run of the user's own leaves it be.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from overton.base import Event, Observe, ignore
from overton.watch.points import points_of

if TYPE_CHECKING:
    from mlflow import MlflowClient

MOST_PARAMS, MOST_METRICS = 100, 1000  # of one call of MLflow
MOST_LETTERS = 500


def log_build(
    address: str,
    name: str,
    *,
    version: str,
    choices: Mapping[str, Any],
    lineage: Mapping[str, Any],
    report: Mapping[str, Any],
    study: Mapping[str, Any] | None = None,
    observe: Observe = ignore,
) -> str | None:
    """Log a version: params are its choices, metrics its epochs and its report, a tag its id; trials are runs within.

    Args:
        address: The tracking URI.
        name: Name of the experiment, such as that of the application.
        version: Id of the version.
        choices: The JSON value of `choices.json`.
        lineage: That of `lineage.json`.
        report: That of `report.json`.
        study: That of `search.json`, if any.
        observe: Told where it was logged, or why it was not.

    Returns:
        The id of the run; None where MLflow is not installed or does not take it, which does not stop a build.
    """
    if not find_spec("mlflow"):
        observe(Event("publish", "MLFLOW_TRACKING_URI is set, and mlflow is not installed: nothing is logged there"))
        return None
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

    try:
        client = MlflowClient(tracking_uri=address)
        known = client.get_experiment_by_name(name)
        experiment = known.experiment_id if known else client.create_experiment(name)
        tags = {"overton.version": version, "overton.data": lineage["data"]["digest"], "mlflow.runName": version}
        params = {"seed": lineage["seed"], "parent": lineage["parent"] or "", **_flat(choices)}
        run = _log(client, experiment, tags, params, [*_epochs(lineage), *_figures(report)])
        for trial in (study or {}).get("trials", []):
            _log(client, experiment, *_trial(trial, run))
    except MlflowException as error:
        observe(Event("publish", f"not logged to MLflow: {error}"))
        return None
    observe(Event("publish", f"run {run} of MLflow's experiment {name!r}"))
    return run


Point = tuple[str, float, int]  # name, value, epoch


def _log(
    client: MlflowClient, experiment: str, tags: Mapping[str, str], params: Mapping[str, Any], points: list[Point]
) -> str:
    """One run from its beginning to its end; its id."""
    from mlflow.entities import Metric, Param

    run = client.create_run(experiment, tags=dict(tags))
    known = [Param(_named(name), str(value)[:MOST_LETTERS]) for name, value in params.items()]
    for start in range(0, len(known), MOST_PARAMS):
        client.log_batch(run.info.run_id, params=known[start : start + MOST_PARAMS])
    metrics = [Metric(_named(name), value, run.info.start_time, step) for name, value, step in points]
    for start in range(0, len(metrics), MOST_METRICS):
        client.log_batch(run.info.run_id, metrics=metrics[start : start + MOST_METRICS])
    client.set_terminated(run.info.run_id)
    return str(run.info.run_id)


def _epochs(lineage: Mapping[str, Any]) -> Iterator[Point]:
    for epoch in lineage["epochs"]:
        yield from ((name, value, epoch["epoch"]) for name, value in points_of(epoch).items())


def _figures(report: Mapping[str, Any]) -> Iterator[Point]:
    """The main metric of every task on dev and test, the whole split and every slice."""
    for row in report["rows"]:
        is_main = report["main_metric"].get(row["task"]) == row["metric"]
        is_told = row["tag"] == "*" or row["tag"].startswith("slice:")
        if is_main and is_told and row["split"] != "train" and row["value"] is not None:
            tag = "" if row["tag"] == "*" else f"/{row['tag']}"
            yield f"report/{row['split']}/{row['task']} {row['metric']}{tag}", row["value"], 0


def _trial(trial: Mapping[str, Any], run: str) -> tuple[dict[str, str], dict[str, Any], list[Point]]:
    tags = {"mlflow.parentRunId": run, "mlflow.runName": f"trial {trial['number']}", "overton.status": trial["status"]}
    figures = {name: trial.get(name) for name in ("value", "p99_ms", "size_mb", "seconds")}
    if trial["status"] == "pruned":  # no model was made of it: its best in training is no figure of one
        figures["value in training"] = figures.pop("value")
    return tags, trial["picked"], [(name, float(value), 0) for name, value in figures.items() if value is not None]


def _flat(value: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    """Nested keys joined by dots."""
    flat: dict[str, Any] = {}
    for name, inner in value.items():
        flat |= _flat(inner, f"{before}{name}.") if isinstance(inner, Mapping) else {f"{before}{name}": inner}
    return flat


def _named(name: str) -> str:
    """A name with none but the letters that MLflow takes."""
    return "".join(letter if letter.isalnum() or letter in "_-. :/" else "_" for letter in name)
