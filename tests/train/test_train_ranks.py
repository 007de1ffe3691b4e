"""Training by several ranks: what they learn together is what one would learn of the whole batches."""

import socket
import threading
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np
import pytest
import torch

from overton.base import OvertonError
from overton.engine import Processes
from overton.nn import build_model
from overton.train import Checkpoint, Ranks, Trained, joined, meeting_place, train, weights_of
from tests.train.test_train import PROGRAM, SETTINGS, make_batches

SHORT = replace(SETTINGS, epochs=1)
# AdamW makes a step of any gradient, though it be but rounding: that of the bias of keys is nothing else. In double
# precision that is below the 1e-8 which it adds, and what ranks do wrong is plain.
EXACT = torch.float64


@pytest.fixture(autouse=True)
def _exactly():
    torch.set_default_dtype(EXACT)
    yield
    torch.set_default_dtype(torch.float32)


@dataclass
class Round:
    """Where ranks that are threads put what is added up."""

    barrier: threading.Barrier
    put: dict[int, list[torch.Tensor]] = field(default_factory=dict)


@dataclass(frozen=True)
class Threaded(Ranks):
    """Ranks that are threads of one process, so that no test waits for processes."""

    round: Round | None = None

    def add(self, tensors) -> None:
        self.round.put[self.number] = [tensor.clone() for tensor in tensors]
        self.round.barrier.wait()
        for place, tensor in enumerate(tensors):
            tensor.copy_(sum(self.round.put[number][place] for number in range(self.count)))
        self.round.barrier.wait()

    def told_by_first(self, value, device):
        return value


def unlike(batches):
    """The same batches with most targets of one task gone, so that some parts of batches have none at all."""
    target = batches.targets["Record"]
    index = target.index.copy()
    index[np.arange(len(index)) % 7 > 0] = -1
    return replace(batches, targets={**batches.targets, "Record": replace(target, index=index)})


def train_ranked(batches, count: int, **options) -> list[Trained]:
    rounds, found = Round(threading.Barrier(count, timeout=60)), {}
    given = weights_of(build_model(PROGRAM, 0))  # threads would draw from one well of random numbers

    def one(number: int) -> None:
        ranks = Threaded(number, count, rounds)
        part = replace(batches, part=number, n_parts=count)
        found[number] = train(PROGRAM, part, seed=0, ranks=ranks, given=given, **{"settings": SHORT, **options})

    threads = [threading.Thread(target=one, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [found[number] for number in range(count)]


@pytest.mark.slow
def test_ranks_learn_what_one_learns_though_their_parts_have_unequal_numbers_of_targets() -> None:
    batches = unlike(make_batches(n_records=18)[0])  # the last batch of 2 records has fewer than 3 parts
    alone = train(PROGRAM, batches, settings=SHORT, seed=0)
    together = train_ranked(batches, 3)
    for trained in together:
        for name, weight in alone.weights.items():
            np.testing.assert_allclose(trained.weights[name], weight, atol=1e-7, err_msg=name)
    for mine, ours in zip(alone.history, together[0].history, strict=True):
        assert ours.losses == pytest.approx(mine.losses, rel=1e-4)


@pytest.mark.long
@pytest.mark.parametrize(("before", "after"), [(1, 2), (2, 3), (3, 1)])
def test_another_number_of_ranks_goes_on_where_these_stopped(before: int, after: int) -> None:
    batches, settings = unlike(make_batches(n_records=18)[0]), replace(SHORT, epochs=2)
    kept: list[Checkpoint] = []
    train_ranked(batches, before, settings=settings, save=kept.append, stop=lambda history, planned: True)
    assert [len(checkpoint.history) for checkpoint in kept] == [1]
    alone = train(PROGRAM, batches, settings=settings, seed=0)
    for trained in train_ranked(batches, after, settings=settings, start=kept[0]):
        assert len(trained.history) == 2
        for name, weight in alone.weights.items():
            np.testing.assert_allclose(trained.weights[name], weight, atol=1e-7, err_msg=name)


def test_the_parts_of_a_batch_are_all_of_it_and_their_shares_are_one() -> None:
    batches = unlike(make_batches(n_records=50)[0])
    parts = [list(replace(batches, part=number, n_parts=3).epoch(5)) for number in range(3)]
    for whole, *divided in zip(batches.epoch(5), *parts, strict=True):
        n_records = len(whole.targets["Record"][1])
        assert sum(len(part.targets["Record"][1]) for part in divided) == max(n_records, 3)
        assert sum(part.share["Token"] for part in divided) == pytest.approx(1)
        has_any = whole.targets["Record"][1].any()
        assert sum(part.share["Record"] for part in divided) == pytest.approx(float(has_any))


def test_records_too_long_for_one_another_come_in_parts_and_teach_what_they_teach_together(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    batches = unlike(make_batches(n_records=18)[0])
    whole = train(PROGRAM, batches, settings=SHORT, seed=0)
    monkeypatch.setattr("overton.data.batch.MOST_PAIRS", int(batches.lengths.max()) ** 2 * 3)
    parts = list(batches.epoch(5))
    assert sum(part.is_last for part in parts) == batches.n_batches < len(parts)
    assert sum(len(part.targets["Record"][1]) for part in parts) == 18
    parted = train(PROGRAM, batches, settings=SHORT, seed=0)
    for name, weight in whole.weights.items():
        np.testing.assert_allclose(parted.weights[name], weight, atol=1e-7, err_msg=name)
    for mine, ours in zip(whole.history, parted.history, strict=True):
        assert ours.losses == pytest.approx(mine.losses, rel=1e-4)


def met():
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return meeting_place("127.0.0.1", listening.getsockname()[1], listening.detach())


def make_rank(host: str, port: int, count: int):
    return partial(rank, host, port, count)


def rank(host: str, port: int, count: int, number: int, observe) -> Trained:
    batches = replace(make_batches()[0], part=number, n_parts=count)
    torch.set_default_dtype(EXACT)
    with joined(number, count, host, port) as ranks:
        values = torch.full((number + 1, 2), number + 1.0)
        rows = torch.sparse_coo_tensor([list(range(number + 1))], values, (4, 2), check_invariants=True)
        added = ranks.add_rows(rows.coalesce()).to_dense()
        assert added.tolist() == [[3, 3], [2, 2], [0, 0], [0, 0]], "each sends its rows, however many"
        scores = {"Record": 0.5} if number == 0 else {"Record": 0.0}
        return train(PROGRAM, batches, settings=SHORT, seed=0, ranks=ranks, score_dev=lambda forward: scores)


@pytest.mark.slow
def test_ranks_in_processes_learn_what_one_learns_and_hear_the_scores_of_the_first() -> None:
    place = met()
    results = list(Processes(2).run(partial(make_rank, "127.0.0.1", place.port, 2), range(2), ahead=2))
    alone = train(PROGRAM, make_batches()[0], settings=SHORT, seed=0)
    for trained in results:
        assert [epoch.scores for epoch in trained.history] == [{"Record": 0.5}]
        for name, weight in alone.weights.items():
            np.testing.assert_allclose(trained.weights[name], weight, atol=1e-7, err_msg=name)


def test_a_rank_that_comes_a_second_time_was_lost() -> None:
    place = met()
    with joined(0, 1, "127.0.0.1", place.port) as ranks:
        assert ranks == Ranks(0, 1)
    with pytest.raises(OvertonError, match=r"train\.rank-lost"), joined(0, 1, "127.0.0.1", place.port):
        raise AssertionError("it is not let in")
