"""How figures and texts of records are written on a page: harmless, cut where they are long, and legible.

A record may hold any text. Marks that turn the direction of writing and control characters are shown by their number,
so that what a person reads is what the record holds.
"""

from overton.base import percent_text, share_text
from overton.data import SLICE_PREFIX
from overton.evaluate.groups import WHOLE
from overton.evaluate.render import WHOLE_SPLIT

DASH = "–"
ELLIPSIS = "…"
KILO = 1000


def cut(text: str, longest: int = 40) -> str:
    """The beginning of a text that is longer than so many characters.

    Example:
        >>> cut("abcdefgh", 5)
        'abcd…'
    """
    return text if len(text) <= longest else text[: max(longest - 1, 0)] + ELLIPSIS


def middle(text: str, longest: int = 40) -> str:
    """A text that is longer than so many characters without its middle: names of tags often differ at their end.

    Example:
        >>> middle("lineage:template_v1", 12)
        'lineag…te_v1'
    """
    if len(text) <= longest:
        return text
    end = max(longest - 1, 0) // 2
    return text[: max(longest - 1, 0) - end] + ELLIPSIS + (text[-end:] if end else "")


def figure(value: float | None) -> str:
    """A share or a score, to three digits.

    Example:
        >>> figure(0.71249), figure(0.9999), figure(None)
        ('0.712', '0.999', '–')
    """
    return DASH if value is None else share_text(value)


def signed(value: float | None) -> str:
    """A difference, to three digits.

    Example:
        >>> signed(-0.0312), signed(0.00001)
        ('−0.031', '0.000')
    """
    if value is None:
        return DASH
    text = f"{abs(value):.3f}"
    return text if float(text) == 0 else f"{'−' if value < 0 else '+'}{text}"


def percent(value: float | None) -> str:
    """A share in hundredths.

    Example:
        >>> percent(0.0312), percent(0.5), percent(1.0)
        ('3.1 %', '50 %', '100 %')
    """
    if value is None:
        return DASH
    return percent_text(value, 1).replace("%", " %").replace(".0 %", " %")


def count(value: int | None) -> str:
    """A number of things.

    Example:
        >>> count(12345)
        '12,345'
    """
    return DASH if value is None else f"{value:,}"


def size(n_bytes: float) -> str:
    """A size.

    Example:
        >>> size(812), size(16831664)
        ('812 B', '16.8 MB')
    """
    for unit in ("B", "kB", "MB"):
        if n_bytes < KILO:
            return f"{n_bytes:.0f} {unit}" if unit == "B" or n_bytes >= KILO / 10 else f"{n_bytes:.1f} {unit}"
        n_bytes /= KILO
    return f"{n_bytes:.1f} GB"


def seconds(value: float) -> str:
    """A time.

    Example:
        >>> seconds(0.213), seconds(42.12), seconds(754)
        ('0.21 s', '42.1 s', '12 min 34 s')
    """
    if value < 1:
        return f"{value:.2f} s"
    if value < 2 * 60:
        return f"{value:.1f} s"
    return f"{int(value // 60)} min {int(value % 60)} s"


def moment(text: str) -> str:
    """A time in ISO 8601, as people write it.

    Example:
        >>> moment("2026-11-25T22:42:04+00:00"), moment("")
        ('2026-11-25 22:42', '')
    """
    return text[:16].replace("T", " ")


def day(text: str) -> str:
    """The day of a time in ISO 8601.

    Example:
        >>> day("2026-11-25T22:42:04+00:00")
        '2026-11-25'
    """
    return text[:10]


def tag_name(tag: str) -> str:
    """What a tag is called on a page: a slice without its prefix, all of a split by words, an expression as it stands.

    Example:
        >>> tag_name("slice:rare"), tag_name("*"), tag_name("lang:en"), tag_name("slice:rare & lang:en")
        ('rare', 'whole split', 'lang:en', 'slice:rare & lang:en')
    """
    if tag == WHOLE:
        return WHOLE_SPLIT
    return tag if set(tag) & {"&", "|"} else tag.removeprefix(SLICE_PREFIX)


def p_value(p: float | None) -> str:
    """A probability of so much by chance.

    Example:
        >>> p_value(0.0312), p_value(3e-7), p_value(None)
        ('0.031', '3e-07', '–')
    """
    if p is None:
        return DASH
    return f"{p:.3f}" if p >= 0.001 or p == 0 else f"{p:.0e}"
