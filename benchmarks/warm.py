"""What a rebuild that begins with the weights of the version before costs and reaches, beside one from scratch.

    python benchmarks/warm.py [DATA] [--sets factoid-en,snips] [--records 4000] [--seeds 2] [--new TASK=CLASS]
                              [--without pos_treebank] [--trusted annotator]

DATA is a folder of applications (default: the variable OVERTON_TEST_DATA). A parent is trained on what was there first:
without the files of `updates/` where the application has such a folder, else on nine tenths of the training records.
Then all data are trained on from scratch and from the parent; the test figures and the CPU seconds of both are
printed, with the ratio. `--records` keeps so many training records of the first data, 0 all. With `--new TASK=CLASS`
the first data have no record of that class, and its test units get a line of their own. `--without` leaves out files
of `updates/`: pos_treebank of factoid-en labels parts of speech by another convention. `--trusted` names sources that
count as gold in training (`supervision.trusted`), as the story trusts its annotator.
"""

import argparse
import gzip
import json
import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

import overton
from overton.combining import combine_all
from overton.compile import SupervisionSettings, Tuning
from overton.data import GOLD, Dataset, gold_of
from overton.evaluate import Report, evaluate
from overton.experiments.measure import predict_trained
from overton.fitting import Plan, fit
from overton.pipeline import plan
from overton.train import Parent, Trained

FEW = 0.9
TAGS = ("*", "eval:rare_intent", "slice:complex_disambiguation")
FEWEST = 50  # of test units, below which a figure is left out


