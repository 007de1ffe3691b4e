"""What an engine of two workers brings beside one, and what giving out a piece costs.

Reading an application of several data files into the row store, each time in a fresh process: `factoid-en` under
OVERTON_TEST_DATA, `--data`, or a made one, its records repeated with fresh ids. Then pieces of no work, for the cost of
one, and the time until the first worker has answered.

    python benchmarks/engine.py [--data FOLDER] [--records 400000] [--files 8]
    python benchmarks/engine.py --pieces ray

CPU seconds are those of all processes. On a machine that does other work beside, the ratio of wall times tells little:
look at the CPU seconds, which say what splitting the work costs.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from ingest import find_application, read_lines, write_repeated

from overton.base import Observe
from overton.data.files import data_files, load_dataset
from overton.engine import engine_of
from overton.schema.files import load_schema

PIECES = 2000


def main() -> None:
    """Time one worker and two, alternating, and print the ratio."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="folder of an application: schema.json and data/")
    parser.add_argument("--records", type=int, default=400_000)
    parser.add_argument("--files", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--ingest", nargs=3, help=argparse.SUPPRESS)
    parser.add_argument("--pieces", metavar="PLACE", help="only what a piece costs that is no work, there, such as ray")
    options = parser.parse_args()
    if options.pieces:
        time_pieces(options.pieces)
        return
    if options.ingest:
        ingest(*options.ingest)
        return
    load = os.getloadavg()[0]
    print(f"load of the machine before: {load:.1f} on {os.cpu_count()} cores")
    with tempfile.TemporaryDirectory() as folder:
        application = find_application(options.data, Path(folder))
        lines = list(read_lines(application))
        data = Path(folder) / "several"
        data.mkdir()
        size = options.records // options.files
        for number in range(options.files):
            write_repeated(lines, size, data / f"{number}.jsonl", first=number * size)
        n_bytes = sum(path.stat().st_size for path in data.iterdir())
        print(f"{application.name}: {size * options.files:,} records in {options.files} files, {n_bytes / 1e6:,.0f} MB")
        best: dict[str, tuple[float, float]] = {}
        for _ in range(options.rounds):
            for place in ("local:1", "local:2"):
                took = in_fresh_process(application / "schema.json", data, place)
                best[place] = min(best.get(place, took), took)
    for place, (wall, cpu) in best.items():
        print(f"ingest {place}: {wall:6.1f} s, {cpu:6.1f} CPU s")
    print(f"ratio of wall times: {best['local:1'][0] / best['local:2'][0]:.2f}")
    time_pieces("local:2")


def in_fresh_process(schema: Path, data: Path, place: str) -> tuple[float, float]:
    """Wall and CPU seconds of reading some files, in a process that has done nothing else."""
    with tempfile.TemporaryDirectory() as rows:
        command = [sys.executable, __file__, "--ingest", str(schema), str(data), f"{rows},{place}"]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    wall, cpu = map(float, done.stdout.split())
    return wall, cpu


def ingest(schema: str, data: str, rest: str) -> None:
    """Read the files, and print what that took."""
    rows, place = rest.split(",")
    begin = time.perf_counter()
    load_dataset(load_schema(Path(schema)), data_files(Path(data)), Path(rows), engine=engine_of(place))
    wall = time.perf_counter() - begin
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    print(wall, sum(one.ru_utime + one.ru_stime for one in used))


def make_nothing() -> Callable[[int, Observe], int]:
    """Work that is none."""
    return lambda piece, observe: piece


def time_pieces(place: str) -> None:
    """Print what a piece costs that is no work, and how long workers take to be there."""
    from engine import make_nothing  # a worker knows this script by its name alone

    begin = time.perf_counter()
    found = engine_of(place).run(make_nothing, range(PIECES))
    next(found)
    first, used = time.perf_counter() - begin, time.process_time()
    for _ in found:
        pass
    each = (time.perf_counter() - begin - first) / PIECES
    own = (time.process_time() - used) / PIECES
    print(
        f"{place}: first answer after {first:.2f} s, then {each * 1e6:.0f} microseconds a piece, "
        f"{own * 1e6:.0f} of this process"
    )


if __name__ == "__main__":
    main()
