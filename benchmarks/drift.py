"""How often `overton drift` calls unchanged records drifted, and what change it takes to be seen.

    python benchmarks/drift.py [--records 2000] [--log 300] [--seeds 20]

An example application is made and built with few passes. Logs are records of the same making by other seeds, as they
are or changed in a share of them, and each is held against the version. A line says in how many logs anything was
called drifted, and in how many the row that the change is about.
"""

import argparse
import json
import random
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import overton
from overton.example import factoid
from overton.example.files import write_application

Payloads = dict[str, Any]


def new_word(payloads: Payloads) -> Payloads:
    """A word at the end that training does not have."""
    return {**payloads, "tokens": [*payloads["tokens"], "zorblax"]}


def longer(payloads: Payloads) -> Payloads:
    """Five known words more at the end."""
    return {**payloads, "tokens": [*payloads["tokens"], "in", "the", "united", "states", "please"]}


def without_members(payloads: Payloads) -> Payloads:
    """No candidate."""
    return {**payloads, "entities": []}


CHANGES: tuple[tuple[str, Callable[[Payloads], Payloads], float, tuple[str, str]], ...] = (
    ("nothing", lambda payloads: payloads, 0.0, ("", "")),
    *((f"a new word in {share:.0%}", new_word, share, ("new words", "tokens")) for share in (0.05, 0.1, 0.2)),
    *((f"five words more in {share:.0%}", longer, share, ("length", "tokens")) for share in (0.05, 0.1, 0.2)),
    *((f"no candidate in {share:.0%}", without_members, share, ("length", "entities")) for share in (0.05, 0.1)),
)


def main() -> None:
    """Print one line a change."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--records", type=int, default=2000)
    parser.add_argument("--log", type=int, default=300)
    parser.add_argument("--seeds", type=int, default=20)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        directory = Path(folder) / "app"
        write_application(factoid(options.records, 0), directory)
        (directory / "tuning.json").write_text('{"training": {"epochs": 3}}')
        version = overton.load(directory).build(seed=0)
        print(f"{options.records:,} records, profile {len(version.artifact.files['profile.json']) / 1000:.0f} kB")
        for name, change, share, row in CHANGES:
            any_row = right_row = n_rows = 0
            seconds = 0.0
            for seed in range(1, options.seeds + 1):
                log = Path(folder) / f"log-{seed}.jsonl"
                log.write_text("".join(changed(options.log, seed, change, share)))
                start = time.perf_counter()
                report = version.drift(log)
                seconds += time.perf_counter() - start
                drifted = {(one.what, one.name) for one in report.drifted}
                any_row, right_row, n_rows = any_row + bool(drifted), right_row + (row in drifted), len(report.rows)
            told = f"any of {n_rows} rows {any_row:2}  " + (f"the right row {right_row:2}  " if row[0] else "")
            print(f"  {name:26} {told}of {options.seeds} logs; {seconds / options.seeds:.2f} s each")


def changed(n_records: int, seed: int, change: Callable[[Payloads], Payloads], share: float) -> Iterator[str]:
    """Lines of a log without labels, changed in a share of them."""
    choose = random.Random(seed)
    files = factoid(n_records, seed).files
    lines = [line for name in sorted(files) if name.endswith(".jsonl") for line in files[name].splitlines()]
    for line in lines:
        payloads = json.loads(line)["payloads"]
        yield json.dumps({"payloads": change(payloads) if choose.random() < share else payloads}) + "\n"


if __name__ == "__main__":
    main()
