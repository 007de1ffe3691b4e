"""What training makes: weights with their history, and the state from which it can go on."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from numpy import ndarray

Weights = Mapping[str, ndarray]


@dataclass(frozen=True, slots=True)
class EpochResult:
    """One pass over the training records.

    Attributes:
        epoch: Its number, from 1.
        losses: Mean loss of each task by name.
        scores: Score on dev of each task by name; empty without dev records.
    """

    epoch: int
    losses: Mapping[str, float]
    scores: Mapping[str, float]

    @property
    def score(self) -> float:
        """Mean over the tasks of the score on dev; without one, the loss with its sign turned."""
        if self.scores:
            return sum(self.scores.values()) / len(self.scores)
        return -sum(self.losses.values())


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Training after some epochs: going on from here gives the same bytes as never having stopped.

    Attributes:
        program: Digest of the program.
        weights: The weights after the last epoch.
        best: The weights after the best epoch.
        optimizer: State of the optimizer: two arrays a weight, by `<weight>/<name of the state>`.
        history: The epochs so far.
        best_epoch: The epoch of `best`, from 1; 0 before the first.
        seed: The seed of the training.
    """

    program: str
    weights: Weights
    best: Weights
    optimizer: Weights
    history: tuple[EpochResult, ...]
    best_epoch: int
    seed: int


@dataclass(frozen=True, slots=True)
class Trained:
    """A trained program.

    Attributes:
        weights: The weights of the best epoch, by name.
        history: All epochs.
        best_epoch: The best of them, from 1.
        n_epochs: Epochs that were planned.
        temperature: By what the logits of each task were divided in the end, so that probabilities mean what they say.
        share: What the wide path counts in the mean of both paths, by task whose head has two.
        thresholds: The probability from which each bit of a `bitvector` task holds, float32 of shape (class,), by task.
        parent: Id of the version that it began from; empty where there is none.
        warm: What was taken over from it, as the lineage tells it.
        run: The key under which training kept its state.
    """

    weights: Weights
    history: tuple[EpochResult, ...] = field(default=())
    best_epoch: int = 0
    n_epochs: int = 0
    temperature: Mapping[str, float] = field(default_factory=dict)
    share: Mapping[str, float] = field(default_factory=dict)
    thresholds: Weights = field(default_factory=dict)
    parent: str = ""
    warm: Mapping[str, Any] = field(default_factory=dict)
    run: str = ""
