"""Which part of a long record a person reads."""


def around(place: int, n: int, most: int) -> range:
    """The places of things that stand around one of them, from the first on where that is among those.

    Args:
        place: The one.
        n: How many there are.
        most: How many are shown.

    Example:
        >>> around(2, 100, 10), around(50, 100, 10), around(99, 100, 10), around(2, 4, 10)
        (range(0, 10), range(45, 55), range(90, 100), range(0, 4))
    """
    first = 0 if place < most else min(place - most // 2, n - most)
    return range(first, min(first + most, n))
