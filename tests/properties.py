"""How many examples a property is tried on: few in the unit suite, twenty times as many and more for `make slow`.

Examples are drawn from a fixed seed, so they are the same in every run. `OVERTON_TEST_EXAMPLES=many` asks for the many.
"""

import os

from hypothesis import settings

FACTOR = 20 if os.environ.get("OVERTON_TEST_EXAMPLES") == "many" else 1


def examples(number: int) -> settings:
    """Settings of a property that is tried on so many examples in the unit suite."""
    return settings(max_examples=number * FACTOR, deadline=None)
