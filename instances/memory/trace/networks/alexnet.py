"""AlexNet: Krizhevsky, One weird trick for parallelizing convolutional neural networks, 2014 (arXiv 1404.5997), single tower."""

from __future__ import annotations

from torch import Tensor, nn

# output channels, kernel, stride, padding, whether a 3 x 3 pooling of stride 2 follows
CONVOLUTIONS = (
    (64, 11, 4, 2, True),
    (192, 5, 1, 2, True),
    (384, 3, 1, 1, False),
    (256, 3, 1, 1, False),
    (256, 3, 1, 1, True),
)


class AlexNet(nn.Module):
    """Images (B, 3, 224, 224) to logits (B, classes). Dropout is left out."""

    def __init__(self, classes: int = 1000) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        channels = 3
        for width, kernel, stride, padding, pooled in CONVOLUTIONS:
            layers += [nn.Conv2d(channels, width, kernel, stride, padding), nn.ReLU()]
            layers += [nn.MaxPool2d(3, 2)] if pooled else []
            channels = width
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Sequential(
            nn.Linear(channels * 6 * 6, 4096), nn.ReLU(), nn.Linear(4096, 4096), nn.ReLU(), nn.Linear(4096, classes)
        )

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.classifier(self.features(images).flatten(1))
        return logits
