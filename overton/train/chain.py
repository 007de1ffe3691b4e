"""The loss of a linear-chain CRF under targets that may be soft, and that some tokens may lack.

The loss of a record is `log Z - S`: Z sums over all sequences of classes, and S is the score that the model gives the
targets. Where every token has a target, S is the expected score under the targets, token by token independent, which
for certain targets is the usual likelihood (Lafferty et al. 2001, ICML). Over tokens without a target S sums, as Z
does: what a source did not say, it does not deny.
"""

import torch
from torch import Tensor
from torch.nn import functional

from overton.schema import Task
from overton.train.loss import Objective, certainty_of, smoothed

LEAST = 1e-30


def chain_task_loss(
    task: Task,
    logits: Tensor,
    transitions: Tensor,
    probability: Tensor,
    known: Tensor,
    length: Tensor,
    objective: Objective,
) -> Tensor:
    """The loss of one task in one batch: the mean over the records that have a target, as `task_loss` has it.

    Args:
        task: The task.
        logits: The model's, of shape (row, token, class); wider than the targets is fine.
        transitions: Those of the head, of shape (class + 2, class).
        probability: The targets, of shape (row, token, class).
        known: Which tokens have one, bool of shape (row, token).
        length: Tokens of each record, of shape (row,).
        objective: What is asked beside the targets. A record is as sure as its tokens are on average.
    """
    logits = logits[:, : known.shape[1]]
    shifted = logits if objective.shift is None else logits + objective.shift
    labelled = known.any(1).sum().clamp(min=1)
    loss = chain_loss(shifted, transitions, smoothed(probability, objective.smoothing), known, length)
    if objective.certainty:
        sure = (certainty_of(task, probability) * known).sum(1) / known.sum(1).clamp(min=1)
        loss = loss * sure**objective.certainty
    return loss.sum() / labelled


def chain_loss(logits: Tensor, transitions: Tensor, probability: Tensor, known: Tensor, length: Tensor) -> Tensor:
    """Loss of every record.

    Args:
        logits: Of shape (row, token, class).
        transitions: Those of the head, of shape (class + 2, class).
        probability: The targets, of the shape of the logits.
        known: Which tokens have one, bool of shape (row, token).
        length: Tokens of each record, of shape (row,).

    Returns:
        Shape (row,); zero where no token has a target.
    """
    inside = torch.arange(logits.shape[1], device=logits.device) < length.unsqueeze(1)
    known = known & inside
    some = known.any(1)
    if not logits.shape[1]:
        return torch.zeros_like(length, dtype=logits.dtype)
    told = _expected if bool((known | ~inside | ~some.unsqueeze(1)).all()) else _partly_expected
    loss = _log_total(logits, transitions, inside) - told(logits, transitions, probability, known, inside)
    return torch.where(some, loss, 0.0)


def _log_total(logits: Tensor, transitions: Tensor, inside: Tensor) -> Tensor:
    """Log Z of each record, by the forward algorithm."""
    pairs, first, last = transitions[:-2], transitions[-2], transitions[-1]
    weight = pairs.exp()
    score = logits[:, 0] + first
    for token in range(1, logits.shape[1]):
        score = torch.where(inside[:, token, None], _moved(score, weight) + logits[:, token], score)
    return (score + last).logsumexp(1)


def _moved(score: Tensor, weight: Tensor) -> Tensor:
    """Log of the sum over the class before, as a product of matrices."""
    top = score.amax(1, keepdim=True).detach()
    return ((score - top).exp() @ weight).clamp(min=LEAST).log() + top


def _expected(logits: Tensor, transitions: Tensor, probability: Tensor, known: Tensor, inside: Tensor) -> Tensor:
    """The expected score of records whose every token has a target."""
    pairs, first, last = transitions[:-2], transitions[-2], transitions[-1]
    target = probability * known.unsqueeze(-1)
    is_last = known & ~functional.pad(known[:, 1:], (0, 1))
    tokens = (target * logits).sum((1, 2))
    neighbours = ((target[:, :-1] @ pairs) * target[:, 1:]).sum((1, 2))
    return tokens + neighbours + target[:, 0] @ first + (target * is_last.unsqueeze(-1)).sum(1) @ last


def _partly_expected(logits: Tensor, transitions: Tensor, probability: Tensor, known: Tensor, inside: Tensor) -> Tensor:
    """The expected score over tokens with a target, summed over the classes of those without.

    After a token with a target the score so far is one number, and what follows is expected under that target; after
    one without, there is a score for each of its classes. Exact for certain targets, else a lower bound.
    """
    pairs, first, last = transitions[:-2], transitions[-2], transitions[-1]
    weight = pairs.exp()
    reached = first.expand_as(logits[:, 0])
    ends = torch.zeros_like(logits[:, 0, 0])
    for token in range(logits.shape[1]):
        target, is_known = probability[:, token], known[:, token, None]
        here = reached + logits[:, token]
        told = (target * here).sum(1, keepdim=True)
        onward = torch.where(is_known, told + target @ pairs, _moved(here, weight))
        end = torch.where(is_known[:, 0], told[:, 0] + target @ last, (here + last).logsumexp(1))
        ends = torch.where(inside[:, token], end, ends)
        reached = torch.where(inside[:, token, None], onward, reached)
    return ends
