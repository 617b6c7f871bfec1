"""GPT-2: Radford et al., Language models are unsupervised multitask learners, 2019, the smallest of its four networks.

Normalised before attention and before the feed-forward part; logits are products with the token embedding. Attention is written
out as two matrix products with a softmax between them; dropout is left out.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Layer(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.before_attention, self.before_feed = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.widen, self.narrow = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def attend(self, q: Tensor, k: Tensor, v: Tensor, hidden: Tensor | None) -> Tensor:
        """Queries (B, heads, Q, D), keys and values (B, heads, K, D); `hidden` (Q, K) keys are not seen."""
        score = q @ k.transpose(-1, -2) * q.shape[-1] ** -0.5
        score = score if hidden is None else score.masked_fill(hidden, -torch.inf)
        return (score.softmax(-1) @ v).transpose(1, 2).flatten(2)

    def forward(self, x: Tensor, hidden: Tensor | None, cache: tuple[Tensor, Tensor] | None) -> Tensor:
        q, k, v = self.qkv(self.before_attention(x)).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        if cache is not None:
            for kept, new in zip(cache, (k, v), strict=True):
                kept[:, :, -new.shape[2] :] = new
            k, v = cache
        x = x + self.out(self.attend(q, k, v, hidden))
        feed: Tensor = self.narrow(F.gelu(self.widen(self.before_feed(x)), approximate="tanh"))
        return x + feed


class GPT2(nn.Module):
    """Tokens (B, S) to the logits of the next one (B, vocabulary); in training of each one, (B, vocabulary, S).

    With `keys` and `values`, (layers, B, heads, K, D) each, the tokens are the last S of K: the others' keys and values are read,
    those of the new ones are written in place.
    """

    def __init__(
        self, layers: int = 12, width: int = 768, heads: int = 12, vocabulary: int = 50257, positions: int = 1024
    ) -> None:
        super().__init__()
        self.word, self.position = nn.Embedding(vocabulary, width), nn.Embedding(positions, width)
        self.layers = nn.ModuleList(Layer(width, heads) for _ in range(layers))
        self.norm = nn.LayerNorm(width)

    def forward(self, tokens: Tensor, *caches: Tensor) -> Tensor:
        length = tokens.shape[1]
        seen = caches[0].shape[2] if caches else length
        place = torch.arange(seen - length, seen, device=tokens.device)
        hidden = place[:, None] < torch.arange(seen, device=tokens.device) if length > 1 else None
        x = self.word(tokens) + self.position(place)
        pairs = zip(caches[::2], caches[1::2], strict=True) if caches else [None] * len(self.layers)
        for layer, cache in zip(self.layers, pairs, strict=True):
            x = layer(x, hidden, cache)
        if self.training:
            return F.linear(self.norm(x), self.word.weight).transpose(1, 2)
        return F.linear(self.norm(x[:, -1]), self.word.weight)
