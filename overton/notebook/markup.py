"""HTML out of texts and parts. Whatever is a plain text is escaped; what is made here is not escaped again."""

from collections.abc import Iterable, Sequence
from html import escape

from overton.base import share_text

LONGEST = 80  # letters of one text in a cell
LONGEST_TITLE = 400
# Colours are mixed with those of the notebook, so that light and dark ones both do.
STYLE = """
.overton{font:13px/1.45 system-ui,sans-serif;max-width:72rem;overflow-wrap:anywhere}
.overton h4{margin:.9em 0 .2em;font-size:1.05em}.overton p{margin:.25em 0}
.overton table{border-collapse:collapse;margin:.2em 0 .6em}
.overton th,.overton td{padding:.12em .6em;text-align:left;border:0;border-bottom:1px solid rgba(128,128,128,.25);
vertical-align:top;background:none}.overton th{font-weight:600;opacity:.75}
.overton .n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
.overton .dim{opacity:.65}.overton .bad{color:#c62828;font-weight:600}.overton .good{color:#2e7d32;font-weight:600}
.overton .tag{display:inline-block;padding:0 .45em;margin-right:.3em;border:1px solid rgba(128,128,128,.5);
border-radius:.7em;font-size:.85em}
.overton .item{display:inline-block;vertical-align:top;margin:0 .35em .3em 0;text-align:center}
.overton .item small{display:block;line-height:1.2}.overton .wrong{border-bottom:2px solid #c62828}
.overton .record{border-left:3px solid rgba(128,128,128,.35);padding-left:.7em;margin:.8em 0}
""".replace("\n", "")


class Markup(str):
    """HTML that is safe as it stands."""

    __slots__ = ()


def element(name: str, *parts: str, kind: str = "", title: str = "") -> Markup:
    """One element with its parts in it.

    Args:
        name: Name of the element.
        parts: What stands in it; a plain text is escaped.
        kind: Its CSS class.
        title: What it says where the pointer rests on it.

    Example:
        >>> element("td", "a < b", kind="n")
        '<td class="n">a &lt; b</td>'
    """
    said = f' class="{escape(kind)}"' if kind else ""
    said += f' title="{escape(title[:LONGEST_TITLE])}"' if title else ""
    return Markup(f"<{name}{said}>{join(parts)}</{name}>")


def join(parts: Iterable[str], between: str = "") -> Markup:
    """Parts one after the other; a plain text is escaped.

    Example:
        >>> join(["<b>", element("i", "x")], " ")
        '&lt;b&gt; <i>x</i>'
    """
    return Markup(escape(between).join(part if isinstance(part, Markup) else escape(part) for part in parts))


def cut(text: str, longest: int = LONGEST) -> Markup:
    """A text of a record, cut where it is too long; all of it, or much of it, where the pointer rests on it."""
    if len(text) <= longest:
        return join([text])
    return element("span", text[: longest - 1] + "…", title=text)


def table(head: Sequence[str], rows: Iterable[Sequence[str]], *, numbers: Sequence[int] = ()) -> Markup:
    """A table.

    Args:
        head: Titles of the columns; without any there is no such line.
        rows: Cells of each row.
        numbers: Columns that hold numbers.
    """
    lines = (
        [element("tr", *(_cell("th", place, title, numbers) for place, title in enumerate(head)))] if any(head) else []
    )
    lines += [element("tr", *(_cell("td", place, cell, numbers) for place, cell in enumerate(row))) for row in rows]
    return element("table", *lines)


def page(*parts: str) -> str:
    """All of what a notebook shows, with the style of its own."""
    return element("div", element("style", Markup(STYLE)), *parts, kind="overton")


def figure(value: float | None, *, sign: bool = False) -> str:
    """A figure with three places; a dash for none.

    Example:
        >>> figure(0.5), figure(-0.125, sign=True), figure(None)
        ('0.500', '-0.125', '-')
    """
    return "-" if value is None else f"{value:+.3f}" if sign else share_text(value)


def interval(low: float | None, high: float | None, *, sign: bool = False) -> str:
    """The ends of an interval; nothing where it has none."""
    return "" if low is None or high is None else f"{figure(low, sign=sign)} .. {figure(high, sign=sign)}"


def drawn(low: float | None, value: float | None, high: float | None, mark: float | None) -> Markup:
    """An interval on a scale from 0 to 1, its value as a dot, and a line to compare it with.

    Args:
        low: Its lower end; nothing is drawn where one of the three is None.
        value: The value.
        high: Its upper end.
        mark: Where the line stands; none where None.
    """
    if low is None or value is None or high is None:
        return Markup("")
    width = 130

    def at(number: float) -> str:
        return f"{4 + (width - 8) * min(max(number, 0), 1):.1f}"

    line = "" if mark is None else f'<path d="M{at(mark)} 0V14" stroke="currentColor" stroke-opacity=".4"/>'
    return Markup(
        f'<svg width="{width}" height="14" role="img" aria-label="{figure(value)}">{line}'
        f'<path d="M{at(low)} 7H{at(high)}" stroke="currentColor" stroke-width="2" stroke-opacity=".6"/>'
        f'<circle cx="{at(value)}" cy="7" r="3.5" fill="currentColor"/></svg>'
    )


def _cell(name: str, place: int, text: str, numbers: Sequence[int]) -> Markup:
    return element(name, text, kind="n" if place in numbers else "")
