"""Seeds: the numbers from which everything random follows, in numpy and in torch alike."""

from numbers import Integral

from overton.base.errors import OvertonError, Problem

MOST_SEED = 2**63 - 1  # numpy takes none below 0, torch none of more bits


def check_seed(seed: int) -> int:
    """Return the number where it can be a seed.

    Raises:
        OvertonError: Where it is no whole number, below 0 or too large.
    """
    if isinstance(seed, Integral) and 0 <= seed <= MOST_SEED:
        return int(seed)
    hint = "No seed is better than another: take a small number"
    raise OvertonError(Problem(f"expected a seed from 0 to {MOST_SEED}, got {seed!r}", "base.bad-seed", hint=hint))
