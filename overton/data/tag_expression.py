"""Expressions over tags, such as `slice:a & (lang:en | lang:de) & !annotated`, to the records that they hold of.

    either := both { "|" both }
    both   := one { "&" one }
    one    := "!" one | "(" either ")" | name | '"' name '"' | "*"

A name is what stands between blanks and the signs `& | ! ( ) "`, so that `:`, `.`, `-` and `_` are parts of it; one
with other characters stands in double quotes, in which two of these stand for one: `"slice:5"" nails"`. `*` holds of
every record. A text that is a tag as it stands is that tag.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy import ndarray

from overton.base import OvertonError, Problem, did_you_mean
from overton.data.names import EVERY
from overton.data.tags import Tags, join_tags

MAX_DEPTH = 50
TOKEN = re.compile(r'\s*(?:(?P<sign>[&|!()])|"(?P<quoted>(?:[^"]|"")*)"(?!")|(?P<name>[^\s&|!()"]+)|(?P<bad>"))')
QUOTES = (
    'Put a tag that holds blanks or one of & | ! ( ) in double quotes: "a tag" & other; '
    "a double quote of its own is written twice"
)


@dataclass(frozen=True, slots=True)
class Tag:
    """The records that have a tag, and the character of the text at which it stands, from 1."""

    name: str
    at: int


@dataclass(frozen=True, slots=True)
class Operation:
    """What `!` (of one part), `&` or `|` (of two or more) make of their parts."""

    sign: str
    parts: tuple["Expression", ...]


Expression = Tag | Operation


def parse_tag_expression(text: str) -> Expression:
    """The expression of a text; `!` binds before `&`, `&` before `|`.

    Raises:
        OvertonError: Where the text is none; the problem names the place.

    Example:
        >>> parse_tag_expression("slice:a & lang:en")
        Operation(sign='&', parts=(Tag(name='slice:a', at=1), Tag(name='lang:en', at=11)))
    """
    return _Parser(text).whole()


def tag_mask(text: str, tags: Tags) -> ndarray:
    """Whether an expression holds of each record, bool of shape (record,).

    Raises:
        OvertonError: Where the text is no expression, or no record has one of the tags that it names.

    Example:
        >>> tags = Tags(("a", "b"), np.array([0, 1, 3, 3]), np.array([0, 0, 1]))
        >>> tag_mask("a & !b", tags).tolist(), tag_mask("!(a | b)", tags).tolist()
        ([True, False, False], [False, False, True])
    """
    if text in tags.names:
        return tags.has(text)
    expression = parse_tag_expression(text)
    unknown = [tag for tag in _tags_of(expression) if tag.name != EVERY and tag.name not in tags.names]
    if unknown:
        raise OvertonError(
            Problem(
                message=f"no record has the tag {tag.name!r}"
                + (f", at character {tag.at} of {text!r}" if text != tag.name else ""),
                code="tags.unknown-tag",
                hint=did_you_mean(tag.name, tags.names),
            )
            for tag in unknown
        )
    return _mask(expression, tags)


def is_made_of_tags(text: str) -> bool:
    """Whether a text has to be read to know its records, rather than being a tag as it stands.

    Raises:
        OvertonError: Where the text is no expression.

    Example:
        >>> [is_made_of_tags(text) for text in ("slice:a", "!slice:a", '"slice:a"', "(slice:a)", "*")]
        [False, True, True, True, True]
    """
    found = parse_tag_expression(text)
    return isinstance(found, Operation) or text == EVERY or text != found.name


def plain_tag(text: str, tags: Tags) -> str:
    """The tag that a text stands for, where it is one alone, in quotes or brackets or not; else the text as it stands.

    Raises:
        OvertonError: Where the text is no expression.

    Example:
        >>> tags = Tags(("a b",), np.array([0, 1]), np.array([0]))
        >>> plain_tag('"a b"', tags), plain_tag("(*)", tags), plain_tag('!"a b"', tags), plain_tag('"c d"', tags)
        ('a b', '*', '!"a b"', '"c d"')
    """
    if text in tags.names:
        return text
    found = parse_tag_expression(text)
    return found.name if isinstance(found, Tag) and found.name in (*tags.names, EVERY) else text


def check_tags(tags: Tags, texts: Iterable[str]) -> None:
    """Refuse texts that are no expressions, and those that name a tag that no record has.

    Raises:
        OvertonError: For all such texts together.
    """
    problems: list[Problem] = []
    for text in dict.fromkeys(texts):
        try:
            tag_mask(text, tags)
        except OvertonError as error:
            problems += error.problems
    if problems:
        raise OvertonError(problems)


def with_expressions(tags: Tags, texts: Sequence[str]) -> Tags:
    """The same tags, and each expression as one more, by its text; plain tags among the texts change nothing.

    An expression that holds of no record gets no tag, and neither does `*`, which stands for all of them anyway.

    Raises:
        OvertonError: Where a text is no expression, or names a tag that no record has.
    """
    made = [text for text in dict.fromkeys(texts) if text not in (*tags.names, EVERY) and is_made_of_tags(text)]
    if not made:
        return tags
    n_records = len(tags.first) - 1
    rows = [np.flatnonzero(tag_mask(text, tags)) for text in made]
    number = np.repeat(np.arange(len(made)), [len(row) for row in rows])
    owner = np.repeat(np.arange(n_records), np.diff(tags.first))
    return join_tags([tags.names, made], [tags.tag.astype(np.int64), number], [owner, np.concatenate(rows)], n_records)


def _mask(expression: Expression, tags: Tags) -> ndarray:
    if isinstance(expression, Tag):
        n_records = len(tags.first) - 1
        return np.ones(n_records, np.bool_) if expression.name == EVERY else tags.has(expression.name)
    first, *others = (_mask(part, tags) for part in expression.parts)
    for other in others:
        first = first & other if expression.sign == "&" else first | other
    return ~first if expression.sign == "!" else first


def _tags_of(expression: Expression) -> Iterator[Tag]:
    if isinstance(expression, Tag):
        yield expression
    else:
        for part in expression.parts:
            yield from _tags_of(part)


@dataclass(frozen=True, slots=True)
class _Word:
    """A sign or a name, and the character at which it begins, from 1; the end of the text has neither."""

    sign: str
    name: str
    at: int


class _Parser:
    """Reads one text from left to right."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.words = list(self._cut())
        self.place = 0
        self.depth = 0

    @property
    def next(self) -> _Word:
        """The word that is read next."""
        return self.words[self.place]

    def whole(self) -> Expression:
        """The expression that the text is."""
        found = self.either()
        if self.next.sign == ")":
            raise self._fault("a bracket is closed that was not opened")
        if self.next.name:
            raise self._fault(f"expected & or | before {self.next.name!r}", QUOTES)
        if self.next.sign:
            raise self._fault(f"expected & or | before {self.next.sign!r}")
        return found

    def either(self) -> Expression:
        """Parts that `|` joins."""
        parts = [self.both()]
        while self._take("|"):
            parts.append(self.both())
        return parts[0] if len(parts) == 1 else Operation("|", tuple(parts))

    def both(self) -> Expression:
        """Parts that `&` joins."""
        parts = [self.one()]
        while self._take("&"):
            parts.append(self.one())
        return parts[0] if len(parts) == 1 else Operation("&", tuple(parts))

    def one(self) -> Expression:
        """A name, a bracket, or the opposite of one."""
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise self._fault(f"more than {MAX_DEPTH} brackets or ! within each other")
        found = self._one()
        self.depth -= 1
        return found

    def _one(self) -> Expression:
        if self._take("!"):
            return Operation("!", (self.one(),))
        opened = self.next.at
        if self._take("("):
            found = self.either()
            if not self._take(")"):
                if self.next.name:
                    raise self._fault(f"expected & or | before {self.next.name!r}", QUOTES)
                raise self._fault(f"the bracket opened at character {opened} is not closed")
            return found
        if not self.next.name:
            what = f"{self.next.sign!r}" if self.next.sign else "the end"
            raise self._fault(f"expected a tag, found {what}", "An example: slice:a & (lang:en | lang:de) & !annotated")
        word = self.next
        self.place += 1
        return Tag(word.name, word.at)

    def _take(self, sign: str) -> bool:
        """Whether a sign is next; then it is read."""
        taken = self.next.sign == sign
        self.place += taken
        return taken

    def _cut(self) -> Iterator[_Word]:
        place = 0
        while self.text[place:].strip():
            found = TOKEN.match(self.text, place)
            assert found, "every character begins a word"
            at = found.start(found.lastgroup or "") + (found.lastgroup != "quoted")
            if found["bad"] or found["quoted"] == "":
                raise self._fault_at(at, "a quote is not closed" if found["bad"] else "a tag without a name", QUOTES)
            quoted = (found["quoted"] or "").replace('""', '"')
            yield _Word(found["sign"] or "", found["name"] or quoted, at)
            place = found.end()
        yield _Word("", "", len(self.text) + 1)

    def _fault(self, message: str, hint: str = "") -> OvertonError:
        return self._fault_at(self.next.at, message, hint)

    def _fault_at(self, at: int, message: str, hint: str) -> OvertonError:
        place = f"at character {at} of" if at <= len(self.text) else "at the end of"
        return OvertonError(Problem(f"{message}, {place} {self.text!r}", "tags.bad-expression", hint=hint))
