"""Label models on plain arrays: for who has a matrix or a long frame of labels, and no application.

The same models as `combine` fits. Of a large matrix they are fitted on a random part of the items, which costs next to
nothing in what they learn of a source, and every row is then looked up in tables.

Example:
    >>> import numpy as np
    >>> matrix = np.array([[0, 0, -1], [1, 1, 0], [0, -1, 0], [1, 1, 1], [-1, 0, 0], [1, 0, 1]] * 50)
    >>> model = LabelModel.fit(matrix, n_classes=2, sources=["keyword", "crowd", "old model"])
    >>> model.predict(matrix).shape
    (300, 2)
    >>> model.predict_labels(np.array([[1, 1, -1], [-1, 0, -1]])).tolist()
    [1, 0]
"""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy import ndarray

from overton.base import brief
from overton.data import Splits, Votes
from overton.supervision.analysis.report import source_report
from overton.supervision.array_sample import choose_rows, choose_units
from overton.supervision.array_votes import (
    ABSTAIN,
    as_labels,
    blocks_of,
    check_classes,
    check_labels,
    columns_of,
    known_labels,
    names_among,
    read_long,
    reject,
    scan,
    source_names,
    take_units,
    task_of,
    votes_of_long,
    votes_of_matrix,
)
from overton.supervision.combine import MAJORITY, Combined, check_method, combine
from overton.supervision.models.evidence import voting_cells
from overton.supervision.models.label_model import FittedModel
from overton.supervision.models.lookup import Lookup, lookup_of, majority_lookup
from overton.supervision.models.probability import softmax

if TYPE_CHECKING:
    from pandas import DataFrame

TIE = 1e-6

Ties = Literal["first", "abstain", "random"]


