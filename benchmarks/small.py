"""What a small model gains by learning from a large one: beside the same small model taught by the votes alone.

    python benchmarks/small.py [--app DIR] [--labelled N] [--epochs 20] [--encoder bag] [--size 32] [--seeds 2]
    python benchmarks/small.py --records 3000                the example application, made from a seed

The large model is the default program; the small one has narrow vectors, no wide path, and a bag of words or another
encoder of one layer. With --labelled all but N of the training records are without labels, drawn anew by each seed: the
large one learns from those N, and teaches on all. What has N records to learn from gets twice the epochs. Per seed and
task: the main metric on test against gold, as `overton build` measures it but without the export, and what the two have
in the mean.
"""

import argparse
import json
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from statistics import mean

import numpy as np

import overton
from overton.codec import Predictions
from overton.combining import combine_all
from overton.compile import Tuning, parse_tuning
from overton.data import GOLD, Dataset, gold_of
from overton.evaluate import main_scores
from overton.example import factoid
from overton.example.files import write_application
from overton.export import load_model
from overton.fitting import Plan, fit, taught_targets, teaching
from overton.pipeline import plan
from overton.supervision import Combined
from overton.train import Trained, forward_of, predict


def said(dataset: Dataset, planned: Plan, combined: Mapping[str, Combined], trained: Trained, rows: np.ndarray) -> dict:
    """What a trained program says of some records."""
    encoder = teaching(dataset, planned, combined)[1]
    forward = forward_of(load_model(planned.program, trained.weights))
    schema, lengths = planned.program.schema, dataset.record_lengths()
    found: dict[str, Predictions] = predict(
        forward, schema, dataset.gather, encoder, rows, lengths, thresholds=trained.thresholds
    )
    return found


def scores_of(dataset: Dataset, planned: Plan, combined: Mapping[str, Combined], trained: Trained) -> dict[str, float]:
    """Main metrics on test."""
    test = np.sort(dataset.splits.test)
    gold = {task.name: gold_of(dataset.votes(task.name, [GOLD])) for task in dataset.schema.tasks}
    return main_scores(said(dataset, planned, combined, trained, test), gold, test)


def main() -> None:
    """Train all three by each seed, and print their scores."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--records", type=int, default=3000)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--encoder", default="bag", help="of the small model's tokens")
    parser.add_argument("--size", type=int, default=32, help="of its vectors")
    parser.add_argument("--labelled", type=int, default=0, help="training records that keep their labels; 0 for all")
    parser.add_argument("--app", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = options.app or Path(folder) / "example"
        if not options.app:
            write_application(factoid(options.records, 0), home)
        dataset = overton.load(home).dataset()
        every = combine_all(dataset)
        payloads = {payload.name: {"size": options.size} for payload in dataset.schema.payloads}
        for payload in dataset.schema.payloads:
            if payload.type == "sequence":
                payloads[payload.name] |= {"encoder": options.encoder, "layers": 1, "wide": False}
            if payload.type == "singleton":
                payloads[payload.name] |= {"wide": False, "aggregate": "max"}
        more = options.epochs * (2 if options.labelled else 1)
        large, alone, small = (
            plan(dataset, parsed({"training": {"epochs": epochs}, "payloads": own}, dataset))
            for epochs, own in ((more, {}), (more, payloads), (options.epochs, payloads))
        )
        rows, found = np.sort(dataset.splits.train), {"large": [], "small alone": [], "small taught": []}
        for seed in range(options.seeds):
            combined = labelled(every, rows, options.labelled, seed)
            teacher = fit(dataset, large, combined, seed=seed)
            taught = taught_targets(combined, said(dataset, large, combined, teacher, rows), rows, small)
            found["large"].append(scores_of(dataset, large, combined, teacher))
            for name, planned, targets in (("small alone", alone, combined), ("small taught", small, taught)):
                trained = fit(dataset, planned, targets, seed=seed)
                found[name].append(scores_of(dataset, planned, combined, trained))
            for name, scores in found.items():
                told = "  ".join(f"{task} {value:.3f}" for task, value in scores[-1].items())
                print(f"seed {seed}  {name:13} mean {mean(scores[-1].values()):.4f}  {told}", flush=True)
    for name, scores in found.items():
        print(f"{name:13} mean of {options.seeds} seeds {mean(mean(one.values()) for one in scores):.4f}")


def labelled(every: Mapping[str, Combined], rows: np.ndarray, number: int, seed: int) -> dict[str, Combined]:
    """The combined votes, but for those of all training records beyond a number; all where it is 0."""
    if not number:
        return dict(every)
    left_out = np.random.default_rng(seed).permutation(rows)[number:]
    found = {}
    for name, one in every.items():
        index = one.targets.index.copy()
        index[np.repeat(np.isin(np.arange(len(one.targets.offsets) - 1), left_out), np.diff(one.targets.offsets))] = -1
        found[name] = replace(one, targets=replace(one.targets, index=index))
    return found


def parsed(tuning: dict, dataset: Dataset) -> Tuning:
    """A tuning file's value, checked."""
    return parse_tuning(json.dumps(tuning), "tuning.json", dataset.schema)


if __name__ == "__main__":
    main()
