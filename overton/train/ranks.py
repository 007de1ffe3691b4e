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

    def add(self, tensors: Sequence[Tensor]) -> None:
        """Put the sum over all ranks in the place of each tensor; they are of one type and on one device."""
        if self.count == 1 or not tensors:
            return
        flat = torch.cat([tensor.reshape(-1) for tensor in tensors])
        distributed.all_reduce(flat)
        for tensor, part in zip(tensors, torch.split(flat, [tensor.numel() for tensor in tensors]), strict=True):
            tensor.copy_(part.view_as(tensor))

    def told_by_first(self, value: Any, device: torch.device) -> Any:
        """The first rank's JSON value, on every rank."""
        if self.count == 1:
            return value
        content = json.dumps(value).encode() if self.is_first else b""
        length = torch.tensor([len(content)], device=device)
        distributed.broadcast(length, 0)
        text = torch.zeros(int(length), dtype=torch.uint8, device=device)
        if self.is_first:
            text.copy_(torch.frombuffer(bytearray(content), dtype=torch.uint8))
        distributed.broadcast(text, 0)
        return json.loads(text.cpu().numpy().tobytes())


ALONE = Ranks()


@contextmanager
def joined(number: int, count: int, host: str, port: int) -> Iterator[Ranks]:
    """Meet the other ranks of a training, and part from them when the block ends.

    NCCL where there are GPUs, a rank for each; gloo elsewhere.

    Args:
        number: Number of this rank, from 0.
        count: How many there are.
        host: Where `meeting_place` was opened.
        port: Its port.
    """
    has_gpu = torch.cuda.is_available()
    if has_gpu:
        torch.cuda.set_device(number % torch.cuda.device_count())
    store = TCPStore(host, port, timeout=TIMEOUT)
    distributed.init_process_group(
        "nccl" if has_gpu else "gloo", store=store, rank=number, world_size=count, timeout=TIMEOUT
    )
    try:
        yield Ranks(number, count)
    finally:
        distributed.destroy_process_group()


def meeting_place(host: str) -> TCPStore:
    """Where the ranks of a training find each other, at a port that is free; it is there as long as the value is."""
    return TCPStore(host, 0, is_master=True, wait_for_workers=False, timeout=TIMEOUT)
