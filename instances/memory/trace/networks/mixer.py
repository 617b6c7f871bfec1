"""MLP-Mixer: Tolstikhin et al., MLP-Mixer: an all-MLP architecture for vision, NeurIPS 2021 (arXiv 2105.01601), table 1."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F


class Mlp(nn.Module):
    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.widen, self.narrow = nn.Linear(width, hidden), nn.Linear(hidden, width)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.narrow(F.gelu(self.widen(x)))
        return y


class Layer(nn.Module):
    def __init__(self, patches: int, width: int, token_hidden: int, channel_hidden: int) -> None:
        super().__init__()
        self.before_tokens, self.before_channels = nn.LayerNorm(width), nn.LayerNorm(width)
        self.tokens, self.channels = Mlp(patches, token_hidden), Mlp(width, channel_hidden)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.tokens(self.before_tokens(x).transpose(1, 2)).transpose(1, 2)
        y: Tensor = x + self.channels(self.before_channels(x))
        return y


class Mixer(nn.Module):
    """Images (B, 3, side, side) to logits (B, classes); the defaults are Mixer-B/16."""

    def __init__(
        self,
        layers: int = 12,
        width: int = 768,
        token_hidden: int = 384,
        channel_hidden: int = 3072,
        patch: int = 16,
        side: int = 224,
        classes: int = 1000,
    ) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, width, patch, patch)
        count = (side // patch) ** 2
        self.layers = nn.Sequential(*(Layer(count, width, token_hidden, channel_hidden) for _ in range(layers)))
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, classes)

    def forward(self, images: Tensor) -> Tensor:
        x = self.layers(self.stem(images).flatten(2).transpose(1, 2))
        logits: Tensor = self.head(self.norm(x).mean(1))
        return logits
