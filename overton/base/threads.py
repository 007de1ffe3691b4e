"""How many threads numerical libraries use: they read it from the environment, once, when they are loaded."""

from collections.abc import MutableMapping

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def one_thread(environment: MutableMapping[str, str]) -> None:
    """Let numerical libraries that are loaded from now on use one thread, where the environment says nothing else.

    Arrays are small here, and work is spread over processes. Threads that wait for each other at every product of small
    matrices take ten times as long on a machine that does other work.
    """
    for name in THREADS:
        environment.setdefault(name, "1")
