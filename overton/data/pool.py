"""A pool of strings, each held once and known by a number.

Rows hold numbers of strings, so they depend on no vocabulary, embedding or tokenizer: each of those maps the
pool, whose size is the number of different strings, not the size of the corpus.
"""

from collections.abc import Iterable


class Pool(dict[str, int]):
    """Strings in the order of their first sight; `pool[text]` is the number of a text, given when first asked."""

    __slots__ = ("texts",)

    def __init__(self, texts: Iterable[str] = ()) -> None:
        super().__init__()
        self.texts: list[str] = []
        for text in texts:
            self[text]

    def __missing__(self, text: str) -> int:
        number = len(self.texts)
        self.texts.append(text)
        self[text] = number
        return number

    def shrink(self, n: int) -> None:
        """Forget the texts from number `n` on."""
        for text in self.texts[n:]:
            del self[text]
        del self.texts[n:]
