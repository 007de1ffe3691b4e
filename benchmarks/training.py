"""How fast a program is trained: records per second of CPU, beside plain PyTorch of the same size in the same run.

    python benchmarks/training.py [DATA] [--epochs 3]

DATA is a folder of applications with snips (default: the variable OVERTON_TEST_DATA). Both sides train the encoder of
tokens, the slots of tokens and the intent of the query on the same records in batches of 64 by one thread; an epoch is
timed without the scoring of dev. Plain PyTorch is what a person writes: a vocabulary, `nn.Embedding`, a bidirectional
`nn.LSTM` with packed sequences, two linear layers, AdamW, batches padded to their longest. Ludwig is not run here:
0.17 took 9.0 CPU seconds an epoch with a BiLSTM of that size on these records.

Where factoid-en is there too, the default program is trained on it as a build does, and the share of the time of its
steps is told that is spent in the model's own forward (with the loss), backward and optimiser (with clipping), by the
wall clock; once of the steps alone, and once with what lies around them: scoring dev after every epoch, checkpoints.
"""

import argparse
import json
import os
import shutil
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from torch import nn

import overton
from overton.base import Event
from overton.bench import bench_of
from overton.codec import chained_tasks
from overton.combining import combine_all
from overton.compile import parse_tuning
from overton.data import Dataset, gold_of
from overton.fitting import Watch, fit
from overton.pipeline import plan
from overton.train import encoder_for, objectives_of, train, training_batches
from overton.watch import share_inside, told_parts

BATCH = 64
SIZE = 128
OURS = {
    "cnn, chain (default)": {},
    "bilstm, chain": {"payloads": {"tokens": {"encoder": "bilstm", "layers": 1}}},
    "bilstm, no chain": {"payloads": {"tokens": {"encoder": "bilstm", "layers": 1, "crf": False}}},
}


