"""How long an artefact takes to answer one record, on this machine, in one thread."""

from collections.abc import Sequence
from time import thread_time

import numpy as np

from overton.artifact.runtime import Runtime
from overton.data import RecordParser

ROUNDS = 9


def p99_ms(runtime: Runtime, lines: Sequence[bytes]) -> float:
    """Time in which 99 of 100 single queries are answered, in milliseconds of this thread: encode, compute, decode.

    It is time of the processor, and of each record the least of some rounds, so that what else runs on the machine
    hardly matters. What HTTP costs comes on top.

    Args:
        runtime: The artefact, with one thread.
        lines: Records as lines of a data file, at least one.
    """
    parser = RecordParser(runtime.schema, closed=True)
    records = [parser.parse(line) for line in lines]
    runtime.predict(records[:1])
    took = np.empty((ROUNDS, len(records)))
    for number in range(ROUNDS):
        for place, record in enumerate(records):
            begin = thread_time()
            runtime.predict([record])
            took[number, place] = thread_time() - begin
    return float(np.quantile(took.min(axis=0), 0.99, method="inverted_cdf")) * 1000
