"""The model that is served: in which precision, what it costs, and whether that is within the bounds of serving."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from overton.artifact import LARGE, Artifact, Runtime, p99_ms, sample_records
from overton.base import Observe, OvertonError, Problem, ignore
from overton.compile import Tuning
from overton.data import Dataset
from overton.exporting import export
from overton.fitting import Plan, untrained
from overton.tune import BOUNDS, violations

if TYPE_CHECKING:
    from overton.evaluate import Gate
    from overton.export import Graphs
    from overton.export.files import Predict
    from overton.train import Trained


def export_served(
    dataset: Dataset,
    planned: Plan,
    trained: Trained,
    tuning: Tuning,
    predict: Predict,
    sample: Sequence[bytes],
    *,
    gate: Gate | None = None,
    graphs: Graphs | None = None,
    parent: Artifact | None = None,
    observe: Observe = ignore,
) -> tuple[Artifact, dict[str, Any]]:
    """The trained program as it is served, in float32 or in int8.

    Args:
        dataset: The records; those of dev tell what int8 loses.
        planned: What was trained.
        trained: Its weights.
        tuning: What the engineer pinned.
        predict: Predicts some records of a data set.
        sample: Records to measure on, lines of a data file.
        gate: What int8 must keep to beside float32; the defaults where None.
        graphs: Where the graphs of programs are kept; None for this process alone.
        parent: The version before, whose precision is kept where a measurement hardly tells; None for none.
        observe: Told of the export and of the choice.

    Returns:
        The artefact, and what was chosen and why as `lineage.json` tells it.

    Raises:
        OvertonError: Where the exported model computes something else.
    """
    from overton.export.files import choose_precision

    artifact = export(dataset, planned, trained, graphs=graphs, observe=observe)
    bounds = bounds_of(tuning)
    fits = partial(_keeps_to, bounds, sample) if bounds else None
    before = parent.json("lineage.json").get("precision", {}).get("chosen", "") if parent else ""
    choose = partial(choose_precision, fits=fits, before=before, observe=observe)
    return choose(artifact, dataset, predict, sample, tuning, gate)


def bounds_of(tuning: Tuning) -> dict[str, float]:
    """What serving must keep to, by name; `int8`, which stands beside, is a choice."""
    return {name: value for name, value in tuning.serving.items() if name in BOUNDS}


def cost_of(artifact: Artifact, sample: Sequence[bytes]) -> dict[str, float]:
    """What a version costs to serve, by the name of the bound on it.

    Args:
        artifact: The version.
        sample: Records to measure on, lines of a data file.
    """
    size = len(artifact.files["model.onnx"]) / 1e6
    return {"p99_ms": round(p99_ms(Runtime(artifact), sample), 4), "size_mb": round(size, 3)}


def least_cost(
    dataset: Dataset,
    planned: Plan,
    tuning: Tuning,
    sample: Sequence[bytes],
    *,
    seed: int = 0,
    graphs: Graphs | None = None,
) -> dict[str, float]:
    """What a program costs to serve, which does not depend on what training will make of its weights.

    It is that of float32 where this keeps to the bounds, or int8 is switched off or impossible; else that of int8,
    which is served if it loses nothing that matters.

    Args:
        dataset: The records.
        planned: What would be trained.
        tuning: What the engineer pinned.
        sample: Records to measure on, lines of a data file.
        seed: Seed of the first weights.
        graphs: Where the graphs of programs are kept; None for this process alone.
    """
    from overton.export.files import quantised

    artifact = export(dataset, planned, untrained(planned, seed), graphs=graphs)
    cost = cost_of(artifact, sample)
    if not beyond(cost, bounds_of(tuning)) or tuning.serving.get("int8") == "off":
        return cost
    try:
        small, _ = quantised(artifact, dataset)
    except ValueError:  # an operator that the quantiser does not know
        return cost
    return cost_of(replace(artifact, files={**artifact.files, "model.onnx": small}), sample)


def beyond(cost: Mapping[str, float], bounds: Mapping[str, float]) -> str:
    """Which bounds a cost is beyond, for a person; empty where it keeps to all."""
    over = [name for name, by in violations(cost, bounds).items() if by > 0]
    return ", ".join(f"{name} {cost[name]:.3g} of {bounds[name]:g}" for name in over)


def check_planned(
    dataset: Dataset,
    planned: Plan,
    tuning: Tuning,
    name: str = LARGE,
    *,
    seed: int = 0,
    graphs: Graphs | None = None,
) -> None:
    """See that a program can keep to the bounds of a tuning, whatever training makes of its weights.

    Args:
        dataset: The records.
        planned: What would be trained.
        tuning: What the engineer pinned.
        name: Which model of a version it is.
        seed: Seed of the first weights.
        graphs: Where the graphs of programs are kept; None for this process alone.

    Raises:
        OvertonError: Where it cannot.
    """
    if bounds_of(tuning):
        cost = least_cost(dataset, planned, tuning, sample_records(dataset), seed=seed, graphs=graphs)
        _check(cost, tuning, name)


def check_built(artifact: Artifact, dataset: Dataset, tuning: Tuning, name: str = LARGE) -> None:
    """See that a model of a version keeps to the bounds of a tuning.

    Raises:
        OvertonError: Where it does not.
    """
    if bounds_of(tuning):
        _check(cost_of(artifact, sample_records(dataset)), tuning, name)


def _check(cost: Mapping[str, float], tuning: Tuning, name: str) -> None:
    if over := beyond(cost, bounds_of(tuning)):
        hint = "Pin smaller blocks (`size`, `encoder`, `wide` false), allow `int8`, let a search choose, or allow more"
        what = "the program" if name == LARGE else f"the {name} model"
        message = f"{what} costs more to serve than it may: {over}"
        raise OvertonError(Problem(message, "build.beyond-bound", "tuning.json", field="$.serving", hint=hint))


def _keeps_to(bounds: Mapping[str, float], sample: Sequence[bytes], artifact: Artifact) -> bool:
    return not beyond(cost_of(artifact, sample), bounds)
