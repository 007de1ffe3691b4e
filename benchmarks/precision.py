"""float32 beside int8 for the newest version of some applications: speed, size, dev, and alone against beside others.

    python benchmarks/precision.py APP [APP ...]
    python benchmarks/precision.py                 builds the factoid example first

What a build would choose by itself (`auto`) and asked for int8 (`on`); how many labels of golden records differ when
one is predicted alone and beside ninety-nine others, and by how much a probability does at most. docs/deploying.md
tells what that means.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from overton.application import Application, load
from overton.artifact import Artifact, Runtime
from overton.compile import Tuning
from overton.data import RecordParser
from overton.export import to_onnx
from overton.export.files import choose_precision, quantised
from overton.pipeline import predict_rows


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("apps", nargs="*", type=Path, metavar="APP", help="applications with a version")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        for application in map(load, options.apps) if options.apps else [example(Path(scratch) / "factoid")]:
            measure(application)
    return 0


def example(directory: Path) -> Application:
    """The factoid example, built."""
    overton = [sys.executable, "-m", "overton"]
    subprocess.run([*overton, "init", str(directory), "--example", "factoid", "--records", "2000"], check=True)
    application = load(directory)
    application.build()
    return application


def measure(application: Application) -> None:
    """Print what there is to know of the newest version."""
    artifact, dataset = application.version().artifact, application.dataset()
    whole = to_onnx(artifact.program, artifact.weights())
    artifact = replace(artifact, files={**artifact.files, "model.onnx": whole})
    small = replace(artifact, files={**artifact.files, "model.onnx": quantised(artifact, dataset)[0]})
    for asked in ("auto", "on"):
        start = time.process_time()
        tuning = Tuning(serving={"int8": asked})
        _, told = choose_precision(artifact, dataset, predict_rows, artifact.files["golden.jsonl"].splitlines(), tuning)
        print(f"{application.directory} {asked}: {told['chosen']}, {told['why']} ({time.process_time() - start:.1f} s)")
    for name, version in (("float32", artifact), ("int8", small)):
        differ, labels, most = alone_and_beside(version)
        told = f"{differ} of {labels} labels differ alone and beside others, probabilities by {most:.1g} at most"
        print(f"{application.directory} {name}: {told}")


def alone_and_beside(artifact: Artifact) -> tuple[int, int, float]:
    """How many labels of the golden records differ when each is predicted alone, of how many; and probabilities."""
    runtime, parser = Runtime(artifact), RecordParser(artifact.schema, closed=True)
    records = [parser.parse(line) for line in artifact.files["golden.jsonl"].splitlines()]
    beside = runtime.predict(records)
    alone = [runtime.predict([record])[0] for record in records]
    pairs = [(one[task], other[task]) for one, other in zip(alone, beside, strict=True) for task in one]
    items = [zip(*pair, strict=True) if isinstance(pair[0], list) and pair[1] is not None else [pair] for pair in pairs]
    same = np.array([one == other for pair in items for one, other in pair])
    beside = runtime.predict(records, probabilities=True)
    alone = [runtime.predict([record], probabilities=True)[0] for record in records]
    most = float(np.abs(np.subtract(numbers(alone), numbers(beside))).max(initial=0))
    return int((~same).sum()), len(same), most


def numbers(answer: Any) -> list[float]:
    """All probabilities of an answer, in its order."""
    if isinstance(answer, dict):
        answer = list(answer.values())
    if isinstance(answer, list):
        return [number for each in answer for number in numbers(each)]
    return [] if answer is None else [float(answer)]


if __name__ == "__main__":
    sys.exit(main())
