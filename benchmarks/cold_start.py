"""How large serving alone is, and how soon a server of it is ready: an environment made from a kit's requirements.

    python benchmarks/cold_start.py [VERSION] [--repeats 7] [--environment DIR]

The kit of a version (of the factoid example, built first, where none is named) is written into a folder, a fresh
environment is made from its requirements.txt as its smoke.py does, and `overton serve` is started from there again and
again: from the start of the process to the first 200 of /readyz, by the clock and in CPU. Bars: under 250 MB beside
pip, and under 2 s; the exit status is 1 where one of them is not met. It downloads what the requirements name, unless
DIR holds an environment that an earlier run made.

Below stands where the time goes: what the interpreter takes by itself, then with numpy and onnxruntime, then with all
modules of a server; the rest is the version, read, checked, loaded, and asked its golden requests.
"""

import argparse
import json
import os
import resource
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from statistics import median
from types import ModuleType
from typing import Any

from serving_load import cpu_seconds, machine, resident_bytes, version_and_records

from overton.kit.files import write_kit

MOST_MB, MOST_SECONDS = 250, 2.0
PATIENCE = 60.0
NAP = 0.002
STEPS = {
    "the interpreter": "pass",
    "with numpy and onnxruntime": "import numpy, onnxruntime",
    "with the modules of a server": "import onnxruntime, overton.cli.main, overton.application, overton.serve.server",
}
NONE = ("PYTHONPATH", "PYTHONDONTWRITEBYTECODE", "PYTHONHOME")


def main() -> int:
    """Measure and print; 1 where a bar is not met."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("version", nargs="?", help="a path to an artefact, APP@ID, APP@ALIAS, or APP")
    parser.add_argument("--repeats", type=int, default=7, help="how often to start (default 7)")
    parser.add_argument("--environment", type=Path, help="where the environment is made, and kept")
    parser.add_argument("--json", action="store_true", help="the figures as one JSON document")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        artifact, _ = version_and_records(options.version, None, Path(scratch), 1)
        kit = Path(scratch) / "kit"
        write_kit(artifact, kit, name="cold-start")
        smoke = _module(kit / "smoke.py")
        environment = options.environment or Path(scratch) / "environment"
        programs = environment / "bin"
        if not (programs / "overton").exists():
            programs = smoke.install(environment)
        starts = [_start(programs, kit) for _ in range(options.repeats)]
        steps = {name: _cpu(programs, code) for name, code in STEPS.items()}
        figures = {
            "version": artifact.id,
            "model_mb": len(artifact.files["model.onnx"]) / 1e6,
            "environment_mb": smoke.size_of(environment),
            "starts": starts,
            "seconds": median(start["seconds"] for start in starts),
            "cpu": median(start["cpu"] for start in starts),
            "steps": steps,
            "machine": machine(),
        }
    figures["met"] = {
        f"under {MOST_MB} MB": figures["environment_mb"] < MOST_MB,
        f"under {MOST_SECONDS:g} s": figures["seconds"] < MOST_SECONDS,
    }
    if options.json:
        print(json.dumps(figures, indent=2))
    else:
        _print(figures)
    return 0 if all(figures["met"].values()) else 1


def _module(path: Path) -> ModuleType:
    """A script as a module."""
    spec = spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _environment() -> dict[str, str]:
    return {**{name: value for name, value in os.environ.items() if name not in NONE}, "OMP_NUM_THREADS": "1"}


def _start(programs: Path, kit: Path) -> dict[str, float]:
    """Start a server and end it: seconds until it is ready, its CPU and its memory by then."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [str(programs / "overton"), "serve", "version", "--port", str(port), "--quiet"]
    begin = time.perf_counter()
    process = subprocess.Popen(command, cwd=kit, env=_environment(), stdout=subprocess.DEVNULL)
    try:
        while not _is_ready(port):
            if process.poll() is not None or time.perf_counter() - begin > PATIENCE:
                raise SystemExit("the server does not get ready")
            time.sleep(NAP)
        seconds = time.perf_counter() - begin
        return {"seconds": seconds, "cpu": cpu_seconds(process.pid), "memory_mb": resident_bytes(process.pid) / 1e6}
    finally:
        process.terminate()
        process.wait(30)


def _is_ready(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=PATIENCE) as answer:
            return bool(answer.status == 200)
    except OSError:  # nobody listens yet, or it says 503
        return False


def _cpu(programs: Path, code: str) -> float:
    """CPU seconds of a process of the environment that runs so much; the median of five."""
    found = []
    for _ in range(5):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([str(programs / "python"), "-c", code], check=True, env=_environment())
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        found.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return median(found)


def _print(figures: dict[str, Any]) -> None:
    print(f"version {figures['version']}, a model of {figures['model_mb']:.1f} MB; {figures['machine']}")
    print(f"environment: {figures['environment_mb']:.0f} MB beside pip (bar: {MOST_MB})")
    rows = ", ".join(f"{start['seconds']:.2f}" for start in figures["starts"])
    print(f"ready after {figures['seconds']:.2f} s (bar: {MOST_SECONDS:g}), the middle one of {rows}")
    memory = median(start["memory_mb"] for start in figures["starts"])
    print(f"by then {figures['cpu']:.2f} s of CPU and {memory:.0f} MB of memory; of the CPU")
    before = 0.0
    for name, cpu in (*figures["steps"].items(), ("with the version, ready", figures["cpu"])):
        print(f"  {name:<32}{cpu:>6.2f} s{cpu - before:>+8.2f}")
        before = cpu
    print("bars: " + ", ".join(f"{name} {'met' if met else 'NOT MET'}" for name, met in figures["met"].items()))


if __name__ == "__main__":
    sys.exit(main())
