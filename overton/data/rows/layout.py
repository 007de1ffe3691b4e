"""What of a schema is stored, and where in a row: the plan that writing, gathering and reading share.

A row is one record's numbers, int32, all lying together: the length of each payload with items (-1 for a null
payload), then the items of each: numbers of strings, and for a set that points into a sequence the pairs of its ranges.
"""

from dataclasses import dataclass
from functools import cached_property

from overton.schema import Payload, Schema


@dataclass(frozen=True)
class Layout:
    """The payloads of a schema by the way they are stored.

    Attributes:
        schema: The schema.
    """

    schema: Schema

    @cached_property
    def items(self) -> tuple[Payload, ...]:
        """Payloads with items, in the order of the row."""
        return tuple(payload for payload in self.schema.payloads if payload.has_items)

    @cached_property
    def texts(self) -> tuple[Payload, ...]:
        """Singletons whose text is kept for people: those that read a field which no list of items reads."""
        fields = {payload.field for payload in self.items if not payload.is_text}
        return tuple(p for p in self.schema.payloads if p.type == "singleton" and p.field not in fields)

    @cached_property
    def resting(self) -> tuple[Payload, ...]:
        """Payloads that hold nothing but their bases."""
        return tuple(payload for payload in self.schema.payloads if not payload.has_items)

    @cached_property
    def in_order(self) -> tuple[Payload, ...]:
        """All payloads, each after those that it rests on or points into."""
        return self.schema.by_dependency()

    @cached_property
    def index(self) -> dict[str, int]:
        """Place of each payload with items among `items`, by name."""
        return {payload.name: number for number, payload in enumerate(self.items)}

    @cached_property
    def item_bases(self) -> dict[str, tuple[int, ...]]:
        """For each payload the places of the payloads with items that it rests on, itself or by way of its bases."""
        bases: dict[str, tuple[int, ...]] = {}
        for payload in self.in_order:
            own = (self.index[payload.name],) if payload.has_items else ()
            bases[payload.name] = own or tuple(sorted({place for base in payload.base for place in bases[base]}))
        return bases
