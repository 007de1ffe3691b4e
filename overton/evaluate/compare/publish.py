"""A comparison for others than the one who ran it: JUnit XML for a build server, Markdown for a pull request."""

import re
from collections.abc import Iterator, Sequence
from xml.sax.saxutils import escape, quoteattr

from overton.base import Problem, count_of, group_problems, legible, share_text
from overton.evaluate.compare.comparison import Comparison
from overton.evaluate.compare.rows import REGRESSED, UNKNOWN, ComparedRow

SHOWN = 10
# What Markdown takes for its own, or for HTML; an underscore within a word it leaves alone.
MARKS = re.compile(r"[\\`*<\[~|]|&(?=#?\w+;)|(?<![^\W_])_|_(?![^\W_])")


def render_junit(
    comparison: Comparison | None,
    refusals: Sequence[Problem] = (),
    faults: Sequence[Problem] = (),
    *,
    outcome: str = "",
    title: str = "",
) -> str:
    """JUnit XML: a test case for each row, and one for each other reason to refuse and each fault.

    Where there is none of these, as where nothing was to do, one tells the outcome: a build server takes a file without
    test cases for a run that broke.

    Args:
        comparison: The comparison; None where nothing was compared.
        refusals: Why the version is refused; those that are no row of the comparison are test cases of their own.
        faults: What is to be mended before there can be a version: errors, one a kind.
        outcome: What became of it, in a word or three, by which servers know such runs again.
        title: The same in one line.
    """
    others = [refusal for refusal in refusals if refusal.code != "gate.regressed"]
    cases = [*(_case(row) for row in (comparison.rows if comparison else ())), *map(_refusal, others)]
    cases += map(_fault, group_problems(faults))
    cases = cases or [_outcome(outcome, title)]
    failed, broken, skipped = (sum(f"<{kind} " in case for case in cases) for kind in ("failure", "error", "skipped"))
    name = quoteattr(f"overton compare {comparison.old} {comparison.new}" if comparison else "overton compare")
    counts = f'tests="{len(cases)}" failures="{failed}" errors="{broken}" skipped="{skipped}"'
    suite = [f"<testsuite name={name} {counts}>", *cases, "</testsuite>"]
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', f"<testsuites {counts}>", *suite, "</testsuites>", ""]
    return _legible("\n".join(lines))


def render_summary(
    title: str, comparison: Comparison | None, refusals: Sequence[Problem] = (), faults: Sequence[Problem] = ()
) -> str:
    """Markdown for a pull request: what became of it, why, what got worse and what better.

    Args:
        title: What became of it, in one line.
        comparison: The comparison; None where nothing was compared.
        refusals: Why the version is refused.
        faults: What is to be mended before there can be a version, the most frequent kinds of which are told.
    """
    kinds = group_problems(faults)
    told = [*(refusal.message for refusal in refusals), *map(str, kinds[:SHOWN])]
    told += [f"... and {len(kinds) - SHOWN:,} more kinds"] if len(kinds) > SHOWN else []
    lines = [f"### {_text(title)}", "", *(f"- {_text(one)}" for one in told), *([""] if told else [])]
    if comparison is not None:
        rows = comparison.rows
        counts = (
            f"{sum(row.verdict == verdict for row in rows):,} {verdict}" for verdict in ("ok", REGRESSED, UNKNOWN)
        )
        lines += [*(f"- {_text(warning)}" for warning in comparison.warnings), *([""] if comparison.warnings else [])]
        lines += [f"{count_of(len(rows), 'row')} on {count_of(comparison.records, 'record')}: {', '.join(counts)}.", ""]
        whole = comparison.whole
        for head, some in (
            ("Whole split", whole),
            ("Worse, by evidence", comparison.worse),
            ("Better beyond noise", comparison.better),
        ):
            lines += _table(head, some, len(some) if some is whole else SHOWN)
        changed = [row for row in comparison.sources if row.status in ("appeared", "vanished")]
        lines += [f"Source {_code(row.source)} of {_text(row.task)} {row.status}.  " for row in changed]
        lines += [
            f"{_text(name)} is not compared: {_text(reason)}.  "
            for name, reason in comparison.compared.left_out.items()
        ]
    return _legible("\n".join(lines).rstrip() + "\n")


