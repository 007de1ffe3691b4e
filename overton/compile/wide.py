"""The wide path in a program: heads read what a text contains, or what stands around a token, beside a vector."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from overton.compile.choices import texts_of
from overton.compile.draft import Draft
from overton.compile.program import Node, Setting

GRAM_SIZE = 128
WINDOW_SIZE = 32
WINDOW_WORDS = 2  # on each side of a token
FEWEST_BUCKETS, MOST_BUCKETS, BUCKETS_PER_RECORD = 4096, 65536, 8
GRAM_LENGTHS = (2, 5)  # characters of a piece of a word, fewest and most
GRAM_WORDS = 2  # words that are looked at together


def wide_node(payload: str) -> str:
    """Name of the node that sums what the text of a singleton contains, or what stands around a token."""
    return f"{payload}.wide"


def wide_size(draft: Draft, payload: str) -> int:
    """Width of the wide path of a payload; 0 where it has none."""
    return next((int(str(node.settings["size"])) for node in draft.nodes if node.name == wide_node(payload)), 0)


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
    """What the text of a record contains is summed for the heads of the record, what is around a token for its own."""
    headed = {task.payload for task in draft.schema.learnable().tasks if task.type != "select"}
    rows = gram_rows(draft.n_records)
    grams: dict[str, Setting] = {"gram_buckets": rows, "gram_lengths": GRAM_LENGTHS, "gram_words": GRAM_WORDS}
    windows: dict[str, Setting] = {"window_buckets": rows, "window_words": WINDOW_WORDS}
    for payload in draft.schema.payloads:
        if payload.name not in headed or not draft.choices.payloads[payload.name].wide:
            continue
        if payload.type == "sequence":
            inputs: tuple[str, ...] = (f"{payload.name}.windows",)
            node = Node(wide_node(payload.name), "wide_tokens.v1", inputs, {"rows": rows, "size": WINDOW_SIZE})
            draft = _summed(draft, node, (payload.name,), windows)
        elif texts := texts_of(draft.schema, payload):
            inputs = tuple(f"{text}.grams" for text in texts)
            node = Node(wide_node(payload.name), "wide_text.v1", inputs, {"rows": rows, "size": GRAM_SIZE})
            draft = _summed(draft, node, texts, grams)
    return draft


def _summed(draft: Draft, node: Node, texts: Sequence[str], settings: Mapping[str, Setting]) -> Draft:
    """With a node that sums the pieces of some texts or of a token, which the codec finds as the settings say."""
    features = {**draft.features, **{text: {**draft.features[text], **settings} for text in texts}}
    return replace(draft, nodes=(*draft.nodes, node), features=features)
