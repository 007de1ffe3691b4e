"""The log of an alias: one entry a promotion, each a file of its own that is created once and never changed."""

import re
import secrets
from collections.abc import Sequence
from typing import Any, Literal

import msgspec

from overton.base import OvertonError, Problem, check_name, digest_json, writable

FORMAT = 2
ENTRY = re.compile(r"\d{12}\.json")
LATEST = "latest"  # the newest version, whatever aliases name
LIKE_AN_ID = re.compile(r"[0-9a-f]{4,12}")

Action = Literal["promote", "rollback"]
Outcome = Literal["passed", "refused", "unknown"]


class GateOutcome(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """What the gate said of a version before it was promoted.

    Attributes:
        outcome: `passed`, `refused`, or `unknown` where it could not be asked; a version that did not pass was forced.
        old: The version that it was compared with.
        digest: SHA-256 of the comparison, the document of `overton compare --json`; empty where none was made.
        records: Number of records that both predicted.
        verdicts: How many rows of the comparison have each verdict.
        refused: Why it was refused, or could not be asked, in words; at most twenty.
    """

    outcome: Outcome
    old: str
    digest: str = ""
    records: int = 0
    verdicts: dict[str, int] = {}
    refused: tuple[str, ...] = ()


class Promotion(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """One entry in the log of an alias.

    Attributes:
        version: The version that the alias names from then on.
        expected_prev: The version that it named before, as the one who promoted had seen; None for the first.
        who: Who promoted.
        when: When, as ISO 8601 text in UTC.
        why: The reason given.
        action: `promote`, or `rollback` for the way back to a version that the alias named before.
        forced: Whether it was promoted whatever signature and gate say.
        gate: What the gate said; None where it was not asked: for the first version and a rollback.
        token: Drawn anew for each, so that who wrote an entry can tell it from one that says the same.
    """

    version: str
    expected_prev: str | None
    who: str
    when: str
    why: str
    action: Action = "promote"
    forced: bool = False
    gate: GateOutcome | None = None
    token: str = ""

    def __post_init__(self) -> None:
        """Write what is no text, such as a byte of another encoding on a command line, by its number: JSON has none."""
        for name in ("who", "why"):
            msgspec.structs.force_setattr(self, name, writable(getattr(self, name)))


def check_alias(alias: str) -> None:
    """Refuse a word that can be no alias.

    Raises:
        OvertonError: Where it is no name, or already means a version.
    """
    check_name(alias, "an alias")
    if alias == LATEST or LIKE_AN_ID.fullmatch(alias):
        raise OvertonError(
            Problem(
                message=f"{alias!r} cannot be an alias: it already means a version",
                code="store.reserved-alias",
                hint="Choose a word such as live, candidate or production",
            )
        )


def draw_token() -> str:
    """A text that nobody else draws."""
    return secrets.token_hex(8)


def render_promotion(promotion: Promotion) -> bytes:
    """An entry as it is kept, with its own digest."""
    value = {"format": FORMAT, **_plain(promotion)}
    return msgspec.json.encode({**value, "digest": digest_json(value)})


def parse_promotion(content: bytes, path: str) -> Promotion:
    """Read an entry; the inverse of `render_promotion`. Those of the first format had no digest.

    Args:
        content: The content of its file.
        path: Where it lies, for the problem.

    Raises:
        OvertonError: Where it is no entry, is of a later format, or was changed.
    """
    try:
        value = msgspec.json.decode(content, type=dict[str, Any])
        form = value.pop("format", 1)
        if form not in (1, FORMAT):
            raise OvertonError(
                Problem(
                    message=f"an entry of format {form}; this Overton reads format {FORMAT}",
                    code="store.format",
                    path=path,
                    hint="Use the Overton that wrote it",
                )
            )
        if form == FORMAT and value.pop("digest", "") != digest_json({"format": form, **value}):
            raise damaged(path, "it was changed after it was written: its digest does not fit")
        return msgspec.convert(value, Promotion)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, TypeError, ValueError) as error:
        raise damaged(path, str(error)) from None


def check_log(names: Sequence[str], log: Sequence[Promotion], path: str) -> None:
    """Check that a log is whole: numbered without a gap, each entry knowing the version of the one before.

    Args:
        names: Names of its files, in their order.
        log: Their entries.
        path: Where they lie, for the problem.

    Raises:
        OvertonError: Where an entry is missing or stands where another belongs.
    """
    before = None
    for number, (name, entry) in enumerate(zip(names, log, strict=True), 1):
        if name != entry_name(number):
            raise damaged(f"{path}/{name}", f"the entry before it, {entry_name(number)}, is missing")
        if entry.expected_prev != before:
            raise damaged(f"{path}/{name}", f"it follows on {entry.expected_prev}, the entry before it names {before}")
        before = entry.version


def entry_name(number: int) -> str:
    """The name of the file of an entry, from 1."""
    return f"{number:012d}.json"


def earlier_version(log: Sequence[Promotion]) -> str | None:
    """The version that a rollback goes back to, None where there is none.

    A rollback undoes promotions: after one, another goes back further, and not to what the first had left.
    """
    named: list[str] = []
    for entry in log:
        if entry.action == "rollback" and entry.version in named:
            while named[-1] != entry.version:
                named.pop()
        else:
            named.append(entry.version)
    earlier = [version for version in named if version != named[-1]]
    return earlier[-1] if earlier else None


def damaged(path: str, reason: str) -> OvertonError:
    """What to raise for an entry that cannot be used."""
    return OvertonError(
        Problem(
            message=f"the entry cannot be read: {reason}",
            code="store.damaged",
            path=path,
            hint="Restore it from a copy of the store; nothing of Overton's ever changes an entry",
        )
    )


def _plain(promotion: Promotion) -> dict[str, Any]:
    plain = msgspec.to_builtins(promotion)
    return {**plain, "action": promotion.action}
