"""Ludwig beside Overton on snips, in one run: training by the epoch, and batch prediction.

    python benchmarks/ludwig_snips.py DATA --ludwig PYTHON [--epochs 10] [--records 40000] [--rounds 3]
                                [--version VERSION ...]

DATA is a folder of applications with snips, VERSION a version of it as on the command line; PYTHON is that of an
environment of its own with Ludwig. 0.17.10, the newest, wants Python 3.12; on 3.11 it runs where `pip install
ludwig` (0.11) is followed by `pip install --no-deps --ignore-requires-python ludwig==0.17.10`.

Ludwig's model is a BiLSTM of 128 on vectors of 128 with a tagger of the slots and a classifier of the intent, in
batches of 64, which came to .973 of the intents and .861 of the slots (span F1) in ten epochs. Both sides run on one
thread, and seconds are those of processors. An epoch is timed without the scoring of dev. Of prediction each round
times both sides in turn on the same records: Ludwig from a table in memory to one in memory, Overton from JSON lines
to JSON lines in a file; and its model in the bare onnxruntime, whose share of the whole is told as in `predict.py`.
"""

import argparse
import json
import statistics
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import torch
from predict import beside_bare, write
from serving_load import version_and_records
from training import OURS, copied, our_epochs

import overton
from overton.data import Dataset, gold_of

PEER = Path(__file__).with_name("ludwig_peer.py")
TIMES = 5  # what the records a CPU second of Ludwig are to be beaten by
TRAIN_TIMES = 2


def main() -> None:
    """Train and predict with both, and print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", nargs="?", type=Path, help="folder of applications with snips")
    parser.add_argument("--version", action="append", default=[], dest="versions", help="one of snips to predict with")
    parser.add_argument("--ludwig", help="the Python of an environment with Ludwig")
    parser.add_argument("--epochs", type=int, default=10, help="of Ludwig; of ours three are timed")
    parser.add_argument("--records", type=int, default=40_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    if options.data is None or options.ludwig is None:
        print("nothing is compared: name a folder of applications with snips, and a Python with Ludwig")
        return
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        dataset = overton.load(copied(options.data, "snips", folder)).dataset()
        tell(dataset, folder / "records.jsonl")
        with peer([options.ludwig, str(PEER), str(folder / "records.jsonl"), str(options.epochs), name]) as asked:
            compare_training(dataset, asked)
            if options.versions:
                compare_prediction(options, folder, asked)


def tell(dataset: Dataset, path: Path) -> None:
    """Write the records as Ludwig reads them: texts of words with blanks between, and the gold labels."""
    slots, intents = gold_of(dataset.votes("Slot")), gold_of(dataset.votes("Intent"))
    with path.open("w") as file:
        for split, rows in (
            ("train", dataset.splits.train),
            ("dev", dataset.splits.dev),
            ("test", dataset.splits.test),
        ):
            for row, record in zip(rows.tolist(), dataset.payloads(rows), strict=True):
                said = slots.label[slots.offsets[row] : slots.offsets[row + 1]].tolist()
                value = {
                    "text": " ".join(record["tokens"]),
                    "intent": intents.task.classes[int(intents.label[row])],
                    "slots": " ".join(slots.task.classes[label] for label in said),
                    "split": split,
                }
                file.write(json.dumps(value) + "\n")


class Peer:
    """The other process, which tells an object a line among what Ludwig prints."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        assert process.stdin is not None, "it is asked by its input"
        assert process.stdout is not None, "it answers by its output"
        self._input: IO[str] = process.stdin
        self._output: IO[str] = process.stdout

    def hear(self) -> Iterator[tuple[str, float]]:
        """What it tells, by name, as it comes."""
        for line in self._output:
            if line.startswith('{"'):
                yield next(iter(json.loads(line).items()))

    def predict(self, texts: Path) -> float:
        """CPU seconds of the prediction of some texts."""
        self._input.write(f"{texts}\n")
        self._input.flush()
        return next(seconds for name, seconds in self.hear() if name == "seconds")


@contextmanager
def peer(command: list[str]) -> Iterator[Peer]:
    """Run the other side."""
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        try:
            yield Peer(process)
        finally:
            process.kill()


def compare_training(dataset: Dataset, asked: Peer) -> None:
    """Print the seconds of an epoch of both sides."""
    n_records = len(dataset.splits.train)
    epochs: list[float] = []
    for name, value in asked.hear():
        if name == "accuracy":
            print(f"Ludwig: intents of test {value:.3f} after {len(epochs)} epochs")
            break
        epochs.append(value)
    theirs = statistics.median(epochs)
    print(f"{n_records:,} records; CPU seconds an epoch, the median (bar: {TRAIN_TIMES} times, at better quality)")
    print(f"{'Ludwig, bilstm':32} {theirs:6.2f} s  {n_records / theirs:8,.0f} records/s")
    for name, tuning in OURS.items():
        ours = statistics.median(our_epochs(dataset, tuning, 3))
        print(f"{'overton, ' + name:32} {ours:6.2f} s  {n_records / ours:8,.0f} records/s  {theirs / ours:5.2f} times")


def compare_prediction(options: argparse.Namespace, folder: Path, asked: Peer) -> None:
    """Print the records a CPU second of both sides, in turn."""
    theirs: list[float] = []
    ours: dict[str, list[tuple[float, float]]] = {version: [] for version in options.versions}
    source = options.data / "snips" / "data" / "records.jsonl.gz"
    found = {version: version_and_records(version, source, folder, options.records) for version in ours}
    _, lines = next(iter(found.values()))  # the same for all
    (folder / "in").mkdir()
    write(folder / "in", lines, options.records)
    words = [" ".join(json.loads(line)["payloads"]["tokens"]) for line in lines]
    texts = folder / "texts.json"
    texts.write_text(json.dumps([words[n % len(words)] for n in range(options.records)]))
    for _ in range(options.rounds):
        for version, (artifact, _) in found.items():
            theirs.append(options.records / asked.predict(texts))
            ours[version].append(beside_bare(artifact, folder / "in", folder / f"out{len(theirs)}"))
    most = statistics.median(theirs)
    apart = f"{min(theirs):,.0f} to {max(theirs):,.0f}"
    print(f"Ludwig: {most:,.0f} records a CPU second, the median of {len(theirs)} ({apart})")
    for version, rounds in ours.items():
        share, seconds = (statistics.median(one) for one in zip(*rounds, strict=True))
        times = f"{1 / seconds / most:.1f} times (bar {TIMES})"
        print(f"{version}: {1 / seconds:,.0f}, {times}; share of the model {share:.2f} (bar .8)")


if __name__ == "__main__":
    main()
