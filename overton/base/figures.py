"""Counts and shares as text, where what is nearly all is not all and what is nearly nothing not nothing; and back."""

MOST_DIGITS = 12


def count_of(n: int, unit: str) -> str:
    """A number of things.

    Example:
        >>> count_of(1, "token"), count_of(3, "token")
        ('1 token', '3 tokens')
    """
    return f"{n:,} {unit}" if n == 1 else f"{n:,} {unit}s"


def whole_number(text: str) -> int | None:
    """The number that the digits of a text are; None where it is none, or has more digits than anybody counts to.

    Python refuses to read a number of thousands of digits, with an error of its own.

    Example:
        >>> whole_number("12"), whole_number("-1"), whole_number("9" * 5000)
        (12, None, None)
    """
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= MOST_DIGITS else None


def share_text(share: float, digits: int = 3) -> str:
    """A share, or a score on the same scale, to so many digits; none but 0 and 1 are written as these.

    Example:
        >>> share_text(0.71249), share_text(0.9996), share_text(0.0002), share_text(1.0)
        ('0.712', '0.999', '0.001', '1.000')
    """
    return f"{_between(share, digits):.{digits}f}"


def percent_text(share: float, digits: int = 0) -> str:
    """A share in hundredths, to so many digits; none but 0 and 1 are written as 0% and 100%.

    Example:
        >>> percent_text(0.5), percent_text(0.9996, 1), percent_text(0.001)
        ('50%', '99.9%', '1%')
    """
    return f"{_between(share, digits + 2):.{digits}%}"


def _between(share: float, digits: int) -> float:
    """A share that is neither 0 nor 1, and would be rounded to it, as the next that has so many digits."""
    least = 10.0**-digits
    return min(max(share, least), 1 - least) if 0 < share < 1 else share
