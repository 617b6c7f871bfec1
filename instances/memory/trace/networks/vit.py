"""ViT: Dosovitskiy et al., An image is worth 16x16 words, ICLR 2021 (arXiv 2010.11929), table 1. Dropout is left out."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from dispatchgym.instances.memory.trace.networks.bert import SelfAttention
from dispatchgym.instances.memory.trace.networks.mixer import Mlp


class Layer(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.before_attention, self.before_feed = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention, self.feed = SelfAttention(width, heads), Mlp(width, 4 * width)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attention(self.before_attention(x))
        y: Tensor = x + self.feed(self.before_feed(x))
        return y


class ViT(nn.Module):
    """Images (B, 3, side, side) to logits (B, classes); the defaults are ViT-B/16."""

    def __init__(
        self, layers: int = 12, width: int = 768, heads: int = 12, patch: int = 16, side: int = 224, classes: int = 1000
    ) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, width, patch, patch)
        self.token = nn.Parameter(torch.zeros(1, 1, width))
        self.position = nn.Parameter(torch.zeros(1, (side // patch) ** 2 + 1, width))
        self.layers = nn.Sequential(*(Layer(width, heads) for _ in range(layers)))
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, classes)

    def forward(self, images: Tensor) -> Tensor:
        patches = self.stem(images).flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(len(images), -1, -1), patches], 1) + self.position
        logits: Tensor = self.head(self.norm(self.layers(x)[:, 0]))
        return logits
