"""Pieces of work give the same results in the same order, whoever works on them and whoever is lost on the way."""

import errno
import importlib
import os
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest

from overton.base import Event, OvertonError
from overton.base.threads import THREADS
from overton.engine import Engine, Inline, Processes, cluster, engine_of, processes
from overton.engine.pending import Pending
from tests.engine.pieces import (
    make_deadly,
    make_full,
    make_impossible,
    make_interrupted,
    make_meeting,
    make_murder,
    make_squares,
    make_threads,
)

ENGINES = [Inline(), Processes(2)]
every_engine = pytest.mark.parametrize("engine", ENGINES, ids=["inline", "processes"])


def test_pieces_that_wait_for_each_other_are_at_work_together(tmp_path: Path) -> None:
    said: list[str] = []
    make = partial(make_meeting, tmp_path, "")
    found = Processes(4).together(make, 3, folder=tmp_path, observe=lambda event: said.append(event.message))
    assert found == 10
    assert sorted(said) == [f"{piece} is here" for piece in range(3)]
    assert Inline().together(make_squares, 1, folder=tmp_path) == 0


@pytest.mark.long
@pytest.mark.parametrize(
    ("fate", "error", "told"),
    [
        ("refused", OvertonError, "it does not come"),
        ("broken", RuntimeError, "ZeroDivisionError"),
        ("killed", OvertonError, r"was lost \(status -9\)"),
    ],
)
def test_what_ends_one_of_them_ends_all_and_none_is_done_again(
    fate: str, error: type[Exception], told: str, tmp_path: Path
) -> None:
    before = children()
    said: list[str] = []
    with pytest.raises(error, match=told):
        Processes(3).together(
            partial(make_meeting, tmp_path, fate), 3, folder=tmp_path, observe=lambda event: said.append(event.message)
        )
    assert len(said) <= 3
    assert children() == before


def children() -> set[int]:
    """The processes that this one has started and that are not over."""
    return set(map(int, Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split()))


@every_engine
def test_results_come_in_the_order_of_their_pieces(engine: Engine) -> None:
    said: list[str] = []
    found = engine.run(partial(make_squares, 1), range(9), observe=lambda event: said.append(event.message))
    assert list(found) == [number * number + 1 for number in range(9)]
    assert sorted(said) == sorted(str(number) for number in range(9))


@every_engine
@pytest.mark.parametrize("ahead", [1, 3])
def test_a_piece_sees_the_results_before_it_but_for_those_under_way(engine: Engine, ahead: int) -> None:
    taken: list[int] = []
    seen: list[int] = []

    def pieces() -> Iterator[int]:
        for number in range(8):
            seen.append(len(taken))
            yield number

    for result in engine.run(make_squares, pieces(), ahead=ahead):
        taken.append(result)
    assert seen == [max(0, number - ahead + 1) for number in range(8)]


@every_engine
def test_what_is_known_is_not_done_again(engine: Engine) -> None:
    said: list[str] = []
    known = {0: 100, 2: 200, 3: 300}
    found = engine.run(make_squares, range(5), known=known.get, observe=lambda event: said.append(event.message))
    assert list(found) == [100, 1, 200, 300, 16]
    assert sorted(said) == ["1", "4"]


@every_engine
def test_an_error_of_the_user_is_raised_in_its_place(engine: Engine) -> None:
    found = engine.run(make_squares, [1, 2, -1, 3])
    assert [next(found), next(found)] == [1, 4]
    with pytest.raises(OvertonError, match="below 0"):
        next(found)


