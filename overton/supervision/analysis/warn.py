"""What is wrong with a source, or with the combined labels, in a sentence, with what to do about it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy import ndarray

from overton.base.ragged import spread, starts_of
from overton.base.shares import wilson
from overton.data import GOLD
from overton.supervision.analysis.classes import Said
from overton.supervision.analysis.copies import Copy
from overton.supervision.analysis.facts import Facts
from overton.supervision.analysis.marginal import Gain, pooled_error
from overton.supervision.analysis.tally import JUDGED, RIGHT, N, Tally
from overton.supervision.models.majority import mean_of_likeliest

COMBINED, MAJORITY = "combined", "majority"
# Every code, the gravest first: rows are sorted by it. docs/sources.md tells what each means.
CODES = ("harmful", "worse-than-majority", "vanished", "dead", "constant", "drop", "gap", "copies", "new")
ERRORS = 3.0  # standard errors that count as beyond noise, since many sources are looked at at once
LEAST_VOTES = 30  # below which nothing is said of a source
LEAST_GOLD = 20
MOST_CHANCE = 0.999  # of being right by guessing, above which an estimate says nothing of a source
FEW_GOLD = 5  # that can clear a rule of being constant where all of them speak for it
FAR_BELOW = 0.2  # of the coverage elsewhere: so little in train counts as dead
LEAST_DROP = 0.05  # of an estimated accuracy
LEAST_GAP = 0.15  # between estimated and true accuracy
LEAST_LIFT = 0.05  # by which others say the class of a rule more often where it votes, or it is constant
DISAGREED = 0.1  # share of its shared units on which others contradict a constant source


@dataclass(frozen=True, slots=True)
class SourceWarning:
    """Something about a source that somebody should look at.

    Attributes:
        task: Name of the task.
        source: Name of the source; `combined` where it is about the labels taken together.
        code: A word of `CODES`.
        message: What was seen.
        hint: What to do about it.
    """

    task: str
    source: str
    code: str
    message: str
    hint: str

    def to_json(self) -> dict[str, Any]:
        """The warning as it stands in `overton sources --json`."""
        return {name: getattr(self, name) for name in ("task", "source", "code", "message", "hint")}


@dataclass(frozen=True)
class Evidence:
    """What the warnings are read off.

    Attributes:
        facts: Facts of the task.
        tally: Its sums; of the whole splits alone are used.
        said: Every class that a source says.
        gains: What each source adds where gold stands.
        copies: Suspected copies.
        parent: Estimated accuracies of the version before, by source; None where there is none, or it had not the task.
    """

    facts: Facts
    tally: Tally
    said: Said
    gains: Mapping[str, Gain] = field(default_factory=dict)
    copies: Mapping[str, tuple[Copy, ...]] = field(default_factory=dict)
    parent: Mapping[str, float] | None = None

    def sums(self, kind: int) -> ndarray:
        """One kind of sum over whole splits, of shape (split, actor)."""
        return self.tally.sums[kind, :, 0, :]


def warnings_of(seen: Evidence) -> tuple[SourceWarning, ...]:
    """All warnings of a task, the gravest first."""
    found = [
        warning
        for rule in (_harmful, _worse_than_majority, _vanished, _dead, _constant, _drop, _gap, _copies, _new)
        for warning in rule(seen)
    ]
    return tuple(sorted(found, key=lambda warning: CODES.index(warning.code)))


def _warn(seen: Evidence, source: str, code: str, message: str, hint: str) -> SourceWarning:
    return SourceWarning(seen.facts.votes.task.name, source, code, message, hint)


def _harmful(seen: Evidence) -> Iterator[SourceWarning]:
    chance, judged, right = _chance(seen), seen.sums(JUDGED).sum(0), seen.sums(RIGHT).sum(0)
    for number in seen.facts.voting.tolist():
        name, gain = seen.facts.votes.sources[number], seen.gains.get(seen.facts.votes.sources[number], Gain())
        if gain.n >= LEAST_GOLD and -gain.units > ERRORS * max(gain.error, 1.0):
            message = f"without it {-gain.units:,.0f} more of {gain.n:,} gold labels would be met"
            yield _warn(seen, name, "harmful", message, "Mend it, or take its votes out where it is wrong")
            continue
        expected = chance[number]
        if judged[number] >= LEAST_GOLD:
            share, n, what = right[number] / judged[number], judged[number], f"of {judged[number]:,.0f} gold labels"
        elif expected > MOST_CHANCE:  # one label is all there is to say, and the estimate is what was assumed before
            continue
        else:
            share = seen.facts.combined.accuracy.get(name, np.nan)
            n, what = float(seen.sums(N)[:, number].sum()), "of its votes by the estimate"
        if n >= LEAST_GOLD and share + ERRORS * np.sqrt(max(share * (1 - share), 0.01) / n) < expected:
            message = f"right on {share:.0%} {what}, where guessing would be on {expected:.0%}"
            hint = "Look whether it mixes up its labels; else take it out"
            if gain.n >= LEAST_GOLD and gain.units > ERRORS * max(
                gain.error, 1.0
            ):  # gold shows what its votes rule out
                hint = f"Look whether it mixes up its labels. Taken out, {gain.units:,.0f} labels fewer would be right"
            yield _warn(seen, name, "harmful", message, hint)


def _chance(seen: Evidence) -> ndarray:
    """How often each source would be right if it said what it says on any unit, shape (source,)."""
    facts, n_sources = seen.facts, len(seen.facts.votes.sources)
    n_votes = np.maximum(np.bincount(facts.cells.source, minlength=n_sources), 1).astype(np.float64)
    if facts.votes.candidates is not None:
        options = np.maximum(facts.votes.candidates, 1)[facts.cells.row]
        chance: ndarray = np.bincount(facts.cells.source, 1 / options, n_sources) / n_votes
        return chance
    if facts.is_bits:
        judged = facts.truth[facts.known]
        codes, count = np.unique(judged if len(judged) >= LEAST_GOLD else facts.said, return_counts=True)
        place = np.minimum(np.searchsorted(codes, facts.said), len(codes) - 1)
        alike = np.where(codes[place] == facts.said, count[place], 0) / max(count.sum(), 1)
        return np.bincount(facts.cells.source, alike, n_sources) / n_votes
    classes: ndarray = np.bincount(facts.truth[facts.known], minlength=facts.n_labels).astype(np.float64)
    if classes.sum() < LEAST_GOLD:
        index = facts.combined.targets.index
        classes = np.bincount(index[index >= 0], minlength=len(facts.combined.targets.table)) @ (
            facts.combined.targets.table.astype(np.float64)
        )
    base = classes / max(classes.sum(), 1.0)
    guessed = mean_of_likeliest(facts.cells, base[facts.cells.label])
    return np.bincount(facts.cells.source, guessed, n_sources) / n_votes


def _worse_than_majority(seen: Evidence) -> Iterator[SourceWarning]:
    facts = seen.facts
    unit = np.flatnonzero(facts.judged)
    if facts.combined.model is None or not len(unit):
        return
    targets = facts.combined.targets
    combined = facts.right(targets.table[targets.index[unit]], unit)
    majority = facts.right(facts.majority[facts.patterns.index[unit]], unit)
    lost = float((majority - combined).sum())
    if lost > ERRORS * max(pooled_error(facts.record[unit], majority - combined), 1.0):
        message = (
            f"right on {combined.mean():.1%} of {len(unit):,} gold labels, the majority vote on {majority.mean():.1%}"
        )
        hint = "Look for sources whose errors go together; gold on some dozens of dev records lets the model weigh them"
        yield _warn(seen, COMBINED, "worse-than-majority", message, hint)


def _vanished(seen: Evidence) -> Iterator[SourceWarning]:
    for name, accuracy in sorted((seen.parent or {}).items()):
        if name not in seen.facts.combined.accuracy and name != GOLD:
            message = (
                f"the version before learned from it (estimated accuracy {accuracy:.2f}), the data has no vote of it"
            )
            yield _warn(
                seen, name, "vanished", message, "Is a data file missing, or was the source given another name?"
            )


def _dead(seen: Evidence) -> Iterator[SourceWarning]:
    n, units = seen.sums(N), seen.tally.units[:, 0]
    if not units[0] or not units[1:].sum():
        return
    for number in seen.facts.voting.tolist():
        here, elsewhere = n[0, number] / units[0], n[1:, number].sum() / units[1:].sum()
        if here >= FAR_BELOW * elsewhere or elsewhere * units[0] < LEAST_VOTES:
            continue
        few = f"only {n[0, number]:,.0f} of" if here else "none of"
        message = f"labels {few} {units[0]:,.0f} units of train, but {elsewhere:.1%} of the other splits"
        hint = "The model learns from train alone: run the source there too"
        yield _warn(seen, seen.facts.votes.sources[number], "dead", message, hint)


def _constant(seen: Evidence) -> Iterator[SourceWarning]:
    facts = seen.facts
    cells, said = facts.cells, facts.said
    if facts.votes.task.type == "select" or not len(said):
        return
    codes, n_code = np.unique(said, return_counts=True)
    first_cell = starts_of(facts.n_votes)
    order = np.argsort(cells.source, kind="stable")
    bounds = np.searchsorted(cells.source[order], [*facts.voting, len(facts.votes.sources)])
    for number, start, stop in zip(facts.voting.tolist(), bounds[:-1], bounds[1:], strict=True):
        own = order[start:stop]
        shared = cells.row[own[facts.n_votes[cells.row[own]] > 1]]
        if len(shared) < LEAST_VOTES or (said[own] != said[own[0]]).any() or facts.undecided[own].any():
            continue
        on_shared = spread(first_cell, shared)
        others = said[on_shared[cells.source[on_shared] != number]]
        there = float((others == said[own[0]]).mean())
        place = np.searchsorted(codes, said[own[0]])
        anywhere = float((n_code[place] - len(own)) / max(len(said) - len(own), 1))
        if there < anywhere + LEAST_LIFT and 1 - there > DISAGREED and not _lifted_by_gold(seen, own):
            message = (
                f"says {_name_of(seen, own[0])} on all of its {len(own):,} units; "
                f"others say so on {there:.0%} of them, and on {anywhere:.0%} anywhere"
            )
            hint = "So its votes tell nothing: let it abstain where it does not know"
            yield _warn(seen, facts.votes.sources[number], "constant", message, hint)


def _lifted_by_gold(seen: Evidence, own: ndarray) -> bool:
    """Whether gold says the one thing that a source says more often where it votes than elsewhere."""
    facts = seen.facts
    unit = facts.cells.row[own]
    unit = unit[facts.known[unit]]
    if len(unit) < FEW_GOLD:
        return False
    same = facts.truth == facts.said[own[0]]
    here, anywhere = same[unit].mean(), same[facts.known].mean()
    low, _ = wilson(here, np.array(float(len(unit))))
    return bool(low > anywhere or (len(unit) >= LEAST_GOLD and here > anywhere + LEAST_LIFT))


def _name_of(seen: Evidence, cell: int) -> str:
    facts = seen.facts
    labels = facts.cells.label[facts.cells.first[cell] : facts.cells.first[cell + 1]]
    if not facts.is_bits:
        return repr(facts.votes.task.classes[int(facts.said[cell])])
    return ", ".join(repr(facts.votes.task.classes[label]) for label in labels) or "that no class holds"


def _drop(seen: Evidence) -> Iterator[SourceWarning]:
    n = seen.sums(N).sum(0)
    for name, accuracy in seen.facts.combined.accuracy.items():
        before = (seen.parent or {}).get(name)
        if before is None:
            continue
        number = seen.facts.votes.sources.index(name)
        noise = ERRORS * np.sqrt(2 * max(before * (1 - before), 0.01) / max(n[number], 1))
        if before - accuracy > max(noise, LEAST_DROP):
            message = f"its estimated accuracy fell from {before:.2f} in the version before to {accuracy:.2f}"
            yield _warn(
                seen,
                name,
                "drop",
                message,
                "Look at what it labels now and did not label then, and at which others changed",
            )


def _gap(seen: Evidence) -> Iterator[SourceWarning]:
    judged, right = seen.sums(JUDGED).sum(0), seen.sums(RIGHT).sum(0)
    for name, estimated in seen.facts.combined.accuracy.items():
        number = seen.facts.votes.sources.index(name)
        n = judged[number]
        if n < LEAST_GOLD:
            continue
        true = right[number] / n
        if abs(true - estimated) > max(LEAST_GAP, ERRORS * np.sqrt(max(true * (1 - true), 0.01) / n)):
            much = "much" if estimated > true else "little"
            message = (
                f"believed to be right on {estimated:.0%}, and gold says {true:.0%} of {n:,.0f}: trusted too {much}"
            )
            hint = (
                "Gold has a say in its weight already; look at its votes, or add gold where it stands alone"
                if seen.facts.combined.n_known
                else "Gold on train or dev records where it votes lets the model weigh it as it deserves"
            )
            yield _warn(seen, name, "gap", message, hint)


def _copies(seen: Evidence) -> Iterator[SourceWarning]:
    told: set[frozenset[str]] = set()
    for name, copies in seen.copies.items():
        others = [copy for copy in copies if copy.joined]
        block = frozenset([name, *(copy.source for copy in others)])
        if not others or block in told:
            continue
        told.add(block)
        least = min(copy.agreement for copy in others)
        names = ", ".join(copy.source for copy in others)
        measure = f"({least:.2f} of the agreement beyond chance)" if least > 0 else "(they label the same units alike)"
        message = f"says the same as {names} {measure}: they vote as one"
        yield _warn(seen, name, "copies", message, "Keep one of them if one was made from the other")


def _new(seen: Evidence) -> Iterator[SourceWarning]:
    parent = seen.parent
    for name in seen.facts.combined.accuracy if parent is not None else ():
        if parent is not None and name not in parent:
            yield _warn(seen, name, "new", "the version before did not have it", "Nothing to do if you added it")
