"""Whether the model is being traced: the way in which Core ML gets at it, whose converter knows fewer operators."""

import torch


def being_traced() -> bool:
    """Whether `torch.jit.trace` is at work."""
    return bool(torch.jit.is_tracing())  # type: ignore[attr-defined, no-untyped-call]  # it ships no types
