"""Memory that runs out while a model is trained: told as what can be put right, not as a failure of the program."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from overton.base import OvertonError, Problem

OF_A_CPU = "can't allocate memory"  # torch's words for what other libraries have a type for
HINT = "Set a smaller `training.batch_size`, a smaller `size` of a payload, or a smaller `max_length` in the schema"


@contextmanager
def memory_suffices() -> Iterator[None]:
    """Where memory runs out within, on an accelerator or beside it, that is told with what needs less.

    Raises:
        OvertonError: Where it runs out.
    """
    try:
        yield
        return
    except (MemoryError, RuntimeError) as error:
        if not _is_of_memory(error):
            raise
        reason = (str(error).strip() or "no more is given").splitlines()[0]
    # Outside the handler: an error with a context would keep what was computed alive, and memory is what is wanted.
    raise OvertonError(Problem(f"memory ran out in training: {reason}", "train.memory", hint=HINT))


def _is_of_memory(error: Exception) -> bool:
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or OF_A_CPU in str(error)
