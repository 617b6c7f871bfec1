"""Networks that can be traced by name, each written in plain torch from the paper that defines it. No weights are involved."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

_HERE = "dispatchgym.instances.memory.trace.networks"


@dataclass(frozen=True)
class Network:
    """A module's class and constructor arguments, and the shapes of its inputs."""

    target: str  # module:Class
    about: str
    inputs: tuple[str, ...]  # of the forward pass; {b} and {s} stand for batch and sequence length
    arguments: Mapping[str, Any] = field(default_factory=dict)
    sequence: int | None = None  # default length; None = the network has none
    longest: int | None = None  # sequence that it has positions for
    counts: str = "s"  # how names abbreviate what the sequence length counts


def _images(file: str, kind: str, about: str, **arguments: Any) -> Network:
    return Network(f"{_HERE}.{file}:{kind}", f"{about}, images of 224 x 224", ("{b}x3x224x224",), arguments)


_TOKENS = ("{b}x{s}:int64",)
_CACHES = ("{b}x12x{s}x64",) * 24  # keys and values of each layer

NETWORKS: Mapping[str, Network] = MappingProxyType(
    {
        "alexnet": _images("alexnet", "AlexNet", "AlexNet (2014)"),
        "resnet14": _images("resnet", "ResNet", "ResNet with one bottleneck block in each stage", blocks=(1, 1, 1, 1)),
        "resnet50": _images("resnet", "ResNet", "ResNet-50 (2016)", blocks=(3, 4, 6, 3)),
        "resnet101": _images("resnet", "ResNet", "ResNet-101 (2016)", blocks=(3, 4, 23, 3)),
        "densenet121": _images("densenet", "DenseNet", "DenseNet-121 (2017)", blocks=(6, 12, 24, 16)),
        "unet": Network(f"{_HERE}.unet:UNet", "U-Net (2015), images of 256 x 256", ("{b}x1x256x256",)),
        "mixer": _images("mixer", "Mixer", "MLP-Mixer-B/16 (2021)"),
        "vit": _images("vit", "ViT", "ViT-B/16 (2021)"),
        "bert-tiny": Network(
            f"{_HERE}.bert:Bert",
            "BERT of two layers (Turc et al. 2019)",
            _TOKENS * 2,
            {"layers": 2, "width": 128, "heads": 2},
            sequence=128,
            longest=512,
        ),
        "bert-base": Network(
            f"{_HERE}.bert:Bert", "BERT-base (2019), a classifier of sequences", _TOKENS * 2, sequence=128, longest=512
        ),
        "gpt2-prefill": Network(f"{_HERE}.gpt2:GPT2", "GPT-2 small (2019) reads a prompt", _TOKENS, sequence=512, longest=1024),
        "gpt2-decode": Network(
            f"{_HERE}.gpt2:GPT2",
            "GPT-2 small writes its last token: caches updated in place",
            ("{b}x1:int64", *_CACHES),
            sequence=1024,
            longest=1024,
            counts="kv",
        ),
    }
)
