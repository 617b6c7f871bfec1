"""U-Net: Ronneberger, Fischer and Brox, U-Net: convolutional networks for biomedical image segmentation, MICCAI 2015
(arXiv 1505.04597), with padded convolutions, so that the map has the size of the image."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def double(channels: int, width: int) -> nn.Sequential:
    """Two 3 x 3 convolutions."""
    first, second = nn.Conv2d(channels, width, 3, padding=1), nn.Conv2d(width, width, 3, padding=1)
    return nn.Sequential(first, nn.ReLU(), second, nn.ReLU())


class UNet(nn.Module):
    """Images (B, channels, H, W) to logits (B, classes, H, W); H and W are multiples of 16."""

    def __init__(self, channels: int = 1, classes: int = 2, width: int = 64, levels: int = 5) -> None:
        super().__init__()
        widths = [width * 2**level for level in range(levels)]
        self.down = nn.ModuleList(double(n, m) for n, m in zip([channels, *widths], widths, strict=False))
        upwards = list(zip(widths[:0:-1], widths[-2::-1], strict=True))
        self.widen = nn.ModuleList(nn.ConvTranspose2d(n, m, 2, 2) for n, m in upwards)
        self.up = nn.ModuleList(double(n, m) for n, m in upwards)
        self.head = nn.Conv2d(width, classes, 1)

    def forward(self, images: Tensor) -> Tensor:
        x, skipped = images, []
        for level, block in enumerate(self.down):
            x = block(F.max_pool2d(x, 2) if level else x)
            skipped.append(x)
        skipped.pop()
        for widen, block in zip(self.widen, self.up, strict=True):
            x = block(torch.cat([skipped.pop(), widen(x)], 1))
        logits: Tensor = self.head(x)
        return logits
