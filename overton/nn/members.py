"""Members of a set and the tokens that name them."""

import torch
from torch import Tensor, nn

from overton.nn.dropout import Dropout


class Span(nn.Module):
    """`span.v1` and `span.v2`: a member is its id and the first, last and mean token of its span, and how long that is.

    A member without a span, (0, 0), has zeros for its tokens. `span.v2` reads the tokens twice: in their context, and
    as the strings that they are, which tell how a member is called whatever is said around it.
    """

    def __init__(self, *, size: int, span_size: int, dropout: float, longest: int = 8, strings: bool = False) -> None:
        super().__init__()
        self.longest = longest
        self.extent = nn.Embedding(longest + 1, size)
        self.tokens = nn.Linear(3 * span_size, size)
        self.strings = nn.Linear(3 * span_size, size) if strings else None
        self.mix = nn.Linear(3 * size, size)
        self.norm = nn.LayerNorm(size)
        self.dropout = Dropout(dropout)

    def forward(self, members: Tensor, tokens: Tensor, spans: Tensor, strings: Tensor | None = None) -> Tensor:
        """(row, member, size), (row, token, span_size) once or twice and (row, member, 2) to (row, member, size)."""
        start, end = spans[..., :1], spans[..., 1:]
        position = torch.arange(tokens.shape[1], dtype=spans.dtype, device=tokens.device)
        inside = (position >= start) & (position < end)
        extent = (end - start).clamp(min=0)
        first = inside & (position == start)
        last = inside & (position == end - 1)
        mean = inside.to(tokens.dtype) / extent.clamp(min=1).to(tokens.dtype)
        weight = torch.stack([mean, first.to(tokens.dtype), last.to(tokens.dtype)], 1)
        named = self.tokens((weight @ tokens.unsqueeze(1)).transpose(1, 2).flatten(2))
        if strings is not None and self.strings is not None:
            named = named + self.strings((weight @ strings.unsqueeze(1)).transpose(1, 2).flatten(2))
        length = self.extent(extent.squeeze(-1).clamp(max=self.longest))
        mixed = self.mix(torch.cat([members, named + length, members * named], -1))
        normal: Tensor = self.norm(self.dropout(mixed))
        return normal
