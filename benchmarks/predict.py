"""Batch prediction beside the bare onnxruntime, two workers beside one, and what a shard costs.

    python benchmarks/predict.py VERSION DATA.jsonl      VERSION as on the command line: a path, APP@ID, APP
    python benchmarks/predict.py                         builds the factoid example first

The records of the data without their labels, repeated until they are `--records`, are predicted shard by shard: read,
checked, encoded, run, decoded, written. In turn with each shard the same batches, encoded beforehand, go through the
same model in a session of one thread: the bar is that the bare session takes at least 0.8 of the CPU time of the whole.
Then the same in fresh processes on `local:1` and `local:2`; and as shards of a record each, for the cost of a shard.

Seconds are those of processors. On a machine that does other work beside, the ratio of wall times tells little: look at
the CPU seconds, which say what splitting the work costs.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from itertools import islice
from pathlib import Path

from overton.base.threads import one_thread

one_thread(os.environ)  # as the command does, before numpy is loaded

import msgspec
import onnxruntime
from serving_load import version_and_records

from overton.artifact import Artifact
from overton.artifact.files import load_artifact, save_artifact
from overton.base import ignore
from overton.batch import predict_files
from overton.batch.files import find_inputs
from overton.batch.plan import Asked, make_plan
from overton.batch.predict import batches
from overton.batch.verbs import _predict_verb
from overton.batch.work import make_work
from overton.codec import Encoder
from overton.data import LineReader, without_collection
from overton.data.files import read_lines
from overton.engine import engine_of

BAR = 0.8
SHARD_RECORDS = 4096
SMALL = 500
MB = 1_000_000


def main() -> int:
    """Measure and print; 1 where the bar is not met."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("version", nargs="?", help="a path to an artefact, APP@ID, APP@ALIAS, or APP")
    parser.add_argument("data", nargs="?", type=Path, help="records to predict, one a line")
    parser.add_argument("--records", type=int, default=40_000)
    parser.add_argument("--rounds", type=int, default=2, help="of one worker and two, in turn")
    parser.add_argument("--run", nargs=4, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.run:
        return in_this_process(*options.run)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        artifact, lines = version_and_records(options.version, options.data, folder, options.records)
        save_artifact(artifact, folder / "version")
        data = folder / "in"
        data.mkdir()
        n_bytes = write(data, lines, options.records)
        each = n_bytes / options.records
        print(f"{artifact.id}: {options.records:,} records of {each:,.0f} bytes, {len(lines):,} different")
        ratio, _ = beside_bare(artifact, data, folder / "one")
        scaling(folder, options.rounds)
        small_shards(artifact, lines, folder)
    return 0 if ratio >= BAR else 1


def write(data: Path, lines: list[bytes], n_records: int) -> int:
    """Write so many records with fresh ids, a shard's worth a file, and return their bytes."""
    values = [msgspec.json.decode(line) for line in lines]
    size = 0
    for first in range(0, n_records, SHARD_RECORDS):
        numbers = range(first, min(first + SHARD_RECORDS, n_records))
        content = b"".join(msgspec.json.encode({**values[n % len(values)], "id": f"r{n}"}) + b"\n" for n in numbers)
        (data / f"{first:09}.jsonl").write_bytes(content)
        size += len(content)
    return size


def beside_bare(artifact: Artifact, data: Path, output: Path) -> tuple[float, float]:
    """Print what the bare session and the whole work take of each shard, in turn; share and seconds of the latter."""
    asked = Asked("predict", artifact.id, "jsonl", shard_bytes=1 << 40)
    plan = make_plan(asked, find_inputs([str(data)]))
    work = make_work(plan, str(output), lambda: _predict_verb(artifact, asked))
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(artifact.files["model.onnx"], options, providers=["CPUExecutionProvider"])
    encoder, reader = Encoder(artifact.program, artifact.strings), LineReader(artifact.schema)
    names = [value.name for value in session.get_inputs()]
    outputs = [artifact.signature.output_by_task[task.name] for task in artifact.schema.learnable().tasks]
    bare, ours = [], []
    for piece in plan.pieces:
        encoded = []
        numbered = list(read_lines(Path(plan.inputs[piece.input].place)))
        for start in range(0, len(numbered), SHARD_RECORDS):
            some = numbered[start : start + SHARD_RECORDS]
            records = reader.read([line for _, line in some], [number for number, _ in some])
            for rows in batches(records.lengths()):
                values = encoder.encode(records.gather(rows))
                encoded.append({name: values[name] for name in names})
        with without_collection():
            begin = time.process_time()
            for values in encoded:
                session.run(outputs, values)
            bare.append((time.process_time() - begin) / len(numbered))
        begin = time.process_time()
        counts = work(piece, ignore)
        ours.append((time.process_time() - begin) / counts.records)
    first = bare[0] / ours[0]
    share = sum(bare[1:]) / sum(ours[1:]) if len(bare) > 1 else first
    mean_bare, mean_ours = (sum(part[1:]) / max(len(part) - 1, 1) for part in (bare, ours))
    print(f"first shard, all strings new: {bare[0] * 1e6:.0f} of {ours[0] * 1e6:.0f} us a record: {first:.2f}")
    print(
        f"the others: bare onnxruntime {mean_bare * 1e6:.0f} us, overton {mean_ours * 1e6:.0f} us a record "
        f"({1 / mean_ours:,.0f} records a CPU second): {share:.2f} (bar {BAR})"
    )
    return share, mean_ours


def scaling(folder: Path, rounds: int) -> None:
    """Print what one worker and two take, in fresh processes."""
    best: dict[str, tuple[float, float]] = {}
    for number in range(rounds):
        for place in ("local:1", "local:2"):
            words = [sys.executable, __file__, "--run", str(folder / "version"), str(folder / "in")]
            done = subprocess.run(
                [*words, str(folder / f"{place}-{number}"), place], capture_output=True, text=True, check=True
            )
            wall, cpu = map(float, done.stdout.split())
            best[place] = min(best.get(place, (wall, cpu)), (wall, cpu))
    for place, (wall, cpu) in best.items():
        print(f"{place}: {wall:6.1f} s, {cpu:6.1f} CPU s")
    print(f"ratio of wall times: {best['local:1'][0] / best['local:2'][0]:.2f} (bar 1.7 on two free cores)")


def in_this_process(version: str, data: str, output: str, place: str) -> int:
    """Predict, and print wall and CPU seconds of all processes."""
    artifact = load_artifact(Path(version))
    begin = time.perf_counter()
    predict_files(artifact, artifact.id, [data], output, engine=engine_of(place))
    wall = time.perf_counter() - begin
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    print(wall, sum(one.ru_utime + one.ru_stime for one in used))
    return 0


def small_shards(artifact: Artifact, lines: list[bytes], folder: Path) -> None:
    """Print what a shard costs that has one record, beside a record in one shard."""
    single, many = folder / "single", folder / "many"
    single.mkdir()
    many.mkdir()
    some = list(islice(lines, SMALL))
    (single / "all.jsonl").write_bytes(b"\n".join(some))
    for number, line in enumerate(some):
        (many / f"{number}.jsonl").write_bytes(line)
    took = []
    for data in (single, many):
        begin, wall = time.process_time(), time.perf_counter()
        predict_files(artifact, artifact.id, [str(data)], str(data) + "-out")
        took.append((time.process_time() - begin, time.perf_counter() - wall))
    each = [(of_many - of_one) / len(some) * 1000 for of_one, of_many in zip(*took, strict=True)]
    print(f"a shard costs {each[0]:.1f} ms of CPU and {each[1]:.1f} ms beside its records")


if __name__ == "__main__":
    sys.exit(main())
