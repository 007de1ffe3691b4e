"""Label models of other packages, all behind one function: a matrix of votes to the probability of each class.

They are installed by `pip install -c constraints.txt -e '.[bench]'`; one that is missing is left out with a reason.
Each runs with its defaults, on classes from 0 and -1 where a source abstains, without any gold label.
"""

import signal
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module, metadata
from types import FrameType
from typing import Any

import numpy as np
from numpy import ndarray

from overton.data import Votes

Predict = Callable[[ndarray, int], ndarray]


@dataclass(frozen=True, slots=True)
class Peer:
    """A label model of another package.

    Attributes:
        package: What the package is called where it is installed.
        module: What is imported to see whether it is there.
        predict: Fits a matrix of shape (item, source) with so many classes; returns shape (item, class).
        limit: Most seconds on one set; a longer run is given up.
        sees_all: Whether it is given the records without votes too: it learns from how seldom a source votes.
    """

    package: str
    module: str
    predict: Predict
    limit: float = 60.0
    sees_all: bool = False


class NotFinishedError(Exception):
    """A peer took longer than its limit."""


def snorkel(matrix: ndarray, n_classes: int) -> ndarray:
    """Snorkel's LabelModel with its defaults, 100 epochs among them. Ratner et al. 2019, arXiv 1810.02840."""
    from snorkel.labeling.model import LabelModel

    model = LabelModel(cardinality=n_classes, verbose=False)
    model.fit(matrix, seed=0, progress_bar=False)
    return model.predict_proba(matrix)


def dawid_skene(matrix: ndarray, n_classes: int) -> ndarray:
    """crowd-kit's DawidSkene. Dawid & Skene 1979, doi:10.2307/2346806."""
    from crowdkit.aggregation import DawidSkene

    return _crowdkit(DawidSkene(), matrix, n_classes)


def one_coin(matrix: ndarray, n_classes: int) -> ndarray:
    """crowd-kit's OneCoinDawidSkene. Zhang et al. 2014, arXiv 1406.3824."""
    from crowdkit.aggregation import OneCoinDawidSkene

    return _crowdkit(OneCoinDawidSkene(), matrix, n_classes)


def mace(matrix: ndarray, n_classes: int) -> ndarray:
    """crowd-kit's MACE. Hovy et al. 2013, N13-1132."""
    from crowdkit.aggregation import MACE

    return _crowdkit(MACE(), matrix, n_classes)


def glad(matrix: ndarray, n_classes: int) -> ndarray:
    """crowd-kit's GLAD. Whitehill et al. 2009, NeurIPS 22."""
    from crowdkit.aggregation import GLAD

    return _crowdkit(GLAD(), matrix, n_classes)


def flying_squid(matrix: ndarray, n_classes: int) -> ndarray:
    """FlyingSquid, which knows two classes: one model for each of more. Fu et al. 2020, arXiv 2002.11955."""
    label_model = _flying_squid()
    # It predicts row by row in Python, so it is given each different row once.
    rows, index = np.unique(matrix, axis=0, return_inverse=True)
    score = np.empty((len(rows), n_classes))
    for number in range(1 if n_classes == 2 else 0, n_classes):
        model = label_model(matrix.shape[1])
        model.fit(_against_rest(matrix, number))
        score[:, number] = model.predict_proba_marginalized(_against_rest(rows, number))
    if n_classes == 2:
        score[:, 0] = 1 - score[:, 1]
    return score[index.reshape(-1)]


def hyper_label_model(matrix: ndarray, n_classes: int) -> ndarray:
    """The trained hyper label model, on a CPU. Wu et al. 2023, arXiv 2207.13545."""
    import torch
    from hyperlm import HyperLabelModel

    # Its checkpoint holds a number of numpy's under the name of an older release; nothing else may be loaded.
    scalar = (np.float64(0).__reduce__()[0], "numpy.core.multiarray.scalar")
    with torch.serialization.safe_globals([scalar, np.dtype, np.dtypes.Float64DType]):
        found = HyperLabelModel(device="cpu").infer(matrix, return_probs=True)
    return np.pad(found, ((0, 0), (0, n_classes - found.shape[1])))  # it counts classes by the highest that is voted


