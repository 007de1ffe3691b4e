"""Hashed features to vectors, with pretrained ones beside them: words, and ids of set members."""

import torch
from torch import Tensor, nn

from overton.nn.dropout import Dropout


class WordEmbedding(nn.Module):
    """`word_embedding.v1` and `word_embedding.v2`: the buckets of a token's columns, looked up, mixed and normalised.

    The columns of words and of affixes stand side by side; those of characters, which `v2` has, are summed (Bojanowski
    et al. 2017, arXiv:1607.04606). In training words are dropped now and then and only what they are made of stays, so
    that a word never seen is no surprise. `given` is the width of a pretrained vector that is concatenated before all
    is mixed; 0 where there is none.
    """

    def __init__(
        self,
        *,
        rows: tuple[int, ...],
        columns: tuple[int, ...],
        size: int,
        width: tuple[int, int, int] = (64, 32, 64),
        given: int = 0,
        dropout: float,
        word_dropout: float,
    ) -> None:
        super().__init__()
        self.columns = list(columns)
        self.words = nn.Embedding(rows[0], width[0], padding_idx=0)
        self.affixes = nn.Embedding(rows[1], width[1], padding_idx=0)
        self.characters = nn.Embedding(rows[2], width[2], padding_idx=0) if len(rows) > 2 else None
        found = columns[0] * width[0] + columns[1] * width[1] + (width[2] if len(rows) > 2 else 0)
        self.mix = nn.Linear(found + given, size)
        self.norm = nn.LayerNorm(size)
        self.dropout = Dropout(dropout)
        self.word_dropout = word_dropout

    def forward(self, features: Tensor, *given: Tensor) -> Tensor:
        """(row, token, column), and (row, token, given) if there is such, to (row, token, size)."""
        words, affixes, *characters = torch.split(features, self.columns, -1)
        if self.training and self.word_dropout:
            kept = torch.rand(features.shape[:2], device=features.device) >= self.word_dropout
            words = words * kept.unsqueeze(-1)
        found = [self.words(words).flatten(2), self.affixes(affixes).flatten(2)]
        if self.characters is not None:
            found.append(summed(self.characters, characters[0]))
        normal: Tensor = self.dropout(self.norm(self.mix(torch.cat([*found, *given], -1))))
        return normal


class IdEmbedding(nn.Module):
    """`id_embedding.v1`: a vector for the id itself, and one for the words and trigrams that it is made of.

    The vectors of ids begin at zero, so that an id never seen says nothing instead of something random; in training
    ids are dropped, so that the rest of the model learns to do without. (Orr et al. 2021, Bootleg, arXiv:2010.10363,
    does both.) `given` is the width of a pretrained vector of the id, as for words.
    """

    def __init__(
        self,
        *,
        rows: tuple[int, int],
        columns: tuple[int, int],
        size: int,
        width: int = 32,
        given: int = 0,
        dropout: float,
        id_dropout: float,
    ) -> None:
        super().__init__()
        self.columns = columns
        self.ids = nn.Embedding(rows[0], width, padding_idx=0)
        self.grams = nn.Embedding(rows[1], width, padding_idx=0)
        nn.init.zeros_(self.ids.weight)
        self.mix = nn.Linear((columns[0] + 1) * width + given, size)
        self.dropout = Dropout(dropout)
        self.id_dropout = id_dropout

    def forward(self, features: Tensor, *given: Tensor) -> Tensor:
        """(row, member, column), and (row, member, given) if there is such, to (row, member, size)."""
        ids, grams = features[..., : self.columns[0]], features[..., self.columns[0] :]
        if self.training and self.id_dropout:
            kept = torch.rand(features.shape[:2], device=features.device) >= self.id_dropout
            ids = ids * kept.unsqueeze(-1)
        found: Tensor = self.mix(
            self.dropout(torch.cat([self.ids(ids).flatten(2), summed(self.grams, grams), *given], -1))
        )
        return found


def summed(table: nn.Embedding, columns: Tensor) -> Tensor:
    """The rows of a table that some columns name, summed over the last axis and divided by the root of their number."""
    present = (columns > 0).to(table.weight.dtype).sum(-1, keepdim=True).clamp(min=1)
    total: Tensor = table(columns).sum(-2) / present.sqrt()
    return total
