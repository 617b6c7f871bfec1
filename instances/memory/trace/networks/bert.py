"""BERT: Devlin et al., BERT: pre-training of deep bidirectional transformers, NAACL 2019 (arXiv 1810.04805).

The layers are those of Vaswani et al., Attention is all you need, NeurIPS 2017: normalised after each residual sum. Attention is
written out as two matrix products with a softmax between them; dropout is left out.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class SelfAttention(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query, self.key, self.value, self.out = (nn.Linear(width, width) for _ in range(4))

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = (f(x).unflatten(-1, (self.heads, -1)).transpose(1, 2) for f in (self.query, self.key, self.value))
        weight = (q @ k.transpose(-1, -2) * q.shape[-1] ** -0.5).softmax(-1)
        mixed: Tensor = self.out((weight @ v).transpose(1, 2).flatten(2))
        return mixed


class Layer(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.attention = SelfAttention(width, heads)
        self.widen, self.narrow = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.after_attention, self.after_feed = nn.LayerNorm(width), nn.LayerNorm(width)

    def forward(self, x: Tensor) -> Tensor:
        x = self.after_attention(x + self.attention(x))
        y: Tensor = self.after_feed(x + self.narrow(F.gelu(self.widen(x))))
        return y


class Bert(nn.Module):
    """Tokens and their segments, (B, S) each, to logits of the sequences' classes (B, classes), as fine-tuned in section 4.1."""

    def __init__(
        self, layers: int = 12, width: int = 768, heads: int = 12, vocabulary: int = 30522, positions: int = 512, classes: int = 2
    ) -> None:
        super().__init__()
        self.word, self.position, self.segment = (nn.Embedding(n, width) for n in (vocabulary, positions, 2))
        self.norm = nn.LayerNorm(width)
        self.layers = nn.Sequential(*(Layer(width, heads) for _ in range(layers)))
        self.pool, self.head = nn.Linear(width, width), nn.Linear(width, classes)

    def forward(self, tokens: Tensor, segments: Tensor) -> Tensor:
        place = torch.arange(tokens.shape[1], device=tokens.device)
        x = self.layers(self.norm(self.word(tokens) + self.segment(segments) + self.position(place)))
        logits: Tensor = self.head(self.pool(x[:, 0]).tanh())
        return logits
