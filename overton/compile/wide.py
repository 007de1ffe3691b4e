"""The wide path in a program: heads of a record read what its text contains beside the record's vector."""

from dataclasses import replace

from overton.compile.choices import texts_of
from overton.compile.draft import Draft
from overton.compile.program import Node, Setting

GRAM_SIZE = 128
FEWEST_BUCKETS, MOST_BUCKETS, BUCKETS_PER_RECORD = 4096, 65536, 8
GRAM_LENGTHS = (2, 5)  # characters of a piece of a word, fewest and most
GRAM_WORDS = 2  # words that are looked at together


def wide_node(payload: str) -> str:
    """Name of the node that sums what the text of a singleton contains."""
    return f"{payload}.wide"


def wide_size(draft: Draft, payload: str) -> int:
    """Width of the wide path of a payload; 0 where it has none."""
    return GRAM_SIZE if any(node.name == wide_node(payload) for node in draft.nodes) else 0


def gram_rows(n_records: int) -> int:
    """Rows of the table of a wide path: one for padding, and a power of two that grows with the training records.

    A table of twice as many rows can go on from one of these: a piece of text that was in row `1 + b` is in one of
    `1 + b` and `1 + b + buckets` then.

    Example:
        >>> [gram_rows(n) for n in (0, 1_000, 5_000, 1_000_000)]
        [4097, 8193, 65537, 65537]
    """
    wanted = 1 << max(BUCKETS_PER_RECORD * n_records - 1, 0).bit_length()
    return min(max(wanted, FEWEST_BUCKETS), MOST_BUCKETS) + 1


def widen(draft: Draft) -> Draft:
    """What the text of a record contains is summed, for the heads of the record to read."""
    headed = {task.payload for task in draft.schema.learnable().tasks if task.type != "select"}
    for payload in draft.schema.payloads:
        texts = texts_of(draft.schema, payload)
        if payload.name not in headed or not texts or not draft.choices.payloads[payload.name].wide:
            continue
        text = texts[0]
        rows = gram_rows(draft.n_records)
        grams: dict[str, Setting] = {"gram_buckets": rows, "gram_lengths": GRAM_LENGTHS, "gram_words": GRAM_WORDS}
        features = {**draft.features, text: {**draft.features[text], **grams}}
        node = Node(wide_node(payload.name), "wide_text.v1", (f"{text}.grams",), {"rows": rows, "size": GRAM_SIZE})
        draft = replace(draft, nodes=(*draft.nodes, node), features=features)
    return draft
