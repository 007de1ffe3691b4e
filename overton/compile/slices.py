"""Slices in a program: which of them the model gets capacity for, and the nodes that give it.

A record's membership in each slice is predicted from what the record's payloads say, and the predicted memberships
change the vectors that each task's head reads. Heads of all kinds of task, on records, tokens and members, read
vectors that are changed in the same way; nothing else of the program knows of slices.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from overton.compile.draft import Draft, length, vectors
from overton.compile.program import Node, Setting
from overton.schema import PayloadType

LEAST_MEMBERS = 20
LARGEST_SHARE = 0.5
NODE = "slices.membership"
RECORDS = "records"
OFF = "slices are off"
UNITS: Mapping[PayloadType, str] = {"sequence": "token", "set": "member", "singleton": "record"}


@dataclass(frozen=True, slots=True)
class SliceChoice:
    """What becomes of the slices of a data set.

    Attributes:
        modelled: Number of training records of each slice that the model gets capacity for.
        monitored: Why each of the others is only reported on.
    """

    modelled: Mapping[str, int]
    monitored: Mapping[str, str]

    def __str__(self) -> str:
        """One line for a person."""
        if self.monitored and set(self.monitored.values()) == {OFF}:
            names = ", ".join(self.monitored)
            return f'slices are off, and only reported on: {names}; "slices": "on" in tuning.json gives them capacity'
        parts = [f"capacity for {len(self.modelled):,} of {len(self.modelled) + len(self.monitored):,} slices"]
        parts += [f"{name} is only monitored: {reason}" for name, reason in self.monitored.items()]
        return "; ".join(parts)


def choose_slices(members: Mapping[str, int], n_records: int, *, on: bool = True) -> SliceChoice:
    """Which slices are worth capacity: those with enough members to learn from that are no more than half of all.

    Args:
        members: Number of training records of each slice.
        n_records: Number of all training records.
        on: Whether any slice may have capacity.

    Example:
        >>> print(choose_slices({"slice:a": 50, "slice:b": 3}, 1000))
        capacity for 1 of 2 slices; slice:b is only monitored: 3 training records, and 20 are needed
    """
    reasons = {name: _why_not(members[name], n_records, on) for name in sorted(members)}
    return SliceChoice(
        modelled={name: members[name] for name, reason in reasons.items() if not reason},
        monitored={name: reason for name, reason in reasons.items() if reason},
    )


def _why_not(n_members: int, n_records: int, on: bool) -> str:
    if not on:
        return OFF
    if n_members < LEAST_MEMBERS:
        return f"{n_members:,} training records, and {LEAST_MEMBERS} are needed"
    if n_members > LARGEST_SHARE * n_records:
        return f"{n_members:,} of {n_records:,} training records are no small part"
    return ""


def condition_on_slices(draft: Draft) -> Draft:
    """Heads read vectors that the predicted memberships have changed.

    A head that selects a member reads a changed context, what the record asks for, and members as they are: changed
    members let it learn by heart what its sources do wrong within a slice.
    """
    if not draft.slices:
        return draft
    payload_of = {head: draft.schema.task(task).payload for task, head in draft.outputs.items()}
    by_name: dict[str, Node] = {}
    nodes = []
    for node in draft.nodes:
        payload = payload_of.get(node.name)
        if payload is not None and _is_conditioned(draft, payload):
            read = f"{payload}.context" if f"{payload}.context" in node.inputs else vectors(payload)
            changed = by_name.setdefault(read, _film(draft, payload, read))
            node = replace(node, inputs=tuple(changed.name if name == read else name for name in node.inputs))
        nodes.append(node)
    return replace(draft, nodes=(*nodes, _membership(draft), *by_name.values()))


def _is_conditioned(draft: Draft, payload: str) -> bool:
    """Whether the heads on a payload read changed vectors."""
    return draft.choices.slices != RECORDS or draft.schema.payload(payload).type == "singleton"


def _film(draft: Draft, payload: str, read: str) -> Node:
    """The node that changes a vector; capacity costs little where there is one a record, and is halved for items."""
    size = draft.size(payload)
    whole = read == vectors(payload)
    unit = UNITS[draft.schema.payload(payload).type] if whole else "record"
    name = f"{payload if whole else read}.slices"
    hidden = size if unit == "record" else size // 2
    settings: dict[str, Setting] = {"unit": unit, "size": size, "hidden": hidden, "slices": len(draft.slices)}
    return Node(name, "slice_film.v2", (read, NODE), settings)


def _membership(draft: Draft) -> Node:
    """The node that predicts memberships, from all payloads: a slice may be about any of them."""
    payloads = draft.schema.payloads
    inputs = [
        name
        for payload in payloads
        for name in (vectors(payload.name), *([length(payload.name)] if payload.type != "singleton" else []))
    ]
    settings: dict[str, Setting] = {
        "units": tuple(UNITS[payload.type] for payload in payloads),
        "sizes": tuple(draft.size(payload.name) for payload in payloads),
        "slices": len(draft.slices),
    }
    return Node(NODE, "slice_membership.v1", tuple(inputs), settings)
