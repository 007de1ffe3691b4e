"""What slices cost and what they bring.

    python benchmarks/slices.py [--data FOLDER] [--counts 0,10,100,500] [--steps 100]
    python benchmarks/slices.py --quality FOLDER [--seeds 5] [--from-seed 0] [--records 4000] [--noise 0.25]
                                [--arms on,plain] [--made]

The first times training steps with made slices of random members at each count, interleaved, and prints parameters
and ratios. The second trains an application from scratch in four ways and prints the test figures of each beside
those of `off`, seed by seed:

- `on`: as `overton build` does;
- `plain`: the same layers without memberships, slice members seen as often: the capacity alone;
- `sampling`: the program without slices, slice members seen as often: the sampling alone;
- `off`: `"slices": "off"`.

`--made` makes rare, keyword and confusable slices of clinc150 or factoid-en (`slices_data.py`). `--noise` replaces
that share of the labels of training records by other classes of the data.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from ingest import find_application
from slices_data import REST, rewrite

import overton
from overton.codec import Encoder
from overton.combining import combine_all
from overton.compile import Program, Tuning, choose_slices, compile_program, default_choices
from overton.data import SLICE_PREFIX, Dataset, gold_of
from overton.evaluate import Report, evaluate
from overton.export import load_model
from overton.fitting import Plan, fit
from overton.nn import Drop, build_model
from overton.pipeline import plan
from overton.train import Memberships, forward_of, predict, train, training_batches

ARMS = ("off", "sampling", "plain", "on")
BUDGET = 1.5
SHARE = 0.02
FEWEST = 20  # of test units, below which a figure of a slice is left out of the mean


def main() -> None:
    """Measure the cost, or the quality."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="folder of an application, to time on")
    parser.add_argument("--counts", default="0,10,100,500")
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--quality", type=Path, help="folder of an application, to train")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--from-seed", type=int, default=0, metavar="N", help="the first of them")
    parser.add_argument("--records", type=int, default=0, help="train on so many records; 0 for all")
    parser.add_argument("--epochs", type=int, default=0, help="0 for as many as a build has")
    parser.add_argument("--noise", type=float, default=0.0)
    parser.add_argument("--made", action="store_true", help="make slices beside its own")
    parser.add_argument("--arms", default=",".join(ARMS))
    options = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        if options.quality:
            copy = Path(folder) / options.quality.name
            application = rewrite(options.quality, copy, options.noise, made=options.made)
            dataset = overton.load(application).dataset()
            if options.records:
                keep_some(dataset, options.records)
            compare(
                dataset,
                options.arms.split(","),
                range(options.from_seed, options.from_seed + options.seeds),
                options.epochs,
            )
        else:
            dataset = overton.load(find_application(options.data, Path(folder))).dataset()
            print_costs(dataset, [int(count) for count in options.counts.split(",")], options.steps)


def keep_some(dataset: Dataset, n_records: int) -> None:
    """Leave only some training records in a data set, always the same."""
    rows = np.random.default_rng(0).permutation(dataset.splits.train)[:n_records]
    dataset.__dict__["splits"] = replace(dataset.splits, train=np.sort(rows))


def compare(dataset: Dataset, arms: Sequence[str], seeds: Sequence[int], epochs: int) -> None:
    """Train in every way with every seed, and print the means and what each differs from `off` by."""
    combined = combine_all(dataset)
    print(f"{len(dataset.splits.train):,} training records; {plan(dataset, Tuning(slices=('on',))).slices}", flush=True)
    found: dict[str, list[dict[str, float]]] = {arm: [] for arm in arms}
    for seed in seeds:
        for arm in arms:
            start = time.process_time()
            way = planned(dataset, arm, epochs)
            trained = fit(dataset, way, combined, seed=seed)
            seconds = time.process_time() - start
            figures = figures_of(report_of(dataset, way.program, trained.weights))
            figures["seconds"] = seconds
            found[arm].append(figures)
            text = "  ".join(f"{name} {value:.4f}" for name, value in figures.items() if name.count(" ") == 0)
            print(f"seed {seed} {arm:9s} {text}  best epoch {trained.best_epoch}/{len(trained.history)}", flush=True)
    print_table(found)


def planned(dataset: Dataset, arm: str, epochs: int) -> Plan:
    """What one way of training trains."""
    choices = default_choices(dataset.schema)
    choices = replace(choices, training=replace(choices.training, epochs=epochs))
    whole = plan(dataset, Tuning(slices=("on",)))
    slices = whole.slices
    if arm == "off":
        slices = choose_slices(dict(slices.modelled), len(dataset.splits.train), on=False)
    names = tuple(slices.modelled) if arm in ("on", "plain") else ()
    program = compile_program(dataset.schema, choices, names)
    return Plan(choices, without_members(program) if arm == "plain" else program, whole.given, slices)