class Plain(nn.Module):
    """Tokens to slots and intent."""

    def __init__(self, n_words: int, n_slots: int, n_intents: int) -> None:
        super().__init__()
        self.words = nn.Embedding(n_words, SIZE, padding_idx=0)
        self.encoder = nn.LSTM(SIZE, SIZE, batch_first=True, bidirectional=True)
        self.dropout = nn.Dropout(0.3)
        self.slots, self.intent = nn.Linear(2 * SIZE, n_slots), nn.Linear(2 * SIZE, n_intents)

    def forward(self, words: torch.Tensor, length: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """(row, token) to logits of slots (row, token, slot) and of the intent (row, intent)."""
        packed = nn.utils.rnn.pack_padded_sequence(
            self.dropout(self.words(words)), length, batch_first=True, enforce_sorted=False
        )
        states, _ = nn.utils.rnn.pad_packed_sequence(self.encoder(packed)[0], batch_first=True)
        states = self.dropout(states)
        mask = torch.arange(states.shape[1]) < length.unsqueeze(1)
        pooled = states.masked_fill(~mask.unsqueeze(-1), -1e4).amax(1)
        return self.slots(states), self.intent(pooled)


def plain_epochs(dataset: Dataset) -> Iterator[float]:
    """CPU seconds of each epoch of plain PyTorch."""
    rows = dataset.splits.train
    texts = [record["tokens"] for record in dataset.payloads(rows)]
    number = {word: place for place, word in enumerate(sorted({word for text in texts for word in text}), 1)}
    slots, intents = gold_of(dataset.votes("Slot")), gold_of(dataset.votes("Intent"))
    records = [
        (
            torch.tensor([number[word] for word in text]),
            torch.from_numpy(slots.label[slots.offsets[row] : slots.offsets[row + 1]].astype(np.int64)),
            int(intents.label[intents.offsets[row]]),
        )
        for row, text in zip(rows.tolist(), texts, strict=True)
    ]
    torch.manual_seed(0)
    model = Plain(len(number) + 1, len(slots.task.classes), len(intents.task.classes))
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    loader = torch.utils.data.DataLoader(records, BATCH, shuffle=True, collate_fn=list)
    while True:
        start = time.process_time()
        for batch in loader:
            words, said, meant = zip(*batch, strict=True)
            length = torch.tensor([len(one) for one in words])
            padded = nn.utils.rnn.pad_sequence(words, batch_first=True)
            target = nn.utils.rnn.pad_sequence(said, batch_first=True, padding_value=-100)
            slot, intent = model(padded, length)
            loss = nn.functional.cross_entropy(slot.flatten(0, 1), target.flatten(), ignore_index=-100)
            loss = loss + nn.functional.cross_entropy(intent, torch.tensor(meant))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        yield time.process_time() - start


def our_epochs(dataset: Dataset, tuning: dict, n_epochs: int) -> list[float]:
    """CPU seconds of each epoch of ours, without the scoring of dev."""
    planned = plan(dataset, parse_tuning(json.dumps(tuning), "tuning.json", dataset.schema))
    choices, program = planned.choices.training, planned.program
    targets = {name: found.targets for name, found in combine_all(dataset).items()}
    rows, lengths = dataset.splits.train, dataset.record_lengths()
    encoder = encoder_for(program, {}, {}, dataset.gather, rows)
    batches = training_batches(dataset.gather, encoder, targets, rows, lengths, choices.batch_size)
    seconds: list[float] = []
    clock = [time.process_time()]

    def observe(event: Event) -> None:
        if event.message:
            seconds.append(time.process_time() - clock[0])
            clock[0] = time.process_time()

    train(
        program,
        batches,
        settings=replace(choices, epochs=n_epochs),
        seed=0,
        objectives=objectives_of(targets, rows, choices, chained_tasks(program)),
        observe=observe,
    )
    return seconds


def print_share(folder: Path, n_epochs: int) -> None:
    """Train the default program of an application as a build does, and print what the parts of the training took."""
    application = overton.load(folder)
    dataset = application.dataset()
    tuning = {"training": {"epochs": n_epochs, "patience": n_epochs}}
    planned = plan(dataset, parse_tuning(json.dumps(tuning), "tuning.json", dataset.schema))
    seconds: Counter[str] = Counter()
    bench = bench_of(application.schema, application.data_files, folder, application.home)
    watch = Watch(lambda event: seconds.update(event.values.get("seconds", {})))
    fit(dataset, planned, combine_all(dataset), seed=0, resume=bench.resume(), watch=watch)
    inside, every = share_inside(seconds), sum(seconds.values())
    steps = every - seconds["dev"] - seconds["save"]
    print(f"\n{folder.name}: {len(dataset.splits.train):,} records, {n_epochs} epochs; {told_parts(seconds)}")
    print(f"inside the model: {inside:.1%} of the steps, {inside * steps / every:.1%} with dev and checkpoints too")


def copied(data: Path, name: str, folder: Path) -> Path:
    """A copy of an application, to be written to."""
    copy = folder / name
    shutil.copytree(data / name / "data", copy / "data")
    shutil.copy(data / name / "schema.json", copy)
    return copy


def main() -> None:
    """Time epochs of all, and print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", nargs="?", type=Path, default=os.environ.get("OVERTON_TEST_DATA"))
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--share-only", action="store_true", help="where the time of factoid-en goes, and no more")
    options = parser.parse_args()
    if options.data is None or not (Path(options.data) / "snips").is_dir():
        print("no data: name a folder of applications with snips, or set OVERTON_TEST_DATA")
        return
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        if (Path(options.data) / "factoid-en").is_dir():
            print_share(copied(Path(options.data), "factoid-en", Path(folder)), options.epochs)
        if options.share_only:
            return
        dataset = overton.load(copied(Path(options.data), "snips", Path(folder))).dataset()
        n_records = len(dataset.splits.train)
        found = {"plain PyTorch, bilstm": list(islice(plain_epochs(dataset), options.epochs))}
        for name, tuning in OURS.items():
            found[f"overton, {name}"] = our_epochs(dataset, tuning, options.epochs)
    plain = statistics.median(found["plain PyTorch, bilstm"])
    print(f"{n_records:,} records; seconds of CPU an epoch, the median of {options.epochs}")
    for name, seconds in found.items():
        middle = statistics.median(seconds)
        print(f"{name:32} {middle:6.2f} s  {n_records / middle:8,.0f} records/s  {plain / middle:5.2f} times plain")


if __name__ == "__main__":
    main()
