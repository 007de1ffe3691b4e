"""Quality, time and memory of `overton build` with its defaults on real data sets.

    python benchmarks/quality.py [DATA] [--sets factoid-en,snips] [--seeds 1]

DATA is a folder of applications (default: the variable OVERTON_TEST_DATA). Each is copied, built by the command
in a process of its own, and its test figures are printed beside the bar that we set ourselves.
"""

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

# set -> (task, tag, metric) -> the least that we accept; reference results are told in docs/quality.md
BARS: dict[str, dict[tuple[str, str, str], float]] = {
    "factoid-en": {
        ("Intent", "*", "accuracy"): 0.83,
        ("IntentArg", "*", "accuracy"): 0.93,
        ("IntentArg", "slice:complex_disambiguation", "accuracy"): 0.50,
        ("EntityType", "*", "micro_f1"): 0.56,
        ("POS", "*", "accuracy"): 0.78,
    },
    "snips": {("Intent", "*", "accuracy"): 0.97, ("Slot", "*", "span_f1"): 0.87},
    "smart-dbpedia": {("AnswerType", "*", "micro_f1"): 0.68},
    "ud-ewt": {("POS", "*", "accuracy"): 0.92},
}
MINUTES = {"factoid-en": 10, "snips": 8}


def build(application: Path, seed: int) -> tuple[dict, float, float]:
    """Build a copy of an application; returns the report, the wall seconds and the CPU seconds."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / application.name
        (copy / "data").mkdir(parents=True)
        shutil.copy(application / "schema.json", copy)
        for file in (application / "data").glob("*.jsonl*"):
            shutil.copy(file, copy / "data")
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        start = time.perf_counter()
        words = [sys.executable, "-m", "overton.cli.main", "build", str(copy), "--seed", str(seed), "--json", "-q"]
        outcome = subprocess.run(words, stdout=subprocess.PIPE, check=True)
        seconds = time.perf_counter() - start
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return json.loads(outcome.stdout), seconds, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def figures(report: dict, wanted: dict[tuple[str, str, str], float]) -> dict[tuple[str, str, str], float]:
    """The wanted test figures of a report."""
    rows = {(row["task"], row["tag"], row["metric"]): row["value"] for row in report["rows"] if row["split"] == "test"}
    return {key: rows[key] for key in wanted}


def main() -> None:
    """Build every set and print one line a figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", nargs="?", type=Path, default=os.environ.get("OVERTON_TEST_DATA"))
    parser.add_argument("--sets", default=",".join(BARS))
    parser.add_argument("--seeds", type=int, default=1)
    options = parser.parse_args()
    if options.data is None or not Path(options.data).is_dir():
        print("no data: name a folder of applications, or set OVERTON_TEST_DATA")
        return
    print(f"{'set':14} {'task':11} {'tag':30} {'metric':9} {'value':>7} {'bar':>5}")
    for name in options.sets.split(","):
        runs = [build(Path(options.data) / name, seed) for seed in range(options.seeds)]
        found = [figures(report, BARS[name]) for report, _, _ in runs]
        for key, bar in BARS[name].items():
            value = statistics.mean(run[key] for run in found)
            verdict = "ok" if value >= bar else "BELOW"
            print(f"{name:14} {key[0]:11} {key[1]:30} {key[2]:9} {value:7.4f} {bar:5.2f} {verdict}")
        wall, cpu = (statistics.mean(run[position] for run in runs) for position in (1, 2))
        most = f" (bar: {MINUTES[name]} min)" if name in MINUTES else ""
        print(f"{name:14} {wall:.0f} s wall, {cpu:.0f} s of CPU a build{most}", flush=True)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1e6
    print(f"peak memory of the largest build: {peak:.2f} GB")


if __name__ == "__main__":
    main()