@every_engine
def test_what_the_system_refuses_is_raised_as_such(engine: Engine, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as raised:
        list(engine.run(make_full, [str(tmp_path / "nowhere")]))
    assert raised.value.filename == str(tmp_path / "nowhere")
    with pytest.raises(OSError, match="it is full") as raised:
        list(engine.run(make_full, ["odd"]))
    assert (raised.value.errno, raised.value.filename) == (errno.ENOSPC, "here")


@every_engine
def test_work_that_cannot_be_made_ends_the_run(engine: Engine) -> None:
    with pytest.raises(OvertonError, match="nothing to make"):
        list(engine.run(make_impossible, [1]))


class Unknown:
    """A piece that names what no worker can import, as one of a script's own classes does."""

    def __reduce__(self) -> tuple:
        return importlib.import_module, ("no_such_module",)


def test_a_piece_that_a_worker_cannot_read_ends_the_run() -> None:
    with pytest.raises(RuntimeError, match="no_such_module"):
        list(Processes(2).run(make_threads, [Unknown()]))


def test_the_piece_of_a_lost_worker_runs_again(tmp_path: Path) -> None:
    found = Processes(2).run(partial(make_deadly, tmp_path, 2), range(6))
    assert list(found) == list(range(6))
    assert len(list(tmp_path.iterdir())) == 2


def test_a_worker_that_is_lost_while_it_waits_costs_nothing(tmp_path: Path) -> None:
    assert list(Processes(2).run(partial(make_murder, tmp_path), range(2))) == [0, 1]


def test_a_piece_that_ends_every_worker_is_given_up(tmp_path: Path) -> None:
    with pytest.raises(OvertonError, match=r"3 workers ended.* status -9") as raised:
        list(Processes(2).run(partial(make_deadly, tmp_path, 99), range(4)))
    assert raised.value.problems[0].code == "engine.lost-piece"


def test_a_piece_that_is_given_up_may_have_a_result_of_its_own(tmp_path: Path) -> None:
    found = Processes(2).run(partial(make_deadly, tmp_path, 99), range(4), lost=lambda piece, reason: -piece)
    assert list(found) == [0, 1, -2, 3]


def test_what_an_interrupt_means_is_decided_by_the_process_that_started_the_workers() -> None:
    assert list(Processes(1).run(make_interrupted, range(2))) == [0, 1]


def test_a_piece_costs_three_workers_at_most() -> None:
    told: list[Event] = []
    pending = Pending(told.append, lambda piece, reason: f"{piece}: {reason}", {0: "a piece", 1: "next"}, deque([1]))
    for _ in range(2):
        pending.lose(0, "with status -9")
        assert pending.waiting.popleft() == 0  # all others wait for its result
    pending.lose(0, "with status -9")
    assert pending.answers[0][1].startswith("a piece: 3 workers ended")
    assert (len(told), pending.waiting) == (2, deque([1]))


def test_workers_share_the_cores_and_are_not_started_for_nothing() -> None:
    found = list(Processes(3).run(make_threads, range(2)))
    assert len({pid for pid, _ in found}) <= 2
    assert {threads for _, threads in found} == {"1"}


@pytest.mark.parametrize(("asked", "given"), [(None, "2"), ("1", "1")])
def test_a_worker_takes_its_share_of_the_cores_and_no_more_than_was_asked_for(
    asked: str | None, given: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "cores", lambda: 8)
    for name in THREADS:
        monkeypatch.setenv(name, asked) if asked else monkeypatch.delenv(name, raising=False)
    assert [threads for _, threads in Processes(4).run(make_threads, range(1))] == [given]


def test_workers_end_with_the_process_that_started_them(tmp_path: Path) -> None:
    script = tmp_path / "script.py"  # with no guard around its main part, as people write them
    script.write_text(
        "import sys, time\n"
        f"sys.path.insert(0, {str(Path(__file__).parents[2])!r})\n"
        "from overton.engine import Processes\n"
        "from tests.engine.pieces import make_threads, make_sleepers\n"
        "for pid, _ in Processes(2).run(make_threads, range(2)): pass\n"
        "for pid in Processes(2).run(make_sleepers, range(2), observe=lambda e: print(e.done, flush=True)): pass\n"
    )
    with subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        workers = [int(process.stdout.readline()) for _ in range(2)]
        process.kill()
    for _ in range(100):
        alive = [worker for worker in workers if _is_alive(worker)]
        if not alive:
            break
        time.sleep(0.05)
    assert alive == []


def test_a_worker_takes_no_module_from_the_folder_that_it_is_started_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "json.py").write_text("raise SystemExit('a file of data was run')")
    monkeypatch.chdir(tmp_path)
    assert list(Processes(1).run(partial(make_squares, 1), [2])) == [5]


def _is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.parametrize(("place", "workers"), [("local:1", 1), ("local:3", 3)])
def test_a_place_names_an_engine(place: str, workers: int) -> None:
    assert engine_of(place).workers == workers
    assert engine_of("local").workers >= 1


@pytest.mark.parametrize(
    "place", ["", "local:", "local:0", "local:-1", "moon", "local:2:3", "ray:", "ray://", "ray://host", "rays"]
)
def test_a_place_that_is_none_is_refused(place: str) -> None:
    with pytest.raises(OvertonError, match="there is no engine"):
        engine_of(place)


class Slow:
    """A Ray whose processes do not start in time, as it tells that."""

    exceptions = SimpleNamespace(RayError=RuntimeError)

    def is_initialized(self) -> bool:
        return False

    def init(self, *words: object, **named: object) -> None:
        raise Exception("The current node timed out during startup.\nMore.")


@pytest.mark.parametrize(
    ("place", "said"),
    [("ray", "Ray cannot be started on this machine"), ("ray://localhost:1", "'ray://localhost:1' cannot be joined")],
)
def test_a_ray_that_does_not_start_is_told_in_one_error(place: str, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", Slow())
    monkeypatch.setattr(cluster, "_knock", lambda place: None)
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    for name in cluster.QUIET:
        monkeypatch.setenv(name, "")
    with pytest.raises(OvertonError) as raised:
        _ = engine_of(place).workers
    (problem,) = raised.value.problems
    assert problem.code == "engine.no-cluster"
    assert f"{said}: The current node timed out during startup." in problem.message
    assert "\n" not in problem.message
    assert problem.hint


def test_workers_of_a_cluster_that_are_never_ready_are_not_started_for_ever() -> None:
    said: list[str] = []
    pending = Pending(lambda event: said.append(event.message), None)
    ray = SimpleNamespace(kill=lambda actor: None)
    run = cluster._Run(ray=ray, start=object, make=None, most=2, pending=pending)
    error = RuntimeError("Traceback ...\n  File ...\nModuleNotFoundError: No module named 'overton'\n")

    def lose_all() -> None:
        for _ in range(99):
            worker = cluster._Worker(object())
            run.workers.append(worker)
            cluster._lose(run, worker, error)

    last = r"before they are ready, the last by RuntimeError: ModuleNotFoundError"
    with pytest.raises(OvertonError, match=last) as told:
        lose_all()
    assert told.value.problems[0].code == "engine.no-worker"
    assert len(said) == 6  # of two workers three each

    run.most, run.unready = 2, 0
    run.workers.append(cluster._Worker(object(), is_ready=True))
    lose_all()
    assert run.most == 1  # the one that works goes on
