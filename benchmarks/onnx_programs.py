"""Memory programs of ONNX files beside those of the modules that were exported: `python benchmarks/onnx_programs.py`.

Every bundled kind of network is exported by torch (the exporter of TorchScript, which needs no further package) and traced from
the file and from the module. Writes the block `onnx` of docs/memory.md. Needs the extra `onnx`, 4 GB of memory and some
CPU-minutes.
"""

from __future__ import annotations

import argparse
import functools
import sys
import tempfile
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

if not __package__:  # run as a script: import the project from the folder above
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

import torch
from torch import nn

from benchmarks import markdown_blocks
from dispatchgym.instances.errors import InputError
from dispatchgym.instances.memory.instance import BYTES, MemoryProgram
from dispatchgym.instances.memory.trace.command import find_class
from dispatchgym.instances.memory.trace.module import Shape, trace
from dispatchgym.instances.memory.trace.networks import NETWORKS
from dispatchgym.instances.memory.trace.onnx_graph import OnnxModule, inputs_of, read_onnx

PAGE = Path(__file__).resolve().parent.parent / "docs" / "memory.md"
SEQUENCE = 64  # tokens, or entries of caches
PRODUCTS = {"device_flops": 1e12, "vector_rate": 1e18}  # an operation of a product is a tick, any other one is next to nothing
HEAD = (
    "| network | instructions | MB moved | GFLOP of products | us of compute | "
    "differences of the file, % | and of a file whose constants are folded, % |\n| --- | ---: | ---: | ---: | ---: | --- | --- |"
)


class Totals(NamedTuple):
    """What is compared of a program."""

    instructions: int
    moved: int  # bytes of all accesses
    products: int  # operations of matrix products and convolutions
    compute: int  # ticks at the default rates

    def beside(self, module: Totals) -> str:
        """How many percent each is above the module's."""
        return ", ".join(f"{100 * (ours / theirs - 1):+.2f}" for ours, theirs in zip(self, module, strict=True))


def main(arguments: Sequence[str] | None = None) -> int:
    """0; 2 for bad input."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", nargs="+", choices=list(NETWORKS), metavar="NAME", help="default: all, into docs/memory.md")
    options = parser.parse_args(arguments)
    try:
        lines = [HEAD]
        print(HEAD)
        for name in options.networks or NETWORKS:
            lines.append(row(name))
            print(lines[-1], flush=True)
        if options.networks is None:
            markdown_blocks.fill(PAGE, "onnx", "\n".join(lines))
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def row(name: str) -> str:
    """The line of a network in the table: one input, of SEQUENCE tokens."""
    network = NETWORKS[name]
    shapes = [Shape.parse(text.format(b=1, s=SEQUENCE)) for text in network.inputs]
    module: nn.Module = find_class(network.target)(**network.arguments).eval()
    ours = totals(module, shapes, name)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{name}.onnx"
        found = []
        for fold in (False, True):
            export(module, shapes, path, fold)
            model = read_onnx(path)
            found.append(totals(functools.partial(OnnxModule, model, str(path)), inputs_of(model, None), name).beside(ours))
    millions = f"{ours.moved / 1e6:.1f} | {ours.products / 1e9:.2f} | {ours.compute / 1e6:.1f}"
    return f"| {name} | {ours.instructions} | {millions} | {found[0]} | {found[1]} |"


def totals(module: nn.Module | functools.partial[nn.Module], shapes: Sequence[Shape], name: str) -> Totals:
    usual: MemoryProgram = trace(module, shapes, name=name)
    products = trace(module, shapes, name=name, **PRODUCTS)
    return Totals(usual.instructions, int(usual.access[:, BYTES].sum()), int(products.compute.sum()), int(usual.compute.sum()))


def export(module: nn.Module, shapes: Sequence[Shape], path: Path, fold: bool) -> None:
    """Write the module for inputs of these shapes as an ONNX file; with `fold` what depends on constants alone is computed."""
    for number, tensor in enumerate([*module.parameters(), *module.buffers()]):
        if tensor.is_floating_point():  # in training no two are equal; of equal ones the exporter would store one
            nn.init.constant_(tensor, 1 + number)
    inputs = tuple(torch.zeros(shape.sizes, dtype=shape.dtype or torch.float32) for shape in shapes)
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        torch.onnx.export(module, inputs, str(path), dynamo=False, opset_version=20, do_constant_folding=fold)


if __name__ == "__main__":
    sys.exit(main())
