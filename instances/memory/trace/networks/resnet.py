"""ResNet: He et al., Deep residual learning for image recognition, CVPR 2016 (arXiv 1512.03385), table 1.

The networks of bottleneck blocks. The stride of a stage's first block is that of its 3 x 3 convolution.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional as F

EXPANSION = 4


def batch_norm(channels: int) -> nn.BatchNorm2d:
    """Batch normalisation without a count of batches, which only a cumulative average needs."""
    norm = nn.BatchNorm2d(channels)
    norm.num_batches_tracked = None
    return norm


class Bottleneck(nn.Module):
    def __init__(self, channels: int, width: int, stride: int) -> None:
        super().__init__()
        out = width * EXPANSION
        self.shortcut: nn.Module = nn.Identity()
        if stride > 1 or channels != out:
            self.shortcut = nn.Sequential(nn.Conv2d(channels, out, 1, stride, bias=False), batch_norm(out))
        self.reduce = nn.Sequential(nn.Conv2d(channels, width, 1, bias=False), batch_norm(width), nn.ReLU())
        self.filter = nn.Sequential(nn.Conv2d(width, width, 3, stride, 1, bias=False), batch_norm(width), nn.ReLU())
        self.restore = nn.Sequential(nn.Conv2d(width, out, 1, bias=False), batch_norm(out))

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.shortcut(x) + self.restore(self.filter(self.reduce(x))))


class ResNet(nn.Module):
    """Images (B, 3, H, W) to logits (B, classes); `blocks` of each of the four stages: 3 4 6 3 is ResNet-50."""

    def __init__(self, blocks: Sequence[int], classes: int = 1000) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 64, 7, 2, 3, bias=False), batch_norm(64), nn.ReLU(), nn.MaxPool2d(3, 2, 1))
        layers: list[nn.Module] = []
        channels = 64
        for stage, count in enumerate(blocks):
            width = 64 * 2**stage
            for block in range(count):
                layers.append(Bottleneck(channels, width, stride=2 if stage and not block else 1))
                channels = width * EXPANSION
        self.stages = nn.Sequential(*layers)
        self.head = nn.Linear(channels, classes)

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.head(self.stages(self.stem(images)).mean((2, 3)))
        return logits
