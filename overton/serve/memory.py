"""Memory of a process that changes its version again and again: what an old one held goes back to the system.

A version is some large blocks among many small ones. The C library raises the size from which it asks the system for a
block by itself whenever such a block is freed. After a few versions all of a model lies between small blocks that stay,
and the process holds several times what it uses: with a 17 MB model 350 MB after 40 promotions, and growing; as it is
here, 140 MB and flat.
"""

import ctypes
import gc
from contextlib import suppress

M_MMAP_THRESHOLD = -3  # malloc.h
LARGE = 1 << 20  # no array of a single request is so large


def keep_large_blocks_apart() -> None:
    """Ask the C library to take large blocks from the system, each by itself, for the life of the process."""
    with suppress(AttributeError, OSError):  # glibc has it, others need it less
        ctypes.CDLL(None).mallopt(M_MMAP_THRESHOLD, LARGE)


def give_back_memory() -> None:
    """Let the system have what loading took and an old version held."""
    gc.collect()  # classes made for the schema of an old version refer to each other; what was frozen is not walked
    with suppress(AttributeError, OSError):
        ctypes.CDLL(None).malloc_trim(0)
