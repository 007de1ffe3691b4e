"""Letting an alias name a version where signature and gate let it pass, also while others promote to the same alias.

Whoever loses the race is compared again, with what the winner has put there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

from overton.base import Event, Observe, OvertonError, Problem, digest_json, ignore, now

if TYPE_CHECKING:
    from overton.artifact import Artifact
    from overton.evaluate import Comparison
    from overton.schema import Schema
    from overton.store import GateOutcome, Promotion, Store

ATTEMPTS = 5
MOST_REASONS = 20  # of a gate, that the log keeps
REASON = "Say why: --why TEXT, or `why=` in Python; it stays in the alias's log"


@dataclass(frozen=True, slots=True)
class Weighed:
    """What signature and gate say of a version beside the one that an alias names.

    Attributes:
        comparison: The comparison of the two; None where the signature rules it out, or nothing could be compared.
        refusals: Why it is refused; none where it passes.
        unknown: Why the gate could not be asked; none where it was.
    """

    comparison: Comparison | None
    refusals: tuple[Problem, ...]
    unknown: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class Promoted:
    """What became of a promotion.

    Attributes:
        before: The version that the alias named when it was decided; None for none.
        entry: The entry added to the alias's log; None where it was refused, or the alias names the version already.
        comparison: The comparison with the version before; None where none was made.
        refusals: Why it was refused; none where it was not.
    """

    before: str | None
    entry: Promotion | None = None
    comparison: Comparison | None = None
    refusals: tuple[Problem, ...] = ()


def promote_weighed(
    store: Store,
    alias: str,
    version: str,
    weigh: Callable[[str], Weighed],
    *,
    why: str = "",
    force: bool = False,
    observe: Observe = ignore,
) -> Promoted:
    """Let an alias name a version, if it passes beside the one that the alias names at that moment.

    Args:
        store: Where both are.
        alias: Such as `live`.
        version: The id of the version.
        weigh: Weighs the version beside the one of that id. Asked again where somebody else promoted in the meantime.
        why: The reason, kept in the log.
        force: Promote whatever `weigh` says, which the log keeps. Who forces has looked at one version, so that a lost
            race is an error.
        observe: Told of a lost race.

    Raises:
        OvertonError: Where a race is lost by force, or again and again (`store.lost-race`); where it is forced without
            a reason (`application.no-reason`).
    """
    from overton.store import LOST_RACE, current_user

    if force and not why.strip():
        raise OvertonError(Problem("to promote by force takes a reason", "application.no-reason", hint=REASON))
    for attempt in range(1, ATTEMPTS + 1):
        before = store.current(alias)
        if before == version:
            return Promoted(before)
        weighed = _weighed(weigh, before, force=force) if before else None
        comparison = weighed.comparison if weighed else None
        if weighed and weighed.refusals and not force:
            return Promoted(before, None, comparison, weighed.refusals)
        gate = gate_outcome(before, weighed) if before and weighed else None
        try:
            entry = store.promote(
                alias, version, who=current_user(), when=now(), why=why, expected=before, forced=force, gate=gate
            )
        except OvertonError as error:
            if error.problems[0].code != LOST_RACE or force or attempt == ATTEMPTS:
                raise
            observe(Event("promote", f"{error.problems[0].message}: weighed again beside that version"))
            continue
        return Promoted(before, entry, comparison)
    raise AssertionError("the last attempt returns or raises")


def _weighed(weigh: Callable[[str], Weighed], before: str, *, force: bool) -> Weighed:
    """What is said of a version; whoever forces it is not kept from it by data that cannot be compared on."""
    try:
        return weigh(before)
    except OvertonError as error:
        if not force:
            raise
        return Weighed(None, (), error.problems)


def gate_outcome(before: str, weighed: Weighed) -> GateOutcome:
    """What the log keeps of what signature and gate said of a version beside the one before."""
    from overton.store import GateOutcome

    comparison = weighed.comparison
    reasons = tuple(str(problem.message) for problem in (*weighed.refusals, *weighed.unknown))
    return GateOutcome(
        outcome="unknown" if weighed.unknown else "refused" if reasons else "passed",
        old=before,
        digest=digest_json(comparison.to_json()) if comparison else "",
        records=comparison.records if comparison else 0,
        verdicts=dict(Counter(row.verdict for row in comparison.rows)) if comparison else {},
        refused=reasons[:MOST_REASONS],
    )


def weigh_beside(
    old: Artifact, new: Artifact, clients: str, known: Comparison | None, compare: Callable[[], Comparison]
) -> Weighed:
    """What signature and gate say; nothing is compared where the signature rules it out already.

    Args:
        old: The version before.
        new: The version that is to come.
        clients: By what they call the version before.
        known: The comparison of the two, where it was made.
        compare: Makes it.
    """
    breaking = (
        *breaking_changes(old.schema, new.schema, clients=clients),
        *missing_models(old.models, new.models, clients=clients),
    )
    comparison = known if breaking else known or compare()
    return Weighed(comparison, (*breaking, *(comparison.refusals if comparison else ())))


def breaking_changes(old: Schema, new: Schema, *, clients: str) -> list[Problem]:
    """What in a new schema would break the clients of an old one, who are named by what they call."""
    from overton.schema import diff_schemas

    changes = [change for change in diff_schemas(old, new) if change.kind == "breaking"]
    return [_breaking(f"{change.field}: {change.message}", clients) for change in changes]


def missing_models(old: Collection[str], new: Collection[str], *, clients: str) -> list[Problem]:
    """Models of an old version that clients may ask for by name and a new one does not have; see `breaking_changes`."""
    return [_breaking(f"the model {name!r} is gone", clients) for name in old if name not in new]


def _breaking(change: str, clients: str) -> Problem:
    return Problem(
        message=f"{change}: clients of {clients} would break",
        code="application.incompatible",
        hint="Promote under another alias, or with --force --why TEXT",
    )