def without_members(program: Program) -> Program:
    """The same layers where no membership is predicted."""
    nodes = tuple(
        replace(node, settings={**node.settings, "slices": 0}) if node.op.startswith("slice_") else node
        for node in program.nodes
    )
    return replace(program, nodes=nodes, slices=())


def report_of(dataset: Dataset, program: Program, weights: Mapping[str, Any]) -> Report:
    """The quality of a trained program on test."""
    rows = dataset.splits.test
    lengths = dataset.record_lengths()
    rows = rows[np.argsort(lengths[rows], kind="stable")]
    forward = forward_of(load_model(program, weights))
    gold = {task.name: gold_of(dataset.votes(task.name, ["gold"])) for task in dataset.schema.tasks}
    predictions = predict(forward, dataset.schema, dataset.gather, Encoder(program), rows, lengths)
    none = np.zeros(0, np.int64)
    splits = replace(dataset.splits, train=none, dev=none)
    return evaluate(predictions, gold, dataset.tags, splits, rows=rows)


def figures_of(report: Report) -> dict[str, float]:
    """Means over the tasks' main metrics: of all test records, of the slices, of the worst, of records in no slice."""
    rows = [row for row in report.rows if row.split == "test" and row.metric == report.main_metric[row.task]]
    sliced = [row for row in rows if row.tag.startswith(SLICE_PREFIX) and row.n >= FEWEST]
    figures = {
        "overall": statistics.mean(row.value for row in rows if row.tag == "*"),
        "slices": statistics.mean(row.value for row in sliced),
        "worst": min(row.value for row in sliced),
        "rest": statistics.mean(row.value for row in rows if row.tag == REST),
    }
    for task in report.main_metric:
        figures[f"{task} overall"] = next(row.value for row in rows if row.task == task and row.tag == "*")
        own = [row.value for row in sliced if row.task == task]
        figures[f"{task} slices"] = statistics.mean(own) if own else float("nan")
    return {**figures, **{f"{row.task} {row.tag}": row.value for row in sliced}}


def print_table(found: Mapping[str, Sequence[Mapping[str, float]]]) -> None:
    """One line a figure: its mean in every way, and the paired difference from `off` with its standard error."""
    base = found.get("off") or next(iter(found.values()))
    print(f"\n{'':44s}" + "".join(f"{arm:>24s}" for arm in found))
    for name in base[0]:
        cells = []
        for runs in found.values():
            mean = statistics.mean(run[name] for run in runs)
            apart = [100 * (run[name] - other[name]) for run, other in zip(runs, base, strict=True)]
            error = statistics.stdev(apart) / len(apart) ** 0.5 if len(apart) > 1 else 0.0
            change = f"({statistics.mean(apart):+6.2f} ± {error:4.2f})" if name != "seconds" else ""
            cells.append(f"{mean:8.4f} {change:15s}")
        print(f"{name:44s}" + "".join(cells))


def print_costs(dataset: Dataset, counts: Sequence[int], steps: int) -> None:
    """Time some steps of training at every count of slices, in turn, and print the least time of each."""
    combined = combine_all(dataset)
    targets = {name: one.targets for name, one in combined.items()}
    choices = default_choices(dataset.schema)
    settings = replace(choices.training, epochs=1)
    n_records = steps * settings.batch_size
    rows = np.resize(dataset.splits.train, n_records)
    lengths = dataset.record_lengths()
    seconds: dict[int, list[float]] = {count: [] for count in counts}
    parameters = {}
    for _ in range(4):
        for count in counts:
            program = compile_program(dataset.schema, choices, [f"slice:{number:03d}" for number in range(count)])
            model = build_model(program, 0, Drop())
            parameters[count] = sum(weight.numel() for weight in model.parameters())
            members = made_memberships(dataset.n_records, count) if count else None
            batches = training_batches(
                dataset.gather, Encoder(program), targets, rows, lengths, settings.batch_size, members
            )
            start = time.process_time()
            train(program, batches, settings=settings, seed=0)
            seconds[count].append((time.process_time() - start) / batches.n_batches)
    first = counts[0]
    print(f"{'slices':>8s} {'parameters':>12s} {'ratio':>7s} {'ms a step':>10s} {'ratio':>7s}   (budget {BUDGET})")
    for count in counts:
        size, step = parameters[count] / parameters[first], min(seconds[count]) / min(seconds[first])
        print(f"{count:8d} {parameters[count]:12,d} {size:7.2f} {1000 * min(seconds[count]):10.1f} {step:7.2f}")


def made_memberships(n_records: int, n_slices: int) -> Memberships:
    """Slices of random members that overlap."""
    member = np.random.default_rng(0).random((n_records, n_slices)) < SHARE
    first = np.concatenate([[0], np.cumsum(member.sum(1))])
    return Memberships(n_slices, first, member.nonzero()[1].astype(np.int32))


if __name__ == "__main__":
    main()
