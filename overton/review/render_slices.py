"""Slices that were found, as text for a terminal: what each holds, how bad it is, and the command that saves it."""

from collections.abc import Sequence

from overton.base import percent_text, ruled, wrapped
from overton.notebook import wrong_of
from overton.review.discover import FoundSlice, SlicePage

LEAST_SHOWN = 1e-4
INDENT = "     "


def render_slices(
    page: SlicePage,
    *,
    application: str,
    version: str,
    store: Sequence[str] = (),
    records: Sequence[str] = (),
    width: int = 100,
) -> str:
    """The slices of one task, the worst first.

    Args:
        page: As `Version.discover` gives it.
        application: How commands are to name the application.
        version: How they are to name the version.
        store: What they have to be told of its store.
        records: What they have to be told of the records, as `words_of_records` has it.
        width: Columns of the terminal.

    Returns:
        The text, which ends with a newline.
    """
    where = " and ".join(page.splits)
    if page.error_rate is None:
        return f"{page.task} on {where}: no gold, so there is nothing to say\n"
    title = f"{page.task} on {where}: {wrong_of(page.error_rate, page.n, page.unit)}  "
    blocks = [ruled(title, width)]
    for number, one in enumerate(page.slices, 1):
        # A command is not wrapped: it is there to be copied.
        command = f"{INDENT}{one.command(application, version, store, records)}"
        blocks.append("\n".join([*_slice(number, one, page.unit, width), command]))
    looked = f"{page.n_looked_at:,} slices of at least {page.least} records were looked at"
    told = looked if page.slices else f"no slice is worse than the rest beyond chance; {looked}"
    if page.unit != "record":
        told += f"; shares of {page.unit}s are means over records"
    blocks.append("\n".join(wrapped(told, width)))
    return "\n\n".join(blocks) + "\n"


def _slice(number: int, one: FoundSlice, unit: str, width: int) -> list[str]:
    what = f"tag {one.tag}" if one.tag else one.where
    lines = wrapped(f"{number:3}. {what}", width, indent_rest=INDENT, break_long_words=False)
    elsewhere = percent_text(one.elsewhere, 1)
    figures = f"{wrong_of(one.error_rate, one.n, unit)}, {elsewhere} elsewhere; chance {_p(one.q)}"
    told = [f"{figures}; as {', '.join(one.examples)}"]
    if one.within:
        of = f"{'all' if one.within.share == 1 else 'most'} of it lies in the tag {one.within.tag}"
        told.append(f"{of}: {wrong_of(one.within.error_rate, one.within.n, unit)}")
    for text in told:
        lines += wrapped(text, width, indent=INDENT)
    return lines


def _p(q: float) -> str:
    return f"{q:.4f}" if q >= LEAST_SHOWN else f"below {LEAST_SHOWN:g}"