def main() -> None:
    """Train every set in the three ways and print one line a figure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", nargs="?", type=Path, default=os.environ.get("OVERTON_TEST_DATA"))
    parser.add_argument("--sets", default="factoid-en,snips")
    parser.add_argument("--records", type=int, default=4000)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--new", default="=", metavar="TASK=CLASS")
    parser.add_argument("--without", default="", metavar="NAME,...", help="files of updates/ that are left out")
    parser.add_argument("--trusted", default="", metavar="NAME,...", help="sources that count as gold in training")
    options = parser.parse_args()
    if options.data is None or not Path(options.data).is_dir():
        print("no data: name a folder of applications, or set OVERTON_TEST_DATA")
        return
    torch.set_num_threads(1)
    for name in options.sets.split(","):
        with tempfile.TemporaryDirectory() as folder:
            before, after = two_states(
                Path(options.data) / name, Path(folder), options.records, options.new, options.without.split(",")
            )
            known = SupervisionSettings(trusted=tuple(filter(None, options.trusted.split(","))))
            runs = [run(before, after, seed, known) for seed in range(options.seeds)]
        sizes = (len(dataset.splits.train) for dataset in (before, after))
        print("{}: {:,} training records, then {:,}; {} seeds".format(name, *sizes, options.seeds))
        print_figures(runs)


def two_states(
    application: Path, folder: Path, n_records: int, new: str, without: Sequence[str] = ()
) -> tuple[Dataset, Dataset]:
    """The records as they were and as they are now, with so many training records of those that were there first."""
    updates = sorted((application / "updates").glob("*.jsonl*"))
    updates = [file for file in updates if file.name.partition(".")[0] not in without]
    found = []
    for state, more in (("before", []), ("after", updates)):
        (folder / state / "data").mkdir(parents=True)
        shutil.copy(application / "schema.json", folder / state)
        for number, file in enumerate([*sorted((application / "data").glob("*.jsonl*")), *more]):
            copy_records(file, folder / state / "data" / f"{number:02d}.jsonl", new, hide=state == "before")
        found.append(overton.load(folder / state).dataset())
    before, after = found
    then, now = before.ids(before.splits.train), after.ids(after.splits.train)
    pool = then if updates else now
    kept = [pool[row] for row in np.random.default_rng(0).permutation(len(pool))[: n_records or len(pool)]]
    early, left_out = set(kept if updates else kept[: round(FEW * len(kept))]), set(pool) - set(kept)
    keep(before, [one in early for one in then])
    keep(after, [one not in left_out for one in now])
    return before, after


def copy_records(source: Path, target: Path, new: str, *, hide: bool) -> None:
    """Copy a data file; records whose gold is the new class are left out, or tagged with it."""
    task, _, name = new.partition("=")
    with gzip.open(source, "rt", encoding="utf-8") as lines, target.open("w", encoding="utf-8") as copy:
        for line in lines:
            record = json.loads(line)
            is_new = bool(task) and record.get("tasks", {}).get(task, {}).get("gold") == name
            if is_new:
                record["tags"] = [*record.get("tags", ()), f"new:{name}"]
            if not (is_new and hide):
                copy.write(json.dumps(record) + "\n")


def keep(dataset: Dataset, chosen: Sequence[bool]) -> None:
    """Leave only some training records in a data set."""
    dataset.__dict__["splits"] = replace(dataset.splits, train=dataset.splits.train[np.array(chosen)])


def run(before: Dataset, after: Dataset, seed: int, known: SupervisionSettings) -> dict[str, tuple[Report, float]]:
    """The report on test and the CPU seconds of each way, by its name."""
    first, now = plan(before, Tuning(supervision=known)), plan(after, Tuning(supervision=known))
    combined = combine_all(after, supervision=known)
    trained: dict[str, tuple[Plan, Trained, float]] = {}
    start = time.process_time()
    old = fit(before, first, combine_all(before, supervision=known), seed=seed)
    trained["parent"] = first, old, time.process_time() - start
    parent = Parent("parent", first.program, old.weights, first.given.strings, old.temperature, old.share)
    for arm, begin in (("scratch", None), ("warm", parent)):
        start = time.process_time()
        trained[arm] = now, fit(after, now, combined, seed=seed, parent=begin), time.process_time() - start
    return {
        arm: (report_on_test(after, planned, one), seconds)
        for arm, (planned, one, seconds) in trained.items()
        if planned.program.schema == now.program.schema  # the parent may know fewer classes
    }


def report_on_test(dataset: Dataset, planned: Plan, trained: Trained) -> Report:
    """The quality of a trained program on test, with the thresholds and temperatures that a version has."""
    test = dataset.splits.test
    predictions = predict_trained(dataset, planned, trained, test)
    gold = {name: gold_of(dataset.votes(name, [GOLD])) for name in predictions}
    return evaluate(predictions, gold, dataset.tags, dataset.splits, rows=test)


def print_figures(runs: Sequence[Mapping[str, tuple[Report, float]]]) -> None:
    """One line a figure: its mean in each way, and by how much warm differs from scratch, beside its standard error."""
    arms = list(runs[0])
    print(f"  {'':44s}" + "".join(f"{arm:>9s}" for arm in arms) + f"{'warm - scratch':>18s}")
    report = runs[0]["scratch"][0]
    for row in report.rows:
        told = row.tag in TAGS or row.tag.startswith("new:")
        if row.split != "test" or row.metric != report.main_metric[row.task] or not told or row.n < FEWEST:
            continue
        values = {
            arm: statistics.mean(one[arm][0].row(row.task, "test", row.tag, row.metric).value for one in runs)
            for arm in arms
        }
        apart, error = values["warm"] - values["scratch"], (row.high - row.low) / 2 / 1.96
        cells = "".join(f"{value:9.4f}" for value in values.values())
        print(f"  {f'{row.task} {row.tag} {row.metric}':44s}{cells}{100 * apart:+10.1f} ± {100 * error:3.1f}")
    seconds = {arm: statistics.mean(one[arm][1] for one in runs) for arm in arms}
    cells = "".join(f"{one:9.1f}" for one in seconds.values())
    print(
        f"  {'CPU seconds of training':44s}{cells}{seconds['scratch'] / seconds['warm']:10.1f} times faster", flush=True
    )


if __name__ == "__main__":
    main()
