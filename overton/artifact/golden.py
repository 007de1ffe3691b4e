"""Some real records that a version is tried on before it serves."""

import msgspec
import numpy as np

from overton.data import Dataset

GOLDEN_RECORDS = 100


def golden_records(dataset: Dataset) -> bytes:
    """Some real records as lines of a data file, which a server runs before it takes its first request."""
    rows = np.linspace(0, dataset.n_records - 1, min(GOLDEN_RECORDS, dataset.n_records)).astype(np.int64)
    return b"".join(msgspec.json.encode({"payloads": payloads}) + b"\n" for payloads in dataset.payloads(rows))