def _legible(text: str) -> str:
    r"""A document without what XML forbids and nobody sees: a reason that somebody gave may have come from a terminal.

    Example:
        >>> _legible("\x1b[31mbad\uffff")
        '\\u001b[31mbad\\uffff'
    """
    return legible(text).replace("\ufffe", "\\ufffe").replace("\uffff", "\\uffff")


def _case(row: ComparedRow) -> str:
    told = f"old {_figure(row.old)}, new {_figure(row.new)}, n {row.n}"
    if row.low is not None and row.high is not None and row.change is not None:
        told += f", change {row.change:+.4f} ({row.low:+.4f} .. {row.high:+.4f})"
    head = f"<testcase classname={quoteattr(f'{row.task}.{row.metric}')} name={quoteattr(row.tag)}"
    if row.verdict == REGRESSED:
        return f'{head}><failure message={quoteattr(told)} type="regressed">{escape(told)}</failure></testcase>'
    if row.verdict == UNKNOWN:
        seen = "" if row.detectable is None else f"; a change of {row.detectable:.4f} would have been shown"
        return f"{head}><skipped message={quoteattr(f'not enough data: {told}{seen}')} /></testcase>"
    return f"{head}><system-out>{escape(told)}</system-out></testcase>"


def _refusal(refusal: Problem) -> str:
    message = quoteattr(refusal.message)
    return f'<testcase classname="gate" name={message}><failure message={message} type="{refusal.code}" /></testcase>'


def _outcome(outcome: str, title: str) -> str:
    head = f'<testcase classname="build" name={quoteattr(outcome or "nothing was compared")}>'
    return f"{head}<system-out>{escape(title)}</system-out></testcase>"


def _fault(fault: Problem) -> str:
    head = f'<testcase classname="build" name={quoteattr(fault.place or fault.code)}>'
    return (
        f'{head}<error message={quoteattr(fault.message)} type="{fault.code}">{escape(str(fault))}</error></testcase>'
    )


def _table(head: str, rows: Sequence[ComparedRow], most: int) -> Iterator[str]:
    if rows:
        yield from (f"| {head} | n | old | new | change | 95 % interval | verdict |", "|---|---|---|---|---|---|---|")
        for row in rows[:most]:
            tag = "whole split" if row.tag == "*" else _code(row.tag).replace("|", "\\|")
            change = "-" if row.change is None else f"{row.change:+.3f}"
            interval = "" if row.low is None or row.high is None else f"{row.low:+.3f} .. {row.high:+.3f}"
            figures = f"{row.n:,} | {_figure(row.old)} | {_figure(row.new)} | {change} | {interval}"
            verdict = f"**{row.verdict}**" if row.verdict == REGRESSED else row.verdict
            yield f"| {_text(row.task)} {row.metric} {tag} | {figures} | {verdict} |"
        yield from ("", f"... and {len(rows) - most:,} more.", "") if len(rows) > most else ("",)


def _figure(value: float | None) -> str:
    return "-" if value is None else share_text(value)


def _text(text: str) -> str:
    r"""A text that is read as it stands.

    Example:
        >>> _text("fell on slice:unit_price|<b>"), _text("__x__ & *y*")
        ('fell on slice:unit_price\\|\\<b>', '\\_\\_x\\_\\_ & \\*y\\*')
    """
    return MARKS.sub(lambda found: f"\\{found.group()}", text.replace("\n", " "))


def _code(text: str) -> str:
    """A name as code, between more backticks than it has.

    Example:
        >>> _code("slice:a"), _code("a`b")
        ('`slice:a`', '``a`b``')
    """
    fence = "`" * (1 + max(map(len, re.findall("`+", text)), default=0))
    space = " " if "`" in (text[:1], text[-1:]) else ""
    return f"{fence}{space}{text}{space}{fence}"
