"""DenseNet: Huang et al., Densely connected convolutional networks, CVPR 2017 (arXiv 1608.06993), table 1, growth 32."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from dispatchgym.instances.memory.trace.networks.resnet import batch_norm


class Dense(nn.Module):
    """A bottleneck layer: sees all earlier features of its block and adds `growth` channels."""

    def __init__(self, channels: int, growth: int) -> None:
        super().__init__()
        self.reduce = nn.Sequential(batch_norm(channels), nn.ReLU(), nn.Conv2d(channels, 4 * growth, 1, bias=False))
        self.filter = nn.Sequential(batch_norm(4 * growth), nn.ReLU(), nn.Conv2d(4 * growth, growth, 3, padding=1, bias=False))

    def forward(self, features: list[Tensor]) -> Tensor:
        new: Tensor = self.filter(self.reduce(torch.cat(features, 1)))
        return new


class Block(nn.ModuleList):
    def forward(self, x: Tensor) -> Tensor:
        features = [x]
        for layer in self:
            features.append(layer(features))
        return torch.cat(features, 1)


class DenseNet(nn.Module):
    """Images (B, 3, H, W) to logits (B, classes); `blocks` layers in each block: 6 12 24 16 is DenseNet-121."""

    def __init__(self, blocks: Sequence[int], growth: int = 32, classes: int = 1000) -> None:
        super().__init__()
        channels = 2 * growth
        layers: list[nn.Module] = [nn.Conv2d(3, channels, 7, 2, 3, bias=False), batch_norm(channels), nn.ReLU()]
        layers.append(nn.MaxPool2d(3, 2, 1))
        for i, count in enumerate(blocks):
            layers.append(Block(Dense(channels + growth * layer, growth) for layer in range(count)))
            channels += growth * count
            layers += [batch_norm(channels), nn.ReLU()]
            if i + 1 < len(blocks):
                layers += [nn.Conv2d(channels, channels // 2, 1, bias=False), nn.AvgPool2d(2)]
                channels //= 2
        self.features = nn.Sequential(*layers)
        self.head = nn.Linear(channels, classes)

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.head(self.features(images).mean((2, 3)))
        return logits