PEERS: Mapping[str, Peer] = {
    "snorkel": Peer("snorkel", "snorkel.labeling.model", snorkel, limit=600, sees_all=True),
    "dawid-skene": Peer("crowd-kit", "crowdkit.aggregation", dawid_skene, limit=600),
    "one-coin": Peer("crowd-kit", "crowdkit.aggregation", one_coin),
    "mace": Peer("crowd-kit", "crowdkit.aggregation", mace),
    "glad": Peer("crowd-kit", "crowdkit.aggregation", glad),
    "flyingsquid": Peer("flyingsquid", "flyingsquid", flying_squid),
    "hyperlm": Peer("hyperlm", "hyperlm", hyper_label_model),
}


def version_of(peer: Peer) -> tuple[str, str]:
    """The version of a peer and why it cannot be used; one of them is empty."""
    try:
        if peer.module == "flyingsquid":
            _flying_squid()
        import_module(peer.module)
        return metadata.version(peer.package), ""
    except (ImportError, AttributeError) as error:  # an old package fails on a new one either way
        return "", f"{type(error).__name__}: {error}"


def predict(peer: Peer, matrix: ndarray, n_classes: int) -> ndarray:
    """The probability of each class of each item; uniform where a peer says nothing that is a number."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        found = np.asarray(peer.predict(matrix, n_classes), np.float64)
    found = np.maximum(np.nan_to_num(found), 0)
    total = found.sum(1, keepdims=True)
    return np.where(total > 0, found / np.where(total > 0, total, 1), 1 / n_classes)


def vote_matrix(votes: Votes, *, every: bool = False) -> tuple[ndarray, ndarray]:
    """The units that have votes, or every unit, and the most probable class of each vote, -1 where a source abstains.

    Returns:
        Units, shape (item,), and int64 of shape (item, source); sources that never vote are left out.
    """
    units, row, column, shape = _places(votes)
    if every:
        units, row, shape = np.arange(votes.n_units), votes.unit, (votes.n_units, shape[1])
    matrix = np.full(shape, -1, np.int64)
    cell = np.repeat(np.arange(len(votes.unit)), np.diff(votes.first))
    order = np.argsort(votes.probability, kind="stable")  # of each cell the most probable entry is written last
    matrix[row[cell[order]], column[cell[order]]] = votes.label[order]
    return units, matrix


def bit_matrices(votes: Votes) -> tuple[ndarray, Iterator[ndarray]]:
    """The units that have votes, and for each bit a matrix of them: 1 where it holds, 0 where not, else -1."""
    units, row, column, shape = _places(votes)
    cell = np.repeat(np.arange(len(votes.unit)), np.diff(votes.first))

    def one_by_one() -> Iterator[ndarray]:
        for bit in range(len(votes.task.classes)):
            matrix = np.full(shape, -1, np.int64)
            matrix[row, column] = 0
            holds = cell[(votes.label == bit) & (votes.probability >= 0.5)]
            matrix[row[holds], column[holds]] = 1
            yield matrix

    return units, one_by_one()


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Stop what runs longer, at its next line of Python; only in the main thread of a POSIX system.

    Raises:
        NotFinishedError: Where it was stopped.
    """

    def stop(number: int, frame: FrameType | None) -> None:
        raise NotFinishedError(f"not finished in {seconds:.0f} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _places(votes: Votes) -> tuple[ndarray, ndarray, ndarray, tuple[int, int]]:
    """The units with votes, the row and the column of each cell, and the shape."""
    units, row = np.unique(votes.unit, return_inverse=True)
    voting, column = np.unique(votes.source, return_inverse=True)
    return units, row, column, (len(units), len(voting))


def _crowdkit(model: Any, matrix: ndarray, n_classes: int) -> ndarray:
    import pandas as pd

    row, column = np.nonzero(matrix >= 0)
    data = pd.DataFrame({"task": row, "worker": column, "label": matrix[row, column]})
    found = model.fit_predict_proba(data)
    return found.reindex(index=range(len(matrix)), columns=range(n_classes), fill_value=0.0).to_numpy()


def _flying_squid() -> type:
    """Its label model; it asks pgmpy for a class that was renamed after its last release."""
    from pgmpy import models

    if not hasattr(models, "MarkovModel"):
        models.MarkovModel = models.DiscreteMarkovNetwork
    sys.setrecursionlimit(max(sys.getrecursionlimit(), 10_000))  # its graph has a path through all sources
    from flyingsquid.label_model import LabelModel

    return LabelModel


def _against_rest(matrix: ndarray, number: int) -> ndarray:
    return np.where(matrix < 0, 0, np.where(matrix == number, 1, -1))