@dataclass(frozen=True, slots=True)
class LabelModel:
    """What was learned of the sources of a matrix; made by `fit` or `fit_long`.

    Attributes:
        sources: Names of the sources, in the order of the columns.
        classes: The classes, in the order of their numbers.
        method: The model that was used: `majority`, `leave_one_out` or `dawid_skene`.
        accuracy: Estimated probability that a vote is right, by source that votes at all.
        copies: Sources that vote as one, each with the others of its block.
        weights: What a vote of each source counts; 1 where there is too little gold to say otherwise.
        prior: P(class), float64 of shape (class,); even where the model has none.
        model: The model itself; None for `majority`.
        lookup: Its tables.
    """

    sources: tuple[str, ...]
    classes: tuple[Hashable, ...]
    method: str
    accuracy: Mapping[str, float]
    copies: Mapping[str, tuple[str, ...]]
    weights: Mapping[str, float]
    prior: ndarray
    model: FittedModel | None
    lookup: Lookup

    __repr__ = brief

    @classmethod
    def fit(
        cls,
        matrix: object,
        n_classes: int | None = None,
        *,
        gold: object = None,
        method: str = "auto",
        sources: Sequence[object] | None = None,
        classes: Sequence[Hashable] | None = None,
        seed: int = 0,
    ) -> "LabelModel":
        """Learn what the sources are worth.

        Args:
            matrix: Label of each item by each source, of shape (item, source): an array of integers or a frame; -1
                abstains, and nan in floats.
            n_classes: Number of classes; without it and `classes`, one more than the highest label.
            gold: The right label of each item, shape (item,), -1 where it is not known: it teaches the sources.
            method: A name in `METHODS`.
            sources: Names of the sources; without them the columns of a frame, or numbers.
            classes: Names of the classes; without them numbers.
            seed: Seed of the choice of items that the model is fitted on, where there are very many.

        Raises:
            OvertonError: Where the labels cannot be what they should be, or nobody votes.
        """
        check_method(method)
        check_classes(() if classes is None else classes)
        labels = as_labels(matrix, (None, None), "the matrix (item, source)")
        names = source_names(sources, matrix, labels.shape[1])
        truth = None if gold is None else as_labels(gold, (len(labels),), "gold (item)")
        seen = scan(labels)
        high = max(seen.high, -1 if truth is None else scan(truth).high)
        n_classes = len(classes) if classes is not None else n_classes if n_classes is not None else high + 1
        check_labels(seen.low, seen.high, max(n_classes, 1), "the matrix")
        if truth is not None:
            check_labels(scan(truth).low, scan(truth).high, n_classes, "gold")
        if not seen.n_votes:
            reject("supervision.no-votes", "no source votes on any item")
        known = np.zeros(len(labels), np.bool_) if truth is None else truth >= 0
        rows = choose_rows(labels, known, seen.n_votes, seed)
        named = tuple(classes) if classes is not None else tuple(range(n_classes))
        task = task_of("multiclass", named)
        votes = votes_of_matrix(labels[rows], None if truth is None else truth[rows], names, task)
        return cls._fitted(votes, named, method, seed)

    @classmethod
    def fit_long(
        cls,
        frame: "DataFrame | Mapping[str, Any]",
        *,
        item: str = "task",
        source: str = "worker",
        label: str = "label",
        probability: str | None = None,
        gold: Mapping[Hashable, Hashable] | None = None,
        method: str = "auto",
        classes: Sequence[Hashable] | None = None,
        seed: int = 0,
    ) -> "LabelModel":
        """Learn what the sources are worth from one label a line, as crowd-kit has them.

        Args:
            frame: A frame, or a mapping from name to column. Items, sources and labels may be texts or numbers. Where
                a source labels an item twice, the later line wins.
            item: Column of the items.
            source: Column of the sources.
            label: Column of the labels; a missing one abstains.
            probability: Column of the probabilities of sources that know their doubt: the lines of one source on one
                item are one vote then.
            gold: The right labels of some items: a mapping or a series.
            method: A name in `METHODS`.
            classes: The classes in order; without them the labels that occur, sorted.
            seed: As for `fit`.

        Raises:
            OvertonError: Where a column is missing, a label is no class, or nobody votes.
        """
        check_method(method)
        check_classes(() if classes is None else classes)
        long = read_long(frame, item=item, source=source, label=label, probability=probability)
        if not len(long.item):
            reject("supervision.no-votes", "no source votes on any item")
        truth = None if gold is None else known_labels(gold)
        if classes is None:
            told = [] if truth is None else list(truth.values())
            classes = names_among(np.array([*long.label.tolist(), *told], dtype=object))
        sources = source_names([str(name) for name in names_among(long.source)], None, len(set(long.source.tolist())))
        votes = votes_of_long(long, sources, classes, truth)
        return cls._fitted(take_units(votes, choose_units(votes, seed)), tuple(classes), method, seed)

    @classmethod
    def _fitted(cls, votes: Votes, classes: tuple[Hashable, ...], method: str, seed: int) -> "LabelModel":
        everywhere = np.ones(votes.n_records, np.bool_)
        combined = combine(votes, method=method, dev=everywhere, fit_votes=max(len(votes.unit), 1), seed=seed)
        model, sources = combined.model, votes.sources[:-1]
        prior = np.full(len(classes), 1 / len(classes))
        if model is not None:
            prior = model.prior if model.prior is not None else softmax(model.log_prior)
        n_sources, n_classes = len(sources), len(classes)
        weights = np.ones(n_sources) if model is None else model.weight[model.block[:n_sources]]
        return cls(
            sources=sources,
            classes=classes,
            method=combined.method,
            accuracy=combined.accuracy,
            copies=combined.copies,
            weights=dict(zip(sources, weights.tolist(), strict=True)),
            prior=prior,
            model=model,
            lookup=majority_lookup(n_sources, n_classes)
            if model is None
            else lookup_of(model, n_sources, n_classes, prior),
        )

    @property
    def n_classes(self) -> int:
        """Number of classes."""
        return len(self.classes)

    def predict(self, matrix: object, *, gold: object = None, out: ndarray | None = None) -> ndarray:
        """The probability of each class of each item, of items that the model was fitted on or new ones.

        Args:
            matrix: As for `fit`; a frame may have its columns in any order, and more of them.
            gold: The right label of each item, -1 where it is not known; an item whose label is known has it.
            out: Where to write to, float32 of shape (item, class).

        Returns:
            Float32 of shape (item, class), rows sum to one. A row without votes gets `prior`.

        Raises:
            OvertonError: Where a label is none of the classes, or the matrix has other sources.
        """
        labels = self._labels(matrix)
        if out is None:
            out = np.empty((len(labels), self.n_classes), np.float32)
        elif out.shape != (len(labels), self.n_classes) or out.dtype != np.float32:
            message = f"`out` is {out.dtype} of shape {out.shape}"
            reject("supervision.bad-array", f"{message}, expected float32 of shape ({len(labels)}, {self.n_classes})")
        for rows in blocks_of(len(labels), self.lookup.rows):
            self.lookup.predict(_by_source(labels[rows], self.n_classes), out[rows])
        if gold is not None:
            truth = as_labels(gold, (len(labels),), "gold (item)")
            check_labels(scan(truth).low, scan(truth).high, self.n_classes, "gold")
            known = np.flatnonzero(truth >= 0)
            out[known] = np.arange(self.n_classes) == truth[known, None]
        return out

    def predict_labels(self, matrix: object, *, ties: Ties = "first", seed: int = 0) -> ndarray:
        """The most likely class of each item, int64 of shape (item,).

        Args:
            matrix: As for `predict`.
            ties: Where classes are equally likely: the `first` of them, one at `random`, or `abstain`, which gives -1
                there and where nobody votes.
            seed: Seed of the choice at random.
        """
        if ties not in ("first", "abstain", "random"):
            reject("supervision.unknown-ties", f"ties cannot be broken by {ties!r}", "first, abstain or random")
        labels = self._labels(matrix)
        best = np.empty(len(labels), np.int64)
        random = np.random.default_rng(seed)
        block = np.empty((self.lookup.rows, self.n_classes), np.float32)
        for rows in blocks_of(len(labels), self.lookup.rows):
            said = _by_source(labels[rows], self.n_classes)
            table = block[: rows.stop - rows.start]
            self.lookup.predict(said, table)
            best[rows] = table.argmax(1)
            if ties != "first":
                top = table >= table.max(1, keepdims=True) - TIE
                tied = np.flatnonzero(top.sum(1) > 1)
                if ties == "random":
                    best[rows.start + tied] = np.where(
                        top[tied], random.random((len(tied), self.n_classes)), -1
                    ).argmax(1)
                else:
                    best[rows.start + tied] = ABSTAIN
                    best[rows][(said < 0).all(0)] = ABSTAIN
        return best

    def predict_long(
        self,
        frame: "DataFrame | Mapping[str, Any]",
        *,
        item: str = "task",
        source: str = "worker",
        label: str = "label",
        probability: str | None = None,
    ) -> "DataFrame":
        """The probability of each class of each item of a long frame: a line an item, a column a class.

        Args:
            frame: As for `fit_long`, with sources that the model knows.
            item: Column of the items.
            source: Column of the sources.
            label: Column of the labels.
            probability: Column of the probabilities.

        Raises:
            OvertonError: Where a column is missing, or a source or label is new.
        """
        from pandas import DataFrame, Index

        long = read_long(frame, item=item, source=source, label=label, probability=probability)
        targets = self._combine(votes_of_long(long, self.sources, self.classes, None)).targets
        table = np.concatenate([targets.table, self.prior[None]]).astype(np.float32)  # -1 is the last row
        columns = Index(self.classes, name=label)
        return DataFrame(table[targets.index], index=Index(long.items, name=item), columns=columns)

    def analysis(self, matrix: object, gold: object = None) -> "DataFrame":
        """What each source is worth, worst first: coverage, overlap, conflict, accuracy estimated and on gold.

        Args:
            matrix: As for `fit`.
            gold: The right label of each item, shape (item,), -1 where it is not known.

        Returns:
            A line for each source, and for the votes taken together; columns as in `SourceRow`.
        """
        labels = self._labels(matrix)
        truth = None if gold is None else as_labels(gold, (len(labels),), "gold (item)")
        for array, name in ((labels, "the matrix"), (truth, "gold")):
            if array is not None:
                check_labels(scan(array).low, scan(array).high, self.n_classes, name)
        votes = votes_of_matrix(labels, truth, self.sources, task_of("multiclass", self.classes))
        nothing = np.zeros(0, np.int64)
        splits = Splits(np.arange(len(labels)), nothing, nothing)
        frame = source_report(votes, self._combine(votes), splits).to_pandas()
        return frame.drop(columns=["task", "split", "tag"]).set_index("source")

    def explain(self, row: object) -> "DataFrame":
        """What each vote on one item adds to the score of each class.

        Args:
            row: Labels of one item, shape (source,), -1 where a source abstains.

        Returns:
            A line for each vote, one for the prior, and for rules that only ever say one class one for the silence of
            the others; a column a class. Their sum, to the power of e and scaled to one, is the probability, unless
            all votes agree: then the label that they agree on stays ahead.
        """
        from pandas import DataFrame, Index

        labels = as_labels(row, (len(self.sources),), "the row (source)")[None]
        check_labels(scan(labels).low, scan(labels).high, self.n_classes, "the row")
        cells = voting_cells(votes_of_matrix(labels, None, self.sources, task_of("multiclass", self.classes)))
        names, parts = [self.sources[number] for number in cells.source], []
        if self.model is None:
            parts = [np.eye(self.n_classes)[cells.label]]
        elif not names:
            names, parts = ["prior"], [np.log(self.prior)]
        else:
            parts = [self.model.contributions(cells, np.array([self.n_classes])), self.model.log_prior]
            names.append("prior")
            if self.model.silence is not None:
                parts.append(self.model.silence_of(cells, 1))
                names.append("silence")
        columns = Index(self.classes, name="class")
        return DataFrame(np.vstack(parts), index=Index(names, name="source"), columns=columns)

    def _labels(self, matrix: object) -> ndarray:
        return as_labels(columns_of(matrix, self.sources), (None, len(self.sources)), "the matrix (item, source)")

    def _combine(self, votes: Votes) -> Combined:
        return combine(votes, method=MAJORITY if self.model is None else "auto", model=self.model)


def _by_source(labels: ndarray, n_classes: int) -> ndarray:
    """A block of rows, checked, of shape (source, row)."""
    if labels.size:
        check_labels(int(labels.min()), int(labels.max()), n_classes, "the matrix")
    return np.ascontiguousarray(labels.T, dtype=labels.dtype if labels.dtype in (np.int8, np.int16) else np.int32)
