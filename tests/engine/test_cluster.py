"""Pieces on a real cluster of two nodes: what local gives, and nothing lost where a node is."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pytest

import overton
from overton import pipeline, spreading
from overton.artifact import Runtime
from overton.artifact.files import save_artifact
from overton.base import Event, OvertonError
from overton.batch import predict_files
from overton.batch.plan import Asked
from overton.batch.run import run_batch
from overton.batch.verbs import _predict_verb
from overton.batch.work import Verb
from overton.data.files import data_files, load_dataset
from overton.engine import Cluster, Inline, engine_of
from overton.supervision import count_votes
from tests.batch.test_batch_run import VERSION, content, record
from tests.engine.pieces import make_deadly, make_impossible, make_meeting, make_squares
from tests.engine.ray_nodes import OPEN, ROOT, Node, command_of, descendants, two_nodes
from tests.test_spreading import assert_same
from tests.test_warm_build import write_application
from tests.tiny_artifact import tiny_artifact
from tests.tune.test_tune_search import look, told
from tests.tune.tune_factories import make_formula

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]
N_SHARDS, N_LINES = 20, 30
WEIGHTS = "weights.safetensors"


@dataclass
class Joined:
    """Two nodes of one core, which this process has joined.

    Attributes:
        clients: Where clients join, which are no part of the cluster.
        other: The node that has no head.
    """

    clients: str
    other: Node


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Joined]:
    """Started once, since that takes its time: the test that loses a node is the last."""
    ray = pytest.importorskip("ray")
    with pytest.MonkeyPatch.context() as patch, two_nodes(tmp_path_factory.mktemp("r")) as (address, clients, _, other):
        patch.setenv("RAY_ADDRESS", address)
        for name, value in OPEN.items():
            patch.setenv(name, value)
        try:
            yield Joined(clients, other)
        finally:
            ray.shutdown()


@pytest.fixture
def inputs(tmp_path: Path) -> Path:
    """Twenty files, one of them with a fault."""
    folder = tmp_path / "in"
    folder.mkdir()
    for shard in range(N_SHARDS):
        lines = [json.dumps(record(shard * N_LINES + number)) for number in range(N_LINES)]
        (folder / f"{shard:02}.jsonl").write_text("\n".join(lines + ["{"] * (shard == 7)))
    return folder


def predict(inputs: Path, output: str, engine):
    return predict_files(tiny_artifact(), VERSION, [str(inputs)], str(inputs.parent / output), engine=engine)


def test_a_cluster_gives_what_local_gives(cluster, inputs: Path, tmp_path: Path):
    engine = engine_of("ray")
    assert isinstance(engine, Cluster)
    assert engine.workers == 2
    said: list[str] = []
    found = engine.run(
        partial(make_squares, 1), range(9), known={4: 100}.get, observe=lambda event: said.append(event.message)
    )
    assert list(found) == [100 if number == 4 else number * number + 1 for number in range(9)]
    assert sorted(said) == sorted(str(number) for number in range(9) if number != 4)
    refused = engine.run(make_squares, [1, 2, -1, 3])
    assert [next(refused), next(refused)] == [1, 4]
    with pytest.raises(OvertonError, match="below 0"):
        next(refused)
    with pytest.raises(OvertonError, match="nothing to make"):
        list(engine.run(make_impossible, [1]))
    (tmp_path / "deaths").mkdir()
    assert list(engine.run(partial(make_deadly, tmp_path / "deaths", 2), range(6))) == list(range(6))
    lost = engine.run(partial(make_deadly, tmp_path, 99), range(4), lost=lambda piece, reason: -piece)
    assert list(lost) == [0, 1, -2, 3]

    assert told(look(14, make=partial(make_formula, None, 0.05), engine=engine)) == told(look(14, engine=Inline()))

    one, two = predict(inputs, "one", Inline()), predict(inputs, "two", engine)
    assert one.counts == two.counts
    assert (two.shards, two.counts.records, two.counts.errors) == (N_SHARDS, N_SHARDS * N_LINES, 1)
    assert content(inputs.parent / "one") == content(inputs.parent / "two")


def test_votes_and_predictions_of_a_data_set_are_what_local_gives(cluster, tmp_path: Path, monkeypatch):
    monkeypatch.setattr(spreading, "COUNT_ROWS", 40)
    monkeypatch.setattr(spreading, "PREDICT_ROWS", pipeline.PREDICT_RECORDS)
    (tmp_path / "data").mkdir()
    for number in range(4):
        lines = (json.dumps({**record(n), "id": f"r{n}"}) for n in range(300 * number, 300 * (number + 1)))
        (tmp_path / "data" / f"{number}.jsonl").write_text("\n".join(lines))
    cache, engine = tmp_path / "rows", engine_of("ray")
    dataset = load_dataset(tiny_artifact().schema, data_files(tmp_path / "data"), cache, engine=engine)
    runtime, rows = Runtime(tiny_artifact()), np.arange(1200)
    assert_same(
        spreading.count_on(engine, cache, dataset, "Intent", ["crowd"]), count_votes(dataset, "Intent", ["crowd"])
    )
    found = spreading.predict_on(engine, tiny_artifact(), cache, dataset, runtime, rows)
    for task, predictions in pipeline.predict_rows(dataset, runtime, rows).items():
        assert_same(found[task], predictions)


def write_tiny(directory: Path, **tuning: object) -> Path:
    """An application whose programs are trained in no time."""
    write_application(directory, ("Record",), 40)
    small = {"tokens": {"size": 8, "encoder": "bag"}, "query": {"size": 8, "wide": False}, "entities": {"size": 8}}
    training = {"epochs": 1, **tuning.pop("training", {})}
    said = {"payloads": small, "training": training, "serving": {"int8": "off"}, **tuning}
    (directory / "tuning.json").write_text(json.dumps(said))
    return directory


def test_a_search_on_a_cluster_picks_what_a_local_one_picks(cluster, tmp_path: Path):
    local, remote = (
        write_tiny(tmp_path / name, training={"dropout": [0.3, 0.1, 0.2]}, search={"trials": 2})
        for name in ("local", "remote")
    )
    one = overton.load(local).build(on="local:1")
    other = overton.load(remote).build(on="ray")
    assert len(one.study().trials) == 2
    for trial, twin in zip(one.study().trials, other.study().trials, strict=True):
        assert dict(trial.picked) == dict(twin.picked)
        assert trial.score.value == twin.score.value
    assert one.artifact.files[WEIGHTS] == other.artifact.files[WEIGHTS]


def test_two_ranks_on_two_nodes_train_what_two_processes_train(cluster, tmp_path: Path, monkeypatch):
    write_tiny(tmp_path / "local"), write_tiny(tmp_path / "remote")
    monkeypatch.chdir(tmp_path)  # relative paths, and the nodes were started elsewhere
    local, remote = Path("local"), Path("remote")
    one = overton.load(local).build(ranks=2, on="local:2")
    told: list[str] = []
    other = overton.load(remote).build(ranks=2, on="ray", observe=lambda event: told.append(event.message))
    assert any("seed 0, 2 ranks" in line for line in told)
    assert one.artifact.files[WEIGHTS] == other.artifact.files[WEIGHTS]
    assert not list((remote / ".overton").glob("gang-*"))


def test_what_ends_one_of_pieces_that_wait_for_each_other_ends_all(cluster: Joined, tmp_path: Path):
    (tmp_path / "met").mkdir()
    said: list[str] = []
    with pytest.raises(OvertonError, match="it does not come"):
        engine_of("ray").together(
            partial(make_meeting, tmp_path / "met", "refused"),
            2,
            folder=tmp_path,
            observe=lambda event: said.append(event.message),
        )
    assert "1 is here" in said
    assert [path.name for path in tmp_path.iterdir()] == ["met"]


def test_a_rank_that_is_killed_on_a_cluster_costs_time(cluster: Joined, tmp_path: Path):
    tuning = {"training": {"epochs": 4, "patience": 9}}
    whole, hurt = write_tiny(tmp_path / "whole", **tuning), write_tiny(tmp_path / "hurt", **tuning)
    told: list[str] = []

    def kill_one(event: Event) -> None:
        told.append(event.message)
        if event.message.startswith("epoch 2/") and not any("begin again" in line for line in told):
            (rank,) = [pid for pid in descendants(cluster.other.process.pid) if b"TrainWorker" in command_of(pid)]
            os.kill(rank, signal.SIGKILL)

    killed = overton.load(hurt).build(ranks=2, on="ray", observe=kill_one)
    assert any("all begin again from the last epoch" in line for line in told)
    assert any("goes on after epoch" in line for line in told)
    assert killed.artifact.files[WEIGHTS] == overton.load(whole).build(ranks=2).artifact.files[WEIGHTS]


@pytest.mark.parametrize("named", ["by --on", "by RAY_ADDRESS"])
def test_a_client_of_a_cluster_predicts_on_it(cluster: Joined, named: str, inputs: Path, tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # relative paths, and the nodes were started elsewhere
    save_artifact(tiny_artifact(), tmp_path / "version")
    address = "ray://127.0.0.1:1" if named == "by --on" else cluster.clients  # --on goes before
    env = {**os.environ, "RAY_ADDRESS": address, "PYTHONPATH": str(ROOT)}
    place = cluster.clients if named == "by --on" else "ray"
    words = ["predict", "version", "in", "out", "--on", place, "--max-bad", "1"]
    done = subprocess.run(
        [sys.executable, "-m", "overton", *words], capture_output=True, text=True, env=env, check=False
    )
    assert done.returncode == 0, done.stderr
    assert f"{N_SHARDS * N_LINES} records in {N_SHARDS} shards, 1 error" in done.stderr
    predict_files(tiny_artifact(), tiny_artifact().id, [inputs.name], "whole")
    assert content(tmp_path / "out") == content(tmp_path / "whole")


def test_ray_starts_on_this_machine_where_no_cluster_is_named():
    pytest.importorskip("ray")
    code = (
        "from functools import partial\n"
        "from overton.engine import engine_of\n"
        "from tests.engine.pieces import make_squares\n"
        "print(list(engine_of('ray').run(partial(make_squares, 1), range(6))))"
    )
    env = {name: value for name, value in os.environ.items() if name != "RAY_ADDRESS"} | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env, check=False)
    assert done.stdout.strip() == "[1, 2, 5, 10, 17, 26]", done.stderr


@pytest.mark.parametrize("place", ["ray", "ray://127.0.0.1:1"])
def test_a_cluster_that_is_not_there_is_told(place: str):
    pytest.importorskip("ray")
    code = (
        "from overton.base import OvertonError\n"
        "from overton.engine import engine_of\n"
        f"try: engine_of({place!r}).workers\n"
        "except OvertonError as error: print(error.problems[0].code)"
    )
    env = {**os.environ, "RAY_ADDRESS": "127.0.0.1:1"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env, check=False)
    assert done.stdout.strip() == "engine.no-cluster"


def make_slow(folder: str) -> Verb:
    """What is made of records, so slowly that a node can be lost meanwhile; it tells that it has begun."""
    verb = _predict_verb(tiny_artifact(), Asked("predict", VERSION, "jsonl"))

    def make(records, name: str):
        Path(folder, f"begun-{os.getpid()}").touch()
        time.sleep(0.5)
        return verb.make(records, name)

    return Verb(verb.schema, make, verb.sink)


def test_a_node_that_is_killed_costs_time_and_no_record(cluster: Joined, inputs: Path, tmp_path: Path):
    predict(inputs, "whole", Inline())
    (tmp_path / "begun").mkdir()
    said: list[str] = []
    killed: list[bool] = []

    def observe(event: Event) -> None:
        said.append(event.message)
        workers = len(list((tmp_path / "begun").iterdir()))
        if event.done >= 4 and workers == 2 and not killed:  # both are at work, and some shards are there
            cluster.other.kill()
            killed.append(True)

    outcome = run_batch(
        Asked("predict", VERSION, "jsonl", shard_bytes=32_000_000),
        [str(inputs)],
        str(tmp_path / "out"),
        partial(make_slow, str(tmp_path / "begun")),
        engine_of("ray"),
        observe=observe,
    )
    assert killed
    assert any("given to another" in message for message in said)
    found = content(tmp_path / "out")
    shards = [text for name, text in found.items() if "/" not in name and name != "_plan.json"]
    lines = [json.loads(line) for text in shards for line in text.splitlines()]
    assert len(lines) == outcome.counts.records == N_SHARDS * N_LINES
    assert len({value["id"] for value in lines}) == len(lines)
    whole = content(tmp_path / "whole")
    assert {name: text for name, text in found.items() if name != "_plan.json"} == {
        name: text for name, text in whole.items() if name != "_plan.json"
    }
