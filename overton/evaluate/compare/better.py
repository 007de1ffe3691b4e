"""Which figures got better beyond noise, where many are looked at: intervals as tests, corrected for their number.

A gate asks what got worse, so a comparison corrects for that alone. Of a hundred figures that did not change, the
intervals of two or three lie above zero all the same; what praises a version has to leave those out.
"""

from collections.abc import Sequence
from dataclasses import replace
from statistics import NormalDist

from overton.base.shares import Z
from overton.evaluate.compare.rows import ECE, REGRESSED, ComparedRow


def shown_better(rows: Sequence[ComparedRow], alpha: float) -> tuple[ComparedRow, ...]:
    """The rows in which a rise is shown, the greatest first.

    The interval of each is read as a test that nothing rose, and those are corrected by Benjamini and Hochberg (1995).
    Rows of calibration errors, and those with too few records to be judged, are left out.

    Args:
        rows: The rows of a comparison.
        alpha: Share of the rows told that may be there by chance.
    """
    judged = [row for row in rows if row.metric != ECE and row.p_adjusted is not None]
    tested = sorted(((p, place) for place, row in enumerate(judged) if (p := _p(row)) is not None))
    reached = [rank for rank, (p, _) in enumerate(tested, start=1) if p <= alpha * rank / len(tested)]
    kept = {place for _, place in tested[: max(reached, default=0)]}
    return tuple(sorted((judged[place] for place in sorted(kept)), key=lambda row: row.fall))


def shown_within_margin(rows: Sequence[ComparedRow], alpha: float) -> tuple[ComparedRow, ...]:
    """The rows in which a fall is shown that their margin allows, the greatest first.

    They pass, and are no noise: the same tests, of falls in place of rises.

    Args:
        rows: The rows of a comparison.
        alpha: Share of the rows told that may be there by chance.
    """
    turned = {_turned(row): row for row in rows if row.margin > 0 and row.verdict != REGRESSED}
    return tuple(turned[row] for row in shown_better([*turned], alpha))


def _turned(row: ComparedRow) -> ComparedRow:
    """The row as if the new version were the old one."""
    change, low, high = (None if end is None else -end for end in (row.change, row.high, row.low))
    return replace(row, old=row.new, new=row.old, change=change, low=low, high=high)


def _p(row: ComparedRow) -> float | None:
    """Probability of so great a change by chance, 1 where nothing rose; None where the row has no interval.

    It is 0.05 where the interval begins at 0: one that holds 0 shows no rise, however far its other end.
    """
    if row.change is None or row.low is None or row.high is None:
        return None
    if row.change <= 0:
        return 1.0
    error = (row.change - row.low) / Z
    return 2 * (1 - NormalDist().cdf(row.change / error)) if error > 0 else 0.0
