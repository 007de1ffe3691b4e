"""One training by several processes: each takes its part of every batch, and what they learn is added up.

The loss of a batch is a mean over its records with a target, so the part of a rank counts by its share of those
(`TrainingBatch.share`), and gradients are summed, not averaged: the sum is the gradient of the whole batch.
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import torch
from torch import Tensor, distributed
from torch._C._distributed_c10d import TCPStore  # where the types of torch have it
from torch.nn import functional

from overton.base import OvertonError, Problem

MEETING = timedelta(minutes=5)
TIMEOUT = timedelta(minutes=30)  # dev is scored by the first rank while the others wait


@dataclass(frozen=True, slots=True)
class Ranks:
    """This process among those of a training.

    Attributes:
        number: Its own number, from 0; the first scores dev, keeps checkpoints and tells of the progress.
        count: How many there are.
    """

    number: int = 0
    count: int = 1

    @property
    def is_first(self) -> bool:
        """Whether it is the one that speaks for all."""
        return self.number == 0

    def __str__(self) -> str:
        """How many, for a person; empty for one alone."""
        return f", {self.count} ranks" if self.count > 1 else ""

    def add(self, tensors: Sequence[Tensor]) -> None:
        """Put the sum over all ranks in the place of each tensor; they are of one type and on one device."""
        if self.count == 1 or not tensors:
            return
        flat = torch.cat([tensor.reshape(-1) for tensor in tensors])
        with _others():
            distributed.all_reduce(flat)
        for tensor, part in zip(tensors, torch.split(flat, [tensor.numel() for tensor in tensors]), strict=True):
            tensor.copy_(part.view_as(tensor))

    def add_rows(self, gradient: Tensor) -> Tensor:
        """The sum over all ranks of a coalesced sparse tensor, (row, width), coalesced; only its rows are sent."""
        if self.count == 1:
            return gradient
        rows, values = gradient.indices()[0], gradient.values()
        lengths = [torch.zeros(1, dtype=torch.int64, device=rows.device) for _ in range(self.count)]
        with _others():
            distributed.all_gather(lengths, torch.tensor([len(rows)], device=rows.device))
        most = int(max(lengths))
        padded = functional.pad(rows, (0, most - len(rows))), functional.pad(values, (0, 0, 0, most - len(rows)))
        found = []
        for own in padded:
            every = [torch.empty_like(own) for _ in range(self.count)]
            with _others():
                distributed.all_gather(every, own)
            found.append(torch.cat([part[: int(length)] for part, length in zip(every, lengths, strict=True)]))
        return torch.sparse_coo_tensor(
            found[0].unsqueeze(0), found[1], gradient.shape, check_invariants=False
        ).coalesce()

    def told_by_first(self, value: Any, device: torch.device) -> Any:
        """The first rank's JSON value, on every rank."""
        if self.count == 1:
            return value
        content = json.dumps(value).encode() if self.is_first else b""
        length = torch.tensor([len(content)], device=device)
        with _others():
            distributed.broadcast(length, 0)
            text = torch.zeros(int(length), dtype=torch.uint8, device=device)
            if self.is_first:
                text.copy_(torch.frombuffer(bytearray(content), dtype=torch.uint8))
            distributed.broadcast(text, 0)
        return json.loads(text.cpu().numpy().tobytes())


ALONE = Ranks()


@contextmanager
def _others() -> Iterator[None]:
    """What is done with the others fails where one of them is gone: torch raises a plain RuntimeError then."""
    try:
        yield
    except RuntimeError as error:
        raise _lost(str(error).partition("\n")[0]) from error


def _lost(reason: str) -> OvertonError:
    hint = "Build again: it goes on after the last epoch. A rank may have run out of memory; try fewer"
    return OvertonError(Problem(f"a rank of the training was lost: {reason}", "train.rank-lost", hint=hint))


@contextmanager
def joined(number: int, count: int, host: str, port: int) -> Iterator[Ranks]:
    """Meet the other ranks of a training, and part from them when the block ends.

    NCCL where there are GPUs, a rank for each; gloo elsewhere.

    Args:
        number: Number of this rank, from 0.
        count: How many there are.
        host: Where `meeting_place` was opened.
        port: Its port.

    Raises:
        OvertonError: Where another rank does not come, this one was there before and was lost, or GPUs are too few.
    """
    has_gpu = torch.cuda.is_available()
    if has_gpu and torch.cuda.device_count() < count:
        message = f"{count} ranks need as many GPUs, and this machine has {torch.cuda.device_count()}"
        hint = "Ask for fewer ranks, or hide the GPUs: CUDA_VISIBLE_DEVICES= overton build ..."
        raise OvertonError(Problem(message, "train.too-many-ranks", hint=hint))
    if has_gpu:
        torch.cuda.set_device(number % torch.cuda.device_count())
    with _others():
        store = TCPStore(host, port, timeout=MEETING)
        if store.add(f"rank {number}", 1) > 1:  # the others cannot know what the first of that number had done
            raise _lost(f"number {number}")
        backend = "nccl" if has_gpu else "gloo"
        distributed.init_process_group(backend, store=store, rank=number, world_size=count, timeout=TIMEOUT)
    try:
        yield Ranks(number, count)
    finally:
        distributed.destroy_process_group()


def meeting_place(host: str, port: int, descriptor: int) -> TCPStore:
    """Where the ranks of a training find each other; it is there as long as the value is.

    Args:
        host: The address that ranks reach.
        port: Its port.
        descriptor: That of a socket which listens there and is the store's from now on; torch's own would listen on
            every address of the machine.
    """
    return TCPStore(host, port, is_master=True, wait_for_workers=False, timeout=MEETING, master_listen_fd=descriptor)
